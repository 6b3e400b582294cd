import type { ClickHouseOptions } from './options.js';
import { migrate, SCHEMA_VERSION, Tables } from './schema.js';
import { ClickHouseServer } from './server.js';

/**
 * Makes the database and its tables, or brings them up to this program.
 * @returns the versions of the schema; 0 where there was none
 */
export async function migrateClickHouse(
  options: ClickHouseOptions,
  nowMs: number,
): Promise<{ before: number; now: number }> {
  const server = await ClickHouseServer.create(options);
  try {
    return { before: await migrate(server, new Tables(options.database), nowMs), now: SCHEMA_VERSION };
  } finally {
    await server.close();
  }
}
