import type { Clock, Log } from '../contract/context.js';
import type { Store } from '../contract/store.js';
import type { CheckedConfig } from './config.js';

export interface StoreMeans {
  clock: Clock;
  log: Log;
  /** For those who look while another process writes. */
  readOnly?: boolean;
  /** False for a process that works in the ledger beside the daemon, which brings the records where they belong. */
  ships?: boolean;
  /** Ends the opening of one that waits for a server. */
  stop?: AbortSignal;
}

/**
 * Opens the archive that a pipeline file names.
 * @throws IovError STORE_FAILED, SCHEMA_MISMATCH, COMPONENT_UNAVAILABLE
 */
export async function openStore(
  { archivePath, clickhouse, seal }: Pick<CheckedConfig, 'archivePath' | 'clickhouse' | 'seal'>,
  means: StoreMeans,
): Promise<Store> {
  if (clickhouse) {
    const { openClickHouseStore } = await import('../stores/clickhouse/open.js');
    return openClickHouseStore({ ...clickhouse, ...means, ...(seal && { seal }) });
  }
  const { openSqliteStore } = await import('../stores/sqlite/store.js');
  return openSqliteStore({ path: archivePath, ...means, ...(seal && { seal }) });
}
