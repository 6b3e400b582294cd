import { type Static, Type } from '../../contract/schema.js';

/** `archive: { clickhouse: … }` of a pipeline file. */
export const ClickHouseOptionsSchema = Type.Object(
  {
    url: Type.String({
      pattern: '^https?://[^/@\\s]+$',
      expected: 'a URL without a path: http://host:8123',
      description: 'HTTP interface of the server, 18.16 or later.',
      examples: ['https://clickhouse.example:8443'],
    }),
    database: Type.String({
      pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$',
      default: 'iovpipe',
      description: 'Database of the archive; `iovpipe migrate` makes it and its tables.',
    }),
    username: Type.String({ minLength: 1, default: 'default', description: 'Who we are there.' }),
    password: Type.Optional(Type.String({ secret: true, description: 'Its password; none where it is left out.' })),
    ledger: Type.String({
      minLength: 1,
      description:
        'Database file of this machine’s own ledger, relative to this file: requests, windows, files, and what ClickHouse does not have yet.',
      examples: ['var/ledger.db'],
    }),
    batchRecordsMax: Type.Integer({
      default: 20_000,
      minimum: 1,
      maximum: 1_000_000,
      description: 'Records in one insert.',
    }),
    batchBytesMax: Type.Integer({
      default: 16_000_000,
      minimum: 1_000,
      maximum: 256_000_000,
      description: 'Bytes in one insert; a single record may be larger.',
    }),
    batchDelayMs: Type.Integer({
      default: 200,
      minimum: 1,
      maximum: 60_000,
      description: 'How long records wait for others to share an insert with; ClickHouse likes few and large ones.',
    }),
    spoolBytesMax: Type.Integer({
      default: 4_000_000_000,
      minimum: 1_000,
      maximum: 1_000_000_000_000,
      description: 'Records that the ledger holds while ClickHouse takes none; beyond it callers are refused.',
    }),
    connectionsMax: Type.Integer({
      default: 8,
      minimum: 1,
      maximum: 100,
      description: 'Connections to the server at once.',
    }),
    requestTimeoutMs: Type.Integer({
      default: 60_000,
      minimum: 100,
      maximum: 3_600_000,
      description: 'For one insert or query, its answer included.',
    }),
    searchTimeoutMs: Type.Integer({
      default: 600_000,
      minimum: 1_000,
      maximum: 3_600_000,
      description: 'For the search of a day’s records that came twice, when a window is opened.',
    }),
    duplicateHorizonDays: Type.Integer({
      default: 3,
      minimum: 0,
      maximum: 400,
      description:
        'A request that came again within so many days, under another position, counts once: the one that came first.',
    }),
    cards: Type.Boolean({
      default: false,
      description:
        'Keeps the state by card in ClickHouse too: what changes a card has arrived when ClickHouse has it, and another machine takes the state over. For one machine at a time.',
    }),
  },
  { additionalProperties: false, description: 'Records in ClickHouse, shared by many machines.' },
);

/** Checked, with defaults; `ledger` is an absolute path. */
export type ClickHouseOptions = Static<typeof ClickHouseOptionsSchema>;
