import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Store } from '../../contract/store.js';
import { SimulatedClock } from '../../engine/clock.js';
import { openSqliteStore, type SqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from './bareContext.js';
import { changedSite, writeSite } from './site.js';
import { DAY_16_MS, HOUR_MS } from './testStore.js';

export const DAY_MS = 24 * HOUR_MS;
/** A name that stands nowhere else. */
export const NAME = '完颜阿骨打';

/** A card whose service has ended, one in service, one that nobody has registered, one without card data. */
export const CARDS = {
  gone: '89860000000000000001',
  here: '89860000000000000002',
  unregistered: '89860000000000000003',
  waiting: '89860000000000000004',
};

/** All that is kept of a card: state, record, request, due file, dead letter, sample, picture. */
export async function keepCard(store: Store, iccid: string, operType: string, pictures?: string): Promise<void> {
  const requestId = `R-${iccid}`;
  const code = '0002';
  const fields = { CustomerName: NAME, ICCID: iccid, VehicleStatus: '4' };
  await store.commit([
    (transaction) => {
      transaction.putCardSide(iccid, 'registration', { fields, tags: { iccid, operType } });
      transaction.append({ kind: 'KH', code, iccid, requestId, bytes: Buffer.from(JSON.stringify(fields)) });
      transaction.rememberRequest({ platformId: 'OEM', requestId, kind: 'KH', code, iccid });
      transaction.addDueFile({
        name: `KH_${requestId}_LSV1`,
        content: 'KH',
        requestId,
        code,
        iccid,
        withinMs: HOUR_MS,
      });
      transaction.addDeadLetter({
        pipeline: 'accounts-in',
        origin: requestId,
        code: 'CARD_LIMIT',
        reason: 'too many',
        tags: { iccid },
        raw: Buffer.from(JSON.stringify(fields)),
      });
      transaction.addSample({ pipeline: 'accounts-in', iccid, record: { CustomerName: '完***' } });
    },
  ]);
  await store.fileDelivered(`KH_${requestId}_LSV1`, '/upload');
  if (pictures === undefined) return;
  mkdirSync(join(pictures, iccid, 'face'), { recursive: true });
  writeFileSync(join(pictures, iccid, 'face', '001.jpg'), NAME);
}

/** The day's window is exported: nothing accepted before is needed by an export any more. */
export function exportDay(store: SqliteStore, clock: SimulatedClock): void {
  clock.set(DAY_16_MS + HOUR_MS);
  const key = { kind: 'KH', code: '0002', cutoff: '2022111600', type: 'P' } as const;
  store.windowDelivered(store.openWindow(key, DAY_16_MS, 'accounts-daily').id);
}

export const openArchive = (folder: string, clock = new SimulatedClock(Date.now())) =>
  openSqliteStore({ path: join(folder, 'var', 'archive.db'), clock, log: keptLog() });

/** A site whose archive was filled in 2022, so that by the machine's clock every term is over; `more` cards have ended too. */
export async function agedSite(t: Test, more: readonly string[] = []): Promise<string> {
  const folder = t.testdir({ var: {} });
  const retention = 'retention: { directories: [var/pictures] }\npipelines:';
  writeSite(folder, changedSite('pipeline.yaml', 'pipelines:', retention));
  const clock = new SimulatedClock(DAY_16_MS - DAY_MS);
  const store = await openArchive(folder, clock);
  const pictures = join(folder, 'var', 'pictures');
  await keepCard(store, CARDS.gone, '2', pictures);
  await keepCard(store, CARDS.here, '1', pictures);
  await Promise.all(more.map((iccid) => keepCard(store, iccid, '2')));
  await store.commit([
    (transaction) => {
      transaction.putCardSide(CARDS.here, 'card', { fields: {}, tags: {} });
      transaction.putCardSide(CARDS.unregistered, 'card', { fields: {}, tags: {} });
      transaction.putCardSide(CARDS.waiting, 'registration', { fields: {}, tags: { operType: '1' } });
    },
  ]);
  exportDay(store, clock);
  await store.close();
  return folder;
}
