import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { NewRecord } from '../../contract/store.js';
import { generator } from '../../demo/generator.js';
import { SimulatedClock } from '../../engine/clock.js';
import { compileSerializer } from '../../notice/serializer.js';
import { tableOf } from '../../notice/tables/index.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from './bareContext.js';

const BATCH = 500;

/** Accounts as lines of table 12, and what is in them to be found by. */
export function accountRecords(seed: number, from: number, to: number): { iccid: string; bytes: Uint8Array }[] {
  const serialize = compileSerializer(tableOf(12, {}));
  const made = generator(seed);
  return Array.from({ length: to - from }, (_, index) => {
    const record = made.record(from + index);
    return { iccid: String(record.ICCID), bytes: serialize(record) };
  });
}

/** The schedules of these pipelines last ran at that time: whoever starts later finds them due. */
export async function schedulesDone(path: string, pipelines: readonly string[], atMs: number): Promise<void> {
  const store = await openSqliteStore({ path, clock: new SimulatedClock(atMs), log: keptLog() });
  const position = { offset: atMs, line: 0, fingerprint: '' };
  await store.commit(pipelines.map((name) => (transaction) => transaction.setPosition(name, 'schedule', position)));
  await store.close();
}

/** Of these pipelines those whose schedule has not come that far. */
export async function schedulesBehind(path: string, pipelines: readonly string[], atMs: number): Promise<string[]> {
  const store = await openSqliteStore({ path, clock: new SimulatedClock(atMs), log: keptLog(), readOnly: true });
  const behind = pipelines.filter((name) => (store.position(name, 'schedule')?.offset ?? 0) < atMs);
  await store.close();
  return behind;
}

/** Puts accounts (KH, by ICCID) and vehicles (CL, by RequestID) of that day into an archive. */
export async function fillArchive(
  path: string,
  atMs: number,
  wanted: { seed: number; accounts: number; vehicles?: number; from?: number },
): Promise<{ accounts: string[]; vehicles: string[] }> {
  const { seed, accounts, vehicles = 0, from = 0 } = wanted;
  mkdirSync(dirname(path), { recursive: true });
  const store = await openSqliteStore({ path, clock: new SimulatedClock(atMs), log: keptLog() });
  const made = generator(seed);
  const records: NewRecord[] = accountRecords(seed, from, from + accounts).map(({ iccid, bytes }) => ({
    kind: 'KH',
    code: '0002',
    iccid,
    bytes,
  }));
  const ids: string[] = [];
  for (let index = from; index < from + vehicles; index += 1) {
    const { requestId, code, detail } = made.vehicle(index);
    // a real message holds ciphertext here, which no export ever opens
    const EncryptCarInfo = Buffer.from(JSON.stringify(detail)).toString('base64');
    const bytes = Buffer.from(JSON.stringify({ RequestID: requestId, Code: code, EncryptCarInfo }));
    records.push({ kind: 'CL', code, requestId, bytes });
    ids.push(requestId);
  }
  for (let at = 0; at < records.length; at += BATCH) {
    const batch = records.slice(at, at + BATCH);
    await Promise.all(batch.map((record) => store.commit([(transaction) => void transaction.append(record)])));
  }
  await store.close();
  return { accounts: records.flatMap(({ kind, iccid }) => (kind === 'KH' && iccid ? [iccid] : [])), vehicles: ids };
}
