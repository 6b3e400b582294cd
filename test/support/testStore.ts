import { join } from 'node:path';
import type { Test } from 'tap';
import type { NewRecord, Store } from '../../contract/store.js';
import { SimulatedClock } from '../../engine/clock.js';
import { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from '../../stores/sqlite/store.js';
import { keptLog } from './bareContext.js';

/** 2022-11-16 00:00 Asia/Shanghai, a day on which both P and F are due. */
export const DAY_16_MS = Date.UTC(2022, 10, 15, 16);
export const HOUR_MS = 3_600_000;

export interface TestStore {
  store: SqliteStore;
  clock: SimulatedClock;
  path: string;
  log: ReturnType<typeof keptLog>;
}

/** A store in a folder of its own, closed when the test ends. Its clock starts at 2022-11-15 00:00 and stands still. */
export async function testStore(t: Test, options: Partial<SqliteStoreOptions> = {}): Promise<TestStore> {
  const path = options.path ?? join(t.testdir({}), 'archive.db');
  const clock = new SimulatedClock(DAY_16_MS - 24 * HOUR_MS);
  const log = keptLog();
  const store = await openSqliteStore({ clock, log, ...options, path });
  t.teardown(() => store.close());
  return { store, clock, path, log };
}

export function newRecord(text: string, more: Partial<NewRecord> = {}): NewRecord {
  return { kind: 'KH', code: '0002', bytes: Buffer.from(text), ...more };
}

/** Appends records one after the other, in one group. */
export async function append(store: Store, ...records: NewRecord[]): Promise<void> {
  await Promise.all(records.map((record) => store.commit([(transaction) => void transaction.append(record)])));
}

export function textsOf(records: Iterable<Uint8Array>): string[] {
  return [...records].map((bytes) => Buffer.from(bytes).toString());
}
