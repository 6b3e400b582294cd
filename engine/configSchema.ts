import { Type } from 'typebox';
import { PeerOptions } from '../contract/peer.js';

/** Names of pipelines, connections and peers: they stand in logs, file names and on the command line. */
const NAME = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9-]{0,63}$' });
const named = { additionalProperties: false, keys: 'names of letters, digits and -' };

/** `{ name: options }`; the options are checked by the component's own schema. */
const Component = Type.Record(Type.String(), Type.Unknown(), {
  minProperties: 1,
  maxProperties: 1,
  expected: 'one component: { name: options }',
});

export const ScheduleOptions = Type.Object(
  {
    at: Type.String({
      description:
        'When it starts, as cron writes it, in Asia/Shanghai: minute, hour, day of month, month, day of week.',
      examples: ['0 0 * * *', '0 0 16 * *'],
    }),
    finishBy: Type.Optional(
      Type.String({
        pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$',
        expected: 'a time of day, HH:MM',
        description:
          'Time of the same day by which it must be done; an alarm comes before it is missed (notice 7.1.1: 05:00).',
        examples: ['05:00'],
      }),
    ),
  },
  { additionalProperties: false },
);

const PipelineOptions = Type.Object(
  {
    schedule: Type.Optional(
      Type.Union([ScheduleOptions, Type.Literal('manual')], {
        expected: 'a mapping with at, finishBy, or manual',
        description: 'When a source that reads a window runs; `manual`: only by `iovpipe run FILE --once NAME`.',
      }),
    ),
    source: Component,
    operators: Type.Array(Component, {
      default: [],
      maxItems: 100,
      expected: 'a list of components, each { name: options }',
    }),
    sink: Component,
  },
  { additionalProperties: false },
);

export const RetentionOptions = Type.Object(
  {
    afterServiceDays: Type.Integer({
      default: 731,
      minimum: 730,
      maximum: 36_500,
      description:
        'Days that everything about a card is kept after its service ended; two years with a leap day in them by default.',
    }),
    at: Type.Optional(
      Type.String({
        description:
          'When it is purged, as cron writes it, in Asia/Shanghai; without it only when `iovpipe purge` is called.',
        examples: ['30 3 * * *'],
      }),
    ),
    directories: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      maxItems: 100,
      expected: 'a list of folders',
      description:
        'Folders with a folder a card in them, named by its ICCID, which goes with the card; relative to this file.',
      examples: [['var/pictures']],
    }),
  },
  { additionalProperties: false },
);

/** A pipeline file, but for the options of components. */
export const ConfigSchema = Type.Object(
  {
    timezone: Type.Literal('Asia/Shanghai', {
      default: 'Asia/Shanghai',
      description: 'Every time in this file and in the notice is Asia/Shanghai.',
    }),
    environment: Type.Boolean({
      default: false,
      description: 'Allows env substitutions in this file, which are off by default.',
    }),
    peers: Type.Record(NAME, PeerOptions, {
      ...named,
      default: {},
      expected: 'a mapping of peers by name',
      description: 'Platforms that may call us, and whom we call.',
    }),
    codes: Type.Record(Type.String({ pattern: '^A\\.[1-6]$' }), Type.Record(Type.String(), Type.String()), {
      additionalProperties: false,
      keys: 'code tables A.1 to A.6',
      default: {},
      expected: 'a mapping of code tables A.1 to A.6',
      description: 'Code tables of the site (A.1 to A.6: code to meaning), in place of the placeholders.',
    }),
    tables: Type.Record(
      Type.String({ pattern: '^([1-9]|1[0-2])$' }),
      Type.Record(
        Type.String(),
        Type.Object(
          {
            name: Type.Optional(Type.String({ minLength: 1, description: 'Name on the wire.' })),
            presence: Type.Optional(
              Type.Union([Type.Literal('M'), Type.Literal('C'), Type.Literal('O')], {
                description: 'Mandatory, conditional or optional.',
              }),
            ),
          },
          { additionalProperties: false },
        ),
      ),
      {
        additionalProperties: false,
        keys: 'numbers of tables, 1 to 12',
        default: {},
        expected: 'a mapping of tables 1 to 12',
        description: 'What the site changes in a table of the notice: number, field, then its new name or presence.',
      },
    ),
    connections: Type.Record(NAME, Component, {
      ...named,
      default: {},
      expected: 'a mapping of connections by name',
      description: 'What pipelines share: listeners and pools, by name.',
    }),
    archive: Type.Object(
      {
        sqlite: Type.Object(
          {
            path: Type.String({
              minLength: 1,
              description: 'Database file, relative to this file.',
              examples: ['var/archive.db'],
            }),
          },
          { additionalProperties: false },
        ),
      },
      { additionalProperties: false, description: 'Where records, the ledger and the dead letters are kept.' },
    ),
    outbox: Type.String({
      default: 'var/outbox',
      minLength: 1,
      description: 'Folder of packed files until they are delivered, relative to this file.',
    }),
    retention: Type.Optional(RetentionOptions),
    pipelines: Type.Record(NAME, PipelineOptions, {
      ...named,
      minProperties: 1,
      expected: 'a mapping of at least one pipeline by name',
      description: 'Each from a source through operators into a sink.',
    }),
  },
  { additionalProperties: false },
);
