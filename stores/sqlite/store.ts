import { randomBytes } from 'node:crypto';
import type { Clock, Log } from '../../contract/context.js';
import type { WindowKey } from '../../contract/file.js';
import type { Seal } from '../../contract/seal.js';
import type { Store, Stretch, TraceStep, WindowRow } from '../../contract/store.js';
import { openDatabase, storeFailed } from './database.js';
import { defaultBounds, type GroupBounds } from './groupCommit.js';
import { Ledger } from './ledger.js';
import { LogFlush } from './logFlush.js';
import { migrate } from './schema.js';

export interface SqliteStoreOptions {
  path: string;
  clock: Clock;
  log: Log;
  /** For status, trace and dead letters while another process writes. */
  readOnly?: boolean;
  bounds?: Partial<GroupBounds>;
  seal?: Seal;
}

/**
 * Archive, state by card, requests, ledger and dead letters in one SQLite file, so that one transaction covers them all.
 * @throws IovError STORE_FAILED; COMPONENT_UNAVAILABLE without the native module
 */
export async function openSqliteStore({
  path,
  clock,
  log,
  readOnly = false,
  bounds,
  seal,
}: SqliteStoreOptions): Promise<SqliteStore> {
  const database = await openDatabase(path, readOnly, seal);
  try {
    migrate(database, path, readOnly);
    return new SqliteStore(database, new LogFlush(path, seal), {
      clock,
      log,
      readOnly,
      bounds: { ...defaultBounds, ...bounds },
    });
  } catch (thrown) {
    database.close();
    throw storeFailed(thrown, `opening ${path}`);
  }
}

/** The records are in the file, too: reading them needs no waiting. */
export class SqliteStore extends Ledger implements Store {
  codes(kind: 'KH' | 'CL', cutoffMs: number): string[] {
    return this.transactions.read('reading the codes', () => this.archive.codes(kind, cutoffMs));
  }

  openWindow(key: WindowKey, cutoffMs: number, pipeline: string): WindowRow {
    return this.run('opening a window', () => this.windows.open(key, cutoffMs, pipeline, this.clock.now()));
  }

  stretches(window: WindowRow, recordsMax: number): Iterable<Stretch> {
    return this.archive.stretches(window, recordsMax);
  }

  records(window: WindowRow, fromPosition: number, toPosition: number): Iterable<Uint8Array> {
    return this.archive.records(window, fromPosition, toPosition);
  }

  lines(window: WindowRow, stretch: Stretch, from: number, to: number): Iterable<Uint8Array> {
    return this.archive.lines(window, stretch, from, to);
  }

  fileIv(_baseName: string): string {
    return randomBytes(16).toString('hex');
  }

  trace(key: string): TraceStep[] {
    return this.run('tracing', () => this.traces.of(key));
  }
}
