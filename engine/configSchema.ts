import { PeerOptions } from '../contract/peer.js';
import { Type } from '../contract/schema.js';
import { ClickHouseOptionsSchema } from '../stores/clickhouse/options.js';
import { TracingOptions } from './tracingRules.js';

/** Names of pipelines, connections and peers: they stand in logs, file names and on the command line. */
export const NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9-]{0,63}$';
const NAME = Type.String({ pattern: NAME_PATTERN });
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
  {
    additionalProperties: false,
    description: 'How long what is known of a card is kept after its service has ended (article 18).',
  },
);

const SealKey = (description: string) =>
  Type.String({
    pattern: '^[0-9a-fA-F]{64}$',
    expected: '64 hex digits (openssl rand -hex 32)',
    secret: true,
    description,
  });

const SealOptions = Type.Object(
  {
    key: SealKey(`32 bytes in hex: \`\${secret:archive.key}\`.`),
    cipher: Type.Union([Type.Literal('aegis'), Type.Literal('aes256')], {
      default: 'aegis',
      description: '`aegis`: AEGIS-256, which also finds what was tampered with. `aes256`: AES-256-CBC.',
    }),
    previous: Type.Optional(
      Type.Object(
        {
          key: SealKey('The key before.'),
          cipher: Type.Union([Type.Literal('aegis'), Type.Literal('aes256')], {
            default: 'aegis',
            description: 'The cipher before.',
          }),
        },
        {
          additionalProperties: false,
          description:
            'How the file is sealed now, for `iovpipe rekey`, which seals it anew; taken out again afterwards.',
        },
      ),
    ),
  },
  {
    additionalProperties: false,
    description:
      'Encrypts the SQLite file and the log beside it at rest, page by page: records, cards, requests, dead letters. A file that is there already is sealed by `iovpipe rekey`.',
  },
);

export const DashboardOptions = Type.Object(
  {
    listen: Type.String({
      pattern: '^(\\[[0-9a-fA-F:.]+\\]|[^:\\[\\]]+):\\d{1,5}$',
      expected: 'host:port',
      default: '127.0.0.1:9464',
      description: 'Address and port of the page and of /metrics; port 0 takes a free one.',
      examples: ['127.0.0.1:9464'],
    }),
    token: Type.Optional(
      Type.String({
        minLength: 16,
        maxLength: 512,
        secret: true,
        description:
          'What a browser is asked for, and what others send as `Authorization: Bearer …`; needed on any address but loopback.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Where the page and the metrics are served, beside the control socket.',
  },
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
        sqlite: Type.Optional(
          Type.Object(
            {
              path: Type.String({
                minLength: 1,
                description: 'Database file, relative to this file.',
                examples: ['var/archive.db'],
              }),
            },
            { additionalProperties: false, description: 'Everything in one file on this machine.' },
          ),
        ),
        clickhouse: Type.Optional(ClickHouseOptionsSchema),
      },
      {
        additionalProperties: false,
        minProperties: 1,
        maxProperties: 1,
        expected: 'a mapping with either sqlite or clickhouse',
        description: 'Where records, the ledger and the dead letters are kept.',
      },
    ),
    seal: Type.Optional(SealOptions),
    outbox: Type.String({
      default: 'var/outbox',
      minLength: 1,
      description: 'Folder of packed files until they are delivered, relative to this file.',
    }),
    retention: Type.Optional(RetentionOptions),
    drainMs: Type.Integer({
      default: 60_000,
      minimum: 0,
      maximum: 3_600_000,
      description:
        'How long work under way may take to settle when the daemon stops, or a reload stops a pipeline; the rest is taken up at the next start.',
    }),
    stuckMs: Type.Integer({
      default: 1_800_000,
      minimum: 1_000,
      maximum: 86_400_000,
      description:
        'A pipeline that has items under way and takes no step for so long is stuck: it raises the alarm, and systemd is no longer told that all is well, so that it starts the daemon anew. A delivery that is tried again takes steps.',
    }),
    dashboard: Type.Optional(DashboardOptions),
    tracing: Type.Optional(TracingOptions),
    pipelines: Type.Record(NAME, PipelineOptions, {
      ...named,
      minProperties: 1,
      expected: 'a mapping of at least one pipeline by name',
      description: 'Each from a source through operators into a sink.',
    }),
  },
  { additionalProperties: false },
);
