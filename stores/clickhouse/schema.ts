import { randomBytes } from 'node:crypto';
import { IovError } from '../../contract/error.js';
import { codeOf } from './failures.js';
import type { ClickHouseServer } from './server.js';
import { name, type Sql, sql } from './sql.js';

type Table = 'records' | 'excluded' | 'windows' | 'deliveries' | 'cards' | 'settings' | 'nodes' | 'schema';
type View = 'accepted' | 'known_cards';

/** The tables of an archive, by their full names. */
export class Tables {
  readonly database: Sql;

  constructor(database: string) {
    this.database = name(database);
  }

  named(table: Table | View): Sql {
    return sql`${this.database}.${name(table)}`;
  }
}

/**
 * The schema as a row of steps; the table `schema` lists those taken. A step that has been released is never edited: a change
 * is a step of its own, and each statement may run twice. Times are milliseconds since 1970.
 */
const steps: readonly ((tables: Tables) => Sql[])[] = [
  (tables) => [
    // Kind, code and position are what a record is known by: the same row inserted again is the same record.
    sql`CREATE TABLE IF NOT EXISTS ${tables.named('records')} (
      kind String, code String, position UInt64, accepted_at Int64, iccid String, request_id String, platform_id String,
      size UInt32, bytes String
    ) ENGINE = ReplacingMergeTree() PARTITION BY toYYYYMM(toDateTime(intDiv(accepted_at, 1000), 'UTC'))
    ORDER BY (kind, code, position) SETTINGS index_granularity = 1024`,
    // Records that are another one over again: no window holds them.
    sql`CREATE TABLE IF NOT EXISTS ${tables.named('excluded')} (kind String, code String, position UInt64)
    ENGINE = ReplacingMergeTree() ORDER BY (kind, code, position)`,
    sql`CREATE TABLE IF NOT EXISTS ${tables.named('windows')} (
      kind String, code String, type String, cutoff String, from_ms Int64, to_ms Int64, records UInt64, pipeline String,
      host String, planned_at Int64
    ) ENGINE = MergeTree() ORDER BY (kind, code, type, cutoff)`,
    sql`CREATE TABLE IF NOT EXISTS ${tables.named('deliveries')} (
      kind String, code String, type String, cutoff String, file String, bytes UInt64, sm3 String, remote_path String,
      plan String, from_position UInt64, to_position UInt64, host String, delivered_at Int64
    ) ENGINE = MergeTree() ORDER BY (kind, code, type, cutoff, file)`,
    sql`CREATE TABLE IF NOT EXISTS ${tables.named('settings')} (setting String, value String, set_at Int64)
    ENGINE = MergeTree() ORDER BY setting`,
    // Which ledger gives its own records which numbers.
    sql`CREATE TABLE IF NOT EXISTS ${tables.named('nodes')} (node UInt32, ledger String) ENGINE = MergeTree() ORDER BY node`,
    // For people who ask: every record once, without its content.
    sql`CREATE VIEW IF NOT EXISTS ${tables.named('accepted')} AS
    SELECT kind, code, position, any(accepted_at) AS accepted_ms, toDateTime(intDiv(accepted_ms, 1000), 'Asia/Shanghai') AS accepted,
      any(iccid) AS iccid, any(request_id) AS request_id, any(platform_id) AS platform_id, any(size) AS size
    FROM ${tables.named('records')}
    WHERE (kind, code, position) NOT IN (SELECT kind, code, position FROM ${tables.named('excluded')})
    GROUP BY kind, code, position`,
  ],
  (tables) => [
    // The state by card, where the ledger that owns it brings it here: of rows about one side that with the greatest version counts.
    sql`CREATE TABLE IF NOT EXISTS ${tables.named('cards')} (
      iccid String, side String, version UInt64, updated_at Int64, person String, content String
    ) ENGINE = ReplacingMergeTree(version) ORDER BY (iccid, side) SETTINGS index_granularity = 1024`,
    // For people who ask: every card once, since when each side is there (0: it is not), without its content.
    sql`CREATE VIEW IF NOT EXISTS ${tables.named('known_cards')} AS
    SELECT iccid, maxIf(updated_at, side = 'registration') AS registration_ms, maxIf(updated_at, side = 'card') AS card_ms,
      multiIf(registration_ms = 0, 'unregistered', card_ms = 0, 'waitingForCard', 'complete') AS state,
      toDateTime(intDiv(greatest(registration_ms, card_ms), 1000), 'Asia/Shanghai') AS changed
    FROM ${tables.named('cards')} GROUP BY iccid`,
  ],
];

export const SCHEMA_VERSION = steps.length;

/**
 * Brings the database up to this program's schema; doing it again does nothing.
 * @returns the version before
 * @throws IovError STORE_FAILED; SCHEMA_MISMATCH where the schema is of a newer program
 */
export async function migrate(server: ClickHouseServer, tables: Tables, nowMs: number): Promise<number> {
  await server.run('making the database', sql`CREATE DATABASE IF NOT EXISTS ${tables.database}`);
  await server.run(
    'making the table of versions',
    sql`CREATE TABLE IF NOT EXISTS ${tables.named('schema')} (version UInt32, applied_at Int64) ENGINE = MergeTree() ORDER BY version`,
  );
  const version = await versionOf(server, tables);
  if (version > SCHEMA_VERSION) throw newer(version);
  for (let next = version; next < SCHEMA_VERSION; next += 1) {
    for (const statement of steps[next]?.(tables) ?? []) await server.run(`taking step ${next + 1}`, statement);
    if (next === 0) await drawSalt(server, tables, nowMs);
    await server.run(
      `noting step ${next + 1}`,
      sql`INSERT INTO ${tables.named('schema')} SELECT toUInt32(${next + 1}), toInt64(${nowMs})`,
    );
  }
  return version;
}

/** @throws IovError SCHEMA_MISMATCH; STORE_FAILED where the server does not answer */
export async function checkSchema(server: ClickHouseServer, tables: Tables): Promise<void> {
  const version = await versionOf(server, tables).catch((thrown: unknown) => {
    const cause = thrown instanceof Error ? codeOf(thrown.cause) : undefined;
    if (cause === UNKNOWN_TABLE || cause === UNKNOWN_DATABASE) return 0;
    throw thrown;
  });
  if (version > SCHEMA_VERSION) throw newer(version);
  if (version < SCHEMA_VERSION) {
    const has = version === 0 ? 'has no tables of an archive' : `has schema ${version} of ${SCHEMA_VERSION}`;
    throw new IovError('SCHEMA_MISMATCH', `ClickHouse ${has}; \`iovpipe migrate\` brings it up to date`);
  }
}

const UNKNOWN_TABLE = 60;
const UNKNOWN_DATABASE = 81;

async function versionOf(server: ClickHouseServer, tables: Tables): Promise<number> {
  const [row] = await server.rows('looking at the schema', sql`SELECT max(version) FROM ${tables.named('schema')}`);
  return Number(row?.[0] ?? 0);
}

function newer(version: number): IovError {
  const known = `this program knows ${SCHEMA_VERSION}`;
  return new IovError('SCHEMA_MISMATCH', `ClickHouse has schema ${version}, ${known}; use the newer program`);
}

/** What every machine makes the IVs of its files with; of two that were drawn at once the first counts. */
async function drawSalt(server: ClickHouseServer, tables: Tables, nowMs: number): Promise<void> {
  const salt = randomBytes(32).toString('hex');
  const settings = tables.named('settings');
  await server.run('drawing the salt', sql`INSERT INTO ${settings} SELECT ${SALT}, ${salt}, toInt64(${nowMs})`);
}

const SALT = 'ivSalt';

/** Hex digits. */
export async function saltOf(server: ClickHouseServer, tables: Tables): Promise<string> {
  const query = sql`SELECT value FROM ${tables.named('settings')} WHERE setting = ${SALT} ORDER BY set_at, value LIMIT 1`;
  const salt = (await server.rows('reading the salt', query))[0]?.[0];
  if (salt) return salt;
  throw new IovError('SCHEMA_MISMATCH', 'ClickHouse has no salt for the files; `iovpipe migrate` draws it');
}
