import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Store } from '../../../contract/store.js';
import { freePort } from '../../../demo/site.js';
import { SimulatedClock } from '../../../engine/clock.js';
import { purge } from '../../../engine/retention.js';
import { cutoffOf } from '../../../notice/cutoff.js';
import type { ClickHouseOptions } from '../../../stores/clickhouse/options.js';
import { clickHouseStore, newArchive, startClickHouse } from '../../support/clickhouse.js';
import { DAY_MS, keepCard } from '../../support/endedService.js';
import { append, DAY_16_MS, HOUR_MS, newRecord } from '../../support/testStore.js';
import { until } from '../../support/until.js';

const server = await startClickHouse();
if (server) t.teardown(() => server.stop());
const skip = server ? false : 'no ClickHouse';

const GONE = '89860000000000000001';
const HERE = '89860000000000000002';
const TERM_OVER = DAY_16_MS + 800 * DAY_MS;
const order = (dryRun = false) => ({
  afterServiceDays: 731,
  directories: [],
  aside: [],
  site: { codes: {}, tables: {} },
  dryRun,
});
const keyOf = (cutoffMs: number, type: 'P' | 'F') =>
  ({ kind: 'KH', code: '0002', cutoff: cutoffOf(cutoffMs), type }) as const;

/** A store whose clock starts a day before the cut-off, on an archive of its own or on one that is there. */
async function opened(
  t: Test,
  archive?: ClickHouseOptions,
  ledger = 'ledger.db',
  more: Partial<ClickHouseOptions> = {},
) {
  if (!server) throw new Error('skipped');
  const path = join(t.testdirName, ledger);
  if (!archive) t.testdir({});
  const options = archive ? { ...archive, ledger: path } : await newArchive(server, path, more);
  const clock = new SimulatedClock(DAY_16_MS - DAY_MS);
  return { clock, options, ...(await clickHouseStore(t, options, { clock })) };
}

/** Opens a window and delivers it, in one file unless it is to stay open. */
async function exported(store: Store, cutoffMs: number, type: 'P' | 'F', isDelivered = true): Promise<() => void> {
  const window = keyOf(cutoffMs, type);
  const row = await store.openWindow(window, cutoffMs, 'daily');
  const baseName = `KH_0002_${window.cutoff}_${type}_000001end`;
  const state = 'planned' as const;
  const plan = { baseName, window, sequence: 1, records: 2, textBytes: 10, iv: '', mtimeMs: 0, state };
  store.planFile({ windowId: row.id, plan, fromPosition: 0, toPosition: 0 });
  const deliver = async () => {
    await store.fileDelivered(baseName, '/upload');
    store.windowDelivered(row.id);
  };
  if (isDelivered) await deliver();
  return deliver;
}

const countOf = async ({ database }: ClickHouseOptions, iccid: string) =>
  Number(await server?.ask(`SELECT count() FROM ${database}.records WHERE iccid = '${iccid}'`));

t.test('a card goes with its records in ClickHouse, and the log of purges counts them', { skip }, async (t) => {
  const { store, clock, options } = await opened(t);
  await keepCard(store, GONE, '2');
  await keepCard(store, HERE, '1');
  const reported = newRecord('{}', { kind: 'CL', code: 'LSV1', iccid: GONE, reported: true });
  await append(
    store,
    reported,
    newRecord('{"again":1}', { iccid: GONE, position: 5, acceptedAt: DAY_16_MS - HOUR_MS }),
  );
  clock.set(DAY_16_MS + HOUR_MS);
  await exported(store, DAY_16_MS, 'P');
  await exported(store, DAY_16_MS, 'F');
  clock.set(TERM_OVER);
  t.match(await purge(store, clock, order(true)), { cards: 1, records: 3, kept: 0 });
  t.equal(await countOf(options, GONE), 3, 'a dry run takes nothing');

  const { failure, ...outcome } = await purge(store, clock, order());
  t.equal(failure, undefined);
  t.match(outcome, { cards: 1, records: 3, kept: 0 });
  t.same([await countOf(options, GONE), await countOf(options, HERE)], [0, 1]);
  t.same(await store.trace(GONE), []);
  t.match(store.purges.list(10), [{ cards: 1, records: 3 }]);
  const commands = await server?.ask(`SELECT command FROM system.mutations WHERE database = '${options.database}'`);
  t.match(commands, /DELETE WHERE/);
  t.notMatch(commands, GONE, 'the server keeps the text of a mutation, which names no card');
  t.match(await purge(store, clock, order()), { cards: 0, records: 0 }, 'once');

  const later = DAY_16_MS + 16 * DAY_MS;
  const row = await store.openWindow(keyOf(later, 'F'), later, 'monthly');
  let left = 0;
  for await (const { sizes } of store.stretches(row, 100)) left += sizes.length;
  t.equal(left, 1, 'a later F window has the others');
});

t.test('while a window is open, here or at another machine, its records stay', { skip }, async (t) => {
  const { store, clock, options } = await opened(t);
  const other = await opened(t, options, 'other.db');
  await keepCard(store, GONE, '2');
  for (const each of [clock, other.clock]) each.set(TERM_OVER);
  t.match(await purge(store, clock, order()), { cards: 0, kept: 1 }, 'never exported');
  const daily = await exported(other.store, DAY_16_MS, 'P', false);
  t.match(await purge(store, clock, order()), { cards: 0, kept: 1 }, 'another machine delivers its window');
  t.match(await purge(store, clock, order(true)), { cards: 0, kept: 1 });
  await daily();
  const monthly = await exported(store, DAY_16_MS, 'F', false);
  t.match(await purge(store, clock, order()), { cards: 0, kept: 1 }, 'and this one a full export');
  await monthly();
  const row = await store.openWindow(keyOf(DAY_16_MS, 'F'), DAY_16_MS, 'monthly');
  store.reopenWindow(row.id);
  t.match(await purge(store, clock, order()), { cards: 0, kept: 1 }, 'it is delivered again');
  store.windowDelivered(row.id);
  const due = { content: 'KH', requestId: 'CMD-1', code: '0002', withinMs: HOUR_MS } as const;
  await store.commit([(transaction) => transaction.addDueFile({ ...due, name: 'KH_CMD-1_0002', iccid: GONE })]);
  t.match(await purge(store, clock, order()), { cards: 0, kept: 1 }, 'a command asks for it');
  t.equal(await countOf(options, GONE), 1);
  await store.fileDelivered('KH_CMD-1_0002', '/upload');
  t.match(await purge(store, clock, order()), { cards: 1, records: 1, kept: 0 });
  t.equal(await countOf(options, GONE), 0);
});

t.test('a card goes with its records, however many of another card stand before them', { skip }, async (t) => {
  const { store, clock, options } = await opened(t);
  const before = '89860000000000000000';
  await append(store, newRecord('{}', { iccid: GONE }));
  clock.set(TERM_OVER);
  await exported(store, DAY_16_MS, 'P');
  const never = `'KH', '0009', number, toInt64(${DAY_16_MS}), '${before}', '', '', toUInt32(2), '{}'`;
  await server?.ask(`INSERT INTO ${options.database}.records SELECT ${never} FROM numbers(100001)`);
  const cards = [before, GONE, HERE];
  const gone = [
    [GONE, 1],
    [HERE, 0],
  ];
  t.same([...((await store.purgeRecords?.(cards, true)) ?? [])], gone, 'the first one has never been exported');
  t.same([...((await store.purgeRecords?.(cards, false)) ?? [])], gone);
  t.same([await countOf(options, GONE), await countOf(options, before)], [0, 100_001]);
});

t.test('a backfill that was broken off holds no record of the archive, and keeps none', { skip }, async (t) => {
  const { store, clock, options } = await opened(t);
  await keepCard(store, GONE, '2');
  clock.set(TERM_OVER);
  await exported(store, DAY_16_MS, 'P');
  store.openDirectWindow(keyOf(DAY_16_MS - DAY_MS, 'F'), 'backfill');
  t.match(await purge(store, clock, order()), { cards: 1, records: 1, kept: 0 });
  t.equal(await countOf(options, GONE), 0);
});

t.test('a window that is planned while a purge is under way waits for its end', { skip }, async (t) => {
  const { store, clock, options } = await opened(t);
  clock.set(DAY_16_MS + HOUR_MS);
  const note = (setting: string, seconds: number) =>
    server?.ask(
      `INSERT INTO ${options.database}.settings SELECT '${setting}', 'id', toInt64(toUnixTimestamp(now()) + ${seconds})`,
    );
  await note('purging', 600);
  let isOpen = false;
  const opening = exported(store, DAY_16_MS, 'P').then(() => {
    isOpen = true;
  });
  const planned = `SELECT count() FROM ${options.database}.windows`;
  await until('it is planned', async () => (await server?.ask(planned)) !== '0');
  t.notOk(isOpen);
  await server?.ask('SELECT sleep(0.5)');
  t.notOk(isOpen, 'it is planned, and nobody reads it yet');
  await note('purged', 0);
  await opening;
});

t.test('ClickHouse away: the purge says so, cards stay, and the next one takes them', { skip }, async (t) => {
  const { store, clock, options } = await opened(t);
  await keepCard(store, GONE, '2');
  clock.set(TERM_OVER);
  await exported(store, DAY_16_MS, 'P');
  await store.close();
  const url = `http://127.0.0.1:${await freePort()}`;
  const away = await clickHouseStore(t, { ...options, url, requestTimeoutMs: 1_000 }, { clock });
  const { failure, ...outcome } = await purge(away.store, clock, order());
  t.match(failure, { code: 'STORE_FAILED', message: /does not answer/ });
  t.match(outcome, { cards: 0, kept: 1 });
  t.notMatch(failure?.message, GONE);
  await away.store.close();
  const again = await clickHouseStore(t, options, { clock });
  t.match(await purge(again.store, clock, order()), { cards: 1, records: 1, kept: 0 });
  t.equal(await countOf(options, GONE), 0);
});

/** A store with the state by card in ClickHouse, too, in which two cards have what is kept of a card. */
async function withCards(t: Test) {
  const made = await opened(t, undefined, 'ledger.db', { cards: true });
  const { store, clock, options } = made;
  await keepCard(store, GONE, '2');
  await store.commit([(transaction) => transaction.putCardSide(GONE, 'card', { fields: {}, tags: {} })]);
  await keepCard(store, HERE, '1');
  clock.set(TERM_OVER);
  await exported(store, DAY_16_MS, 'P');
  const cards = (iccid: string) =>
    server?.ask(`SELECT count() FROM ${options.database}.cards WHERE iccid = '${iccid}'`);
  return { ...made, cards };
}

t.test('the state of a card in ClickHouse goes with the card, all that there was of it', { skip }, async (t) => {
  const { store, clock, options, cards } = await withCards(t);
  t.equal(await cards(GONE), '2');
  t.match(await purge(store, clock, order(true)), { cards: 1 });
  t.equal(await cards(GONE), '2', 'a dry run takes nothing');
  const { failure, ...outcome } = await purge(store, clock, order());
  t.equal(failure, undefined);
  t.match(outcome, { cards: 1, kept: 0 });
  t.same([await cards(GONE), await cards(HERE)], ['0', '1']);
  const commands = await server?.ask(`SELECT command FROM system.mutations WHERE database = '${options.database}'`);
  t.match(commands, /version IN/);
  t.notMatch(commands, GONE, 'the server keeps the text of a mutation, which names no card');
  t.match(await purge(store, clock, order()), { cards: 0 }, 'once');
  const other = await opened(t, options, 'other.db');
  t.same(
    other.store.cards({ limit: 10 }).map(({ iccid }) => iccid),
    [HERE],
    'who takes it over never hears of it',
  );
});

t.test(
  'what a purge that was broken off left in ClickHouse goes with the next, and a card that came anew stays',
  { skip },
  async (t) => {
    const { store, clock, options, cards } = await withCards(t);
    const broken = new Proxy(store, {
      get: (target, name) => {
        if (name === 'purgeCards') return () => Promise.reject(new Error('killed'));
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    t.match(await purge(broken, clock, order()), { cards: 1, failure: { message: 'killed' } });
    t.equal(await cards(GONE), '2');
    await store.commit([(transaction) => transaction.putCardSide(GONE, 'card', { fields: { New: 1 }, tags: {} })]);
    t.match(await purge(store, clock, order()), { cards: 0 });
    t.equal(await server?.ask(`SELECT side FROM ${options.database}.cards WHERE iccid = '${GONE}'`), 'card');
  },
);

t.test('a card that is purged before it was shipped never gets there', { skip }, async (t) => {
  const { store, clock, options, cards } = await withCards(t);
  await store.close();
  // a process beside the daemon, which is not there
  const beside = await clickHouseStore(t, options, { clock: new SimulatedClock(DAY_16_MS - DAY_MS), ships: false });
  const ended = { fields: { VehicleStatus: '6' }, tags: { operType: '2' } };
  const iccid = '89860000000000000009';
  await beside.store.commit([(transaction) => transaction.putCardSide(iccid, 'registration', ended)]);
  t.match(await purge(beside.store, clock, order()), { cards: 2 });
  await beside.store.close();
  const { store: again } = await clickHouseStore(t, options, { clock });
  await again.commit([]);
  t.same([await cards(iccid), await cards(GONE)], ['0', '2'], 'what was to go had to wait for what was on its way');
  await purge(again, clock, order());
  t.equal(await cards(GONE), '0');
});
