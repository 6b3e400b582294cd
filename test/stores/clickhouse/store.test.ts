import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { NewRecord, Store, Stretch, WindowRow } from '../../../contract/store.js';
import { SimulatedClock } from '../../../engine/clock.js';
import { cutoffOf } from '../../../notice/cutoff.js';
import type { ClickHouseOptions } from '../../../stores/clickhouse/options.js';
import { Plans } from '../../../stores/clickhouse/plans.js';
import { Tables } from '../../../stores/clickhouse/schema.js';
import { ClickHouseServer } from '../../../stores/clickhouse/server.js';
import { clickHouseStore, newArchive, startClickHouse } from '../../support/clickhouse.js';
import { append, DAY_16_MS, HOUR_MS, newRecord } from '../../support/testStore.js';

const server = await startClickHouse();
if (server) t.teardown(() => server.stop());
const skip = server ? false : 'no ClickHouse';

const key = (cutoffMs: number, more: object = {}) =>
  ({ kind: 'KH', code: '0002', cutoff: cutoffOf(cutoffMs), type: 'P', ...more }) as const;

/** A store on an archive of its own, or on one that is there; its clock starts a day before the cut-off. */
async function opened(t: Test, given: Partial<ClickHouseOptions> & { archive?: ClickHouseOptions } = {}) {
  if (!server) throw new Error('skipped');
  const { archive, ...more } = given;
  const ledger = more.ledger ?? join(t.testdir({}), 'ledger.db');
  const options = archive ? { ...archive, ...more, ledger } : await newArchive(server, ledger, more);
  const clock = new SimulatedClock(DAY_16_MS - 24 * HOUR_MS);
  return { clock, options, ...(await clickHouseStore(t, options, { clock })) };
}

async function textOf(store: Store, row: WindowRow, recordsMax = 3): Promise<string[]> {
  const texts: string[] = [];
  for await (const stretch of store.stretches(row, recordsMax)) texts.push(...(await linesOf(store, row, stretch)));
  return texts;
}

async function linesOf(store: Store, row: WindowRow, stretch: Stretch): Promise<string[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of store.lines(row, stretch, 0, stretch.sizes.length)) pieces.push(piece);
  const lines = Buffer.concat(pieces).toString().split('\n').slice(0, -1);
  if (lines.length !== stretch.sizes.length)
    throw new Error(`${lines.length} lines of ${stretch.sizes.length} records`);
  return lines;
}

const placed = (position: number, text: string, more: Partial<NewRecord> = {}): NewRecord =>
  newRecord(text, { position, acceptedAt: DAY_16_MS - HOUR_MS, ...more });

t.test('a window covers what was accepted before its end, and the next one goes on from there', { skip }, async (t) => {
  const { store, clock } = await opened(t);
  clock.set(DAY_16_MS - 1);
  await append(store, newRecord('before'), newRecord('other', { code: '0003' }));
  clock.set(DAY_16_MS);
  await append(store, newRecord('at the end'));
  const first = await store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
  t.same(await textOf(store, first), ['before']);
  t.match(first, { state: 'open', pipeline: 'daily', options: '' });
  t.same(await store.openWindow(key(DAY_16_MS), DAY_16_MS, 'another'), first, 'asked for again it is the same row');
  t.same(await store.codes('KH', DAY_16_MS), ['0002', '0003']);
  const next = DAY_16_MS + 24 * HOUR_MS;
  await t.rejects(store.openWindow(key(next), next, 'daily'), { code: 'WINDOW_CONFLICT', message: /future/ });
  clock.set(next + 1);
  const second = await store.openWindow(key(next), next, 'daily');
  t.same(await textOf(store, second), ['at the end']);
  const full = await store.openWindow(key(next, { type: 'F' }), next, 'monthly');
  t.same(await textOf(store, full), ['before', 'at the end']);
  const between = DAY_16_MS + HOUR_MS;
  await t.rejects(store.openWindow(key(between), between, 'daily'), { code: 'WINDOW_COVERED', message: /later one/ });
  t.match(await store.totals(), [
    { code: '0002', count: 2 },
    { code: '0003', count: 1 },
  ]);
});

t.test(
  'a record accepted while its window is planned falls into the next one, whatever the clock says',
  { skip },
  async (t) => {
    const { store, clock } = await opened(t);
    clock.set(DAY_16_MS + 5);
    const window = await store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
    clock.set(DAY_16_MS - HOUR_MS);
    await append(store, newRecord('late'));
    t.same(await textOf(store, window), []);
    clock.set(DAY_16_MS + 48 * HOUR_MS);
    const next = DAY_16_MS + 24 * HOUR_MS;
    t.same(await textOf(store, await store.openWindow(key(next), next, 'daily')), ['late']);
  },
);

t.test('a batch that is inserted twice is read once', { skip }, async (t) => {
  const { store, clock } = await opened(t);
  const records = Array.from({ length: 10 }, (_, number) => placed(number + 1, `record ${number}`));
  await append(store, ...records);
  await append(store, ...records.slice(2));
  t.same(await Promise.all([store.holds('KH', '0002', 3), store.holds('KH', '0002', 11)]), [true, false]);
  clock.set(DAY_16_MS + 1);
  const row = await store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
  const texts = records.map((_, number) => `record ${number}`);
  t.same(await textOf(store, row), texts);
  const one: string[] = [];
  for await (const bytes of store.records(row, 2, 7)) one.push(Buffer.from(bytes).toString());
  t.same(one, texts.slice(2, 7), 'record by record, too');
});

t.test(
  'a request that came twice under two positions counts once, the first time, in P and in F',
  { skip },
  async (t) => {
    const { store, clock } = await opened(t, { duplicateHorizonDays: 3 });
    const of = (requestId: string, daysAgo: number, more: Partial<NewRecord> = {}) => ({
      platformId: 'OEM',
      requestId,
      acceptedAt: DAY_16_MS - daysAgo * 24 * HOUR_MS - 1,
      ...more,
    });
    await append(
      store,
      placed(900, 'A first', of('A', 2)),
      placed(5, 'A again, lower and later', of('A', 0.5)),
      placed(7, 'A of another card', of('A', 0.5, { iccid: '8986' })),
      placed(8, 'A of another platform', of('A', 0.5, { platformId: 'OTHER' })),
      placed(20, 'B first', of('B', 0)),
      placed(21, 'B again at the same time', of('B', 0)),
      placed(30, 'C long ago', of('C', 9)),
      placed(31, 'C anew', of('C', 0)),
      placed(40, 'no request'),
      placed(41, 'no request'),
    );
    clock.set(DAY_16_MS + 48 * HOUR_MS);
    const early = DAY_16_MS - 24 * HOUR_MS;
    const P1 = await store.openWindow(key(early), early, 'daily');
    t.same(await textOf(store, P1), ['C long ago', 'A first']);
    const P2 = await store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
    const second = ['A of another card', 'A of another platform', 'B first', 'C anew', 'no request', 'no request'];
    t.same(await textOf(store, P2), second);
    const F = await store.openWindow(key(DAY_16_MS, { type: 'F' }), DAY_16_MS, 'monthly');
    t.same((await textOf(store, F)).sort(), [...second, 'A first', 'C long ago'].sort());
    await append(store, placed(50, 'B once more', of('B', -1)));
    const late = DAY_16_MS + 25 * HOUR_MS;
    t.same(await textOf(store, await store.openWindow(key(late), late, 'daily')), [], 'known from the window before');
  },
);

t.test(
  'two machines plan one window, make the same IVs, and know what the other has delivered',
  { skip },
  async (t) => {
    const one = await opened(t);
    const other = await opened(t, { archive: one.options, ledger: join(t.testdirName, 'other.db') });
    await append(one.store, newRecord('of one'), placed(7, 'from a topic'));
    await append(other.store, newRecord('of the other'));
    for (const { clock } of [one, other]) clock.set(DAY_16_MS + 1);
    // whoever plans must have all; in a cluster it all comes through Kafka
    await other.store.openWindow(key(DAY_16_MS, { code: 'none' }), DAY_16_MS, 'daily');
    const row = await one.store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
    const there = await other.store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
    t.same(await textOf(one.store, row), await textOf(other.store, there));
    t.same((await textOf(one.store, row)).sort(), ['from a topic', 'of one', 'of the other'], 'no two at one position');
    const baseName = 'KH_0002_2022111600_P_000001end';
    t.equal(one.store.fileIv(baseName), other.store.fileIv(baseName));
    t.match(one.store.fileIv(baseName), /^[0-9a-f]{32}$/);
    t.not(one.store.fileIv(baseName), one.store.fileIv('KH_0002_2022111600_P_000002end'));
    const plan = {
      baseName,
      window: key(DAY_16_MS),
      sequence: 1,
      records: 3,
      textBytes: 40,
      iv: one.store.fileIv(baseName),
      mtimeMs: DAY_16_MS,
      state: 'planned' as const,
    };
    one.store.planFile({ windowId: row.id, plan, fromPosition: 7, toPosition: 9 });
    await one.store.filePacked(baseName, { packedName: `${baseName}.bin`, path: '/x', bytes: 10, sm3: 'ab' });
    await one.store.fileDelivered(baseName, `/upload/${baseName}.bin`);
    t.equal(other.store.file(baseName), undefined);
    await other.store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
    t.match(other.store.file(baseName), {
      state: 'delivered',
      remotePath: `/upload/${baseName}.bin`,
      plan: { records: 3 },
    });
    other.clock.set(DAY_16_MS + 2);
    other.store.reopenWindow(there.id);
    await other.store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
    t.match(
      other.store.file(baseName),
      { state: 'planned' },
      'what is to be delivered again is not taken as delivered',
    );
  },
);

t.test('a window begins where the one before it ended, whoever asks, and however late', { skip }, async (t) => {
  const { store, clock, options } = await opened(t);
  await append(store, newRecord('first'));
  const next = DAY_16_MS + 24 * HOUR_MS;
  clock.set(next + 1);
  await store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
  const row = await store.openWindow(key(next), next, 'daily');
  const server = await ClickHouseServer.create(options);
  t.teardown(() => server.close());
  // another machine has looked for this window when it was not planned yet, and goes on now
  const slow = new Plans(server, new Tables(options.database), 'slow');
  t.equal(await slow.beginOf(key(next)), row.fromPosition + 1);
  t.equal(await slow.beginOf(key(next)), DAY_16_MS, 'where the window before it ends, and not where it ends itself');
});

t.test('files that another machine has cut otherwise are found out', { skip }, async (t) => {
  const one = await opened(t);
  const other = await opened(t, { archive: one.options, ledger: join(t.testdirName, 'other.db') });
  for (const { clock } of [one, other]) clock.set(DAY_16_MS + 1);
  const baseName = 'KH_0002_2022111600_P_000001';
  for (const [{ store }, records] of [
    [one, 3],
    [other, 2],
  ] as const) {
    const row = await store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
    const iv = store.fileIv(baseName);
    const state = 'planned' as const;
    const plan = { baseName, window: key(DAY_16_MS), sequence: 1, records, textBytes: 40, iv, mtimeMs: 1, state };
    store.planFile({ windowId: row.id, plan, fromPosition: 1, toPosition: records });
  }
  await one.store.filePacked(baseName, { packedName: `${baseName}.bin`, path: '/x', bytes: 10, sm3: 'ab' });
  await one.store.fileDelivered(baseName, `/upload/${baseName}.bin`);
  await t.rejects(other.store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily'), {
    code: 'WINDOW_CONFLICT',
    message: /with other records in it; all must cut with the same bytesMax/,
  });
});

t.test('a file of a window of its own has an IV before any window of the archive', { skip }, async (t) => {
  const { store } = await opened(t);
  t.match(store.fileIv('KH_0002_2022111600_F_000001'), /^[0-9a-f]{32}$/);
});

t.test('trace finds a record in the ledger, in the archive, and in its windows', { skip }, async (t) => {
  const { store, clock } = await opened(t);
  await append(store, newRecord('x', { iccid: '89860012345678901234', requestId: "R'1\\" }));
  clock.set(DAY_16_MS + 1);
  await store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
  const steps = await store.trace("R'1\\");
  t.match(steps, [{ step: 'archived', text: /KH 0002, position 900\d+, 1 bytes$/ }, { step: 'window' }]);
  t.equal(steps.length, 2);
  t.same(await store.trace('89860012345678901234'), steps);
  t.same(await store.trace("' OR 1 --"), []);
});
