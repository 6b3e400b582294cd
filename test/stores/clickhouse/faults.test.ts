import { randomBytes } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Store } from '../../../contract/store.js';
import { freePort } from '../../../demo/site.js';
import { SimulatedClock } from '../../../engine/clock.js';
import { cutoffOf } from '../../../notice/cutoff.js';
import { migrateClickHouse } from '../../../stores/clickhouse/migrate.js';
import type { ClickHouseOptions } from '../../../stores/clickhouse/options.js';
import { openSqliteStore } from '../../../stores/sqlite/store.js';
import { keptLog } from '../../support/bareContext.js';
import { archiveAt, clickHouseStore, newArchive, startClickHouse, startOnSmallDisk } from '../../support/clickhouse.js';
import { append, DAY_16_MS, HOUR_MS, newRecord } from '../../support/testStore.js';
import { until } from '../../support/until.js';

const server = await startClickHouse();
if (server) t.teardown(() => server.stop());
const skip = server ? false : 'no ClickHouse';

const key = { kind: 'KH', code: '0002', cutoff: cutoffOf(DAY_16_MS), type: 'P' } as const;
const at = () => new SimulatedClock(DAY_16_MS - HOUR_MS);
const placed = (position: number) => newRecord(`at ${position}`, { position, acceptedAt: DAY_16_MS - HOUR_MS });

async function archive(t: Test, more: Partial<ClickHouseOptions> = {}): Promise<ClickHouseOptions> {
  if (!server) throw new Error('skipped');
  return newArchive(server, join(t.testdir({}), 'ledger.db'), more);
}

async function sizesIn(store: Store): Promise<number> {
  let count = 0;
  const row = await store.openWindow(key, DAY_16_MS, 'daily');
  for await (const { sizes } of store.stretches(row, 1_000)) count += sizes.length;
  return count;
}

t.test('`migrate` makes the tables, and does nothing the second time', { skip }, async (t) => {
  const options = archiveAt(server?.url ?? '', join(t.testdir({}), 'ledger.db'), { database: 'fresh_archive' });
  await server?.ask('DROP DATABASE IF EXISTS fresh_archive');
  await t.rejects(clickHouseStore(t, options, { clock: at() }), {
    code: 'SCHEMA_MISMATCH',
    message: /has no tables of an archive; `iovpipe migrate`/,
  });
  t.match(await migrateClickHouse(options, 1), { before: 0 });
  const salt = await server?.ask('SELECT value FROM fresh_archive.settings');
  t.match(salt, /^[0-9a-f]{64}$/);
  t.match(await migrateClickHouse(options, 2), { before: 2, now: 2 });
  t.equal(await server?.ask('SELECT value FROM fresh_archive.settings'), salt, 'the salt stays');
  await clickHouseStore(t, options, { clock: at() });
});

t.test('an older schema is refused with what to do, a newer one for good', { skip }, async (t) => {
  const options = await archive(t);
  const { database } = options;
  await server?.ask(`INSERT INTO ${database}.schema SELECT toUInt32(99), toInt64(1)`);
  await t.rejects(clickHouseStore(t, options, { clock: at() }), {
    code: 'SCHEMA_MISMATCH',
    message: /99.*newer program/,
  });
  await t.rejects(migrateClickHouse(options, 1), { code: 'SCHEMA_MISMATCH', message: /newer program/ });
  await server?.ask(`DROP TABLE ${database}.schema`);
  await server?.ask(
    `CREATE TABLE ${database}.schema (version UInt32, applied_at Int64) ENGINE = MergeTree() ORDER BY version`,
  );
  await t.rejects(clickHouseStore(t, options, { clock: at() }), {
    code: 'SCHEMA_MISMATCH',
    message: /iovpipe migrate/,
  });
});

t.test('an archive from before the state by card keeps what it has', { skip }, async (t) => {
  const options = await archive(t);
  const { database } = options;
  const { store } = await clickHouseStore(t, options, { clock: at() });
  await append(store, placed(1));
  await store.close();
  for (const table of ['cards', 'known_cards', 'schema']) await server?.ask(`DROP TABLE ${database}.${table}`);
  const made = `(version UInt32, applied_at Int64) ENGINE = MergeTree() ORDER BY version`;
  await server?.ask(`CREATE TABLE ${database}.schema ${made}`);
  await server?.ask(`INSERT INTO ${database}.schema SELECT toUInt32(1), toInt64(1)`);
  const refused = { code: 'SCHEMA_MISMATCH', message: /schema 1 of 2; `iovpipe migrate`/ };
  await t.rejects(clickHouseStore(t, options, { clock: at() }), refused);
  t.match(await migrateClickHouse(options, 1), { before: 1, now: 2 });
  const again = await clickHouseStore(t, { ...options, cards: true }, { clock: at() });
  await again.store.commit([(transaction) => transaction.putCardSide('1', 'card', { fields: {}, tags: {} })]);
  const count = (table: string) => server?.ask(`SELECT count() FROM ${database}.${table}`);
  t.same([await count('records'), await count('known_cards')], ['1', '1']);
});

t.test('a server that is away at the start keeps nobody waiting but windows', { skip }, async (t) => {
  const options = await archive(t, { requestTimeoutMs: 3_000 }); // a refusal is there before, which is another message
  const { clock, ...away } = { clock: at(), ...options, url: `http://127.0.0.1:${await freePort()}` };
  const { store, log } = await clickHouseStore(t, away, { clock });
  await append(store, newRecord('accepted'), newRecord('and this'));
  await t.rejects(store.commit([(transaction) => void transaction.append(placed(1))]), {
    code: 'STORE_FAILED',
    message: /ClickHouse: the server does not answer/,
    retryable: true,
  });
  clock.set(DAY_16_MS + 1);
  await t.rejects(async () => store.openWindow(key, DAY_16_MS, 'daily'), { code: 'STORE_FAILED' });
  await until('an alarm', () => log.lines.some(({ fields }) => 'alarm' in fields));
  t.equal(log.lines.filter(({ fields }) => 'alarm' in fields).length, 1, 'told once');
  await store.close();
  const { store: again } = await clickHouseStore(t, { ...options, requestTimeoutMs: 30_000 }, { clock });
  t.equal(await sizesIn(again), 2, 'what waited in the ledger is there');
});

t.test(
  'a server that goes away in the middle, and comes back',
  { skip: server?.control ? false : 'no ClickHouse of our own' },
  async (t) => {
    const options = await archive(t, { requestTimeoutMs: 60_000 }); // it may take a while to be tried again
    const clock = at();
    const { store } = await clickHouseStore(t, options, { clock });
    await append(store, newRecord('before'), placed(1));
    await server?.control?.kill();
    await append(store, newRecord('meanwhile'));
    await t.rejects(store.commit([(transaction) => void transaction.append(placed(2))]), { code: 'STORE_FAILED' });
    await server?.control?.again();
    await append(store, placed(2));
    clock.set(DAY_16_MS + 1);
    t.equal(await sizesIn(store), 4);
  },
);

t.test('what was shipped and not noted is shipped again, and is there once', { skip }, async (t) => {
  const options = await archive(t);
  const clock = at();
  const first = await clickHouseStore(t, options, { clock });
  await append(first.store, newRecord('from here on the ledger has its number there'));
  clock.set(DAY_16_MS - 1);
  await first.store.openWindow({ ...key, cutoff: cutoffOf(DAY_16_MS - HOUR_MS) }, DAY_16_MS - HOUR_MS, 'hourly');
  await first.store.close();
  const waiting = await clickHouseStore(t, options, { clock, ships: false });
  await append(waiting.store, ...Array.from({ length: 50 }, (_, number) => newRecord(`record ${number}`)));
  await waiting.store.close();
  // as kill -9 leaves it: the rows are in ClickHouse, and in the ledger too
  const before = { ...options, ledger: join(t.testdirName, 'before.db') };
  await copyFile(options.ledger, before.ledger);
  clock.set(DAY_16_MS + 1);
  const shipping = await clickHouseStore(t, options, { clock });
  t.equal(await sizesIn(shipping.store), 51);
  await shipping.store.close();
  const again = await clickHouseStore(t, before, { clock });
  const next = DAY_16_MS + HOUR_MS;
  clock.set(next + 1);
  await again.store.openWindow({ ...key, cutoff: cutoffOf(next) }, next, 'hourly');
  t.equal(await sizesIn(again.store), 51);
  const rows = Number(await server?.ask(`SELECT count() FROM ${options.database}.records`));
  t.ok(rows === 51 || rows === 101, `${rows} rows until they are merged`);
});

t.test('a ledger that is restored from a copy gives no position twice', { skip }, async (t) => {
  const options = await archive(t);
  const copy = { ...options, ledger: join(t.testdirName, 'copy.db') };
  const clock = at();
  const count = async () => Number(await server?.ask(`SELECT uniqExact(position) FROM ${options.database}.records`));
  const first = await clickHouseStore(t, options, { clock });
  await append(first.store, newRecord('before the copy'));
  await first.store.close();
  await copyFile(options.ledger, copy.ledger);
  const second = await clickHouseStore(t, options, { clock });
  await append(second.store, newRecord('after it'), newRecord('and this'));
  await second.store.close();
  t.equal(await count(), 3);
  const restored = await clickHouseStore(t, copy, { clock });
  await append(restored.store, newRecord('of the restored one'));
  await restored.store.close();
  t.equal(await count(), 4, 'what stops brings its records there');
});

t.test('a user who may only read: callers are answered until the spool is full', { skip }, async (t) => {
  const options = await archive(t, { spoolBytesMax: 1_000 });
  const { store, log } = await clickHouseStore(t, { ...options, username: 'reader' }, { clock: at() });
  const large = newRecord('x'.repeat(400));
  await append(store, large, large);
  await t.rejects(store.commit([(transaction) => void transaction.append(large)]), {
    code: 'OVERLOADED',
    message: /1000 bytes.*spoolBytesMax/,
  });
  await until('an alarm', () => log.lines.some(({ message }) => /this user may only read/.test(message)));
});

const small = await startOnSmallDisk(40);
if (small) t.teardown(() => small.stop());

t.test(
  'a full disk: what is accepted waits, and goes on when there is room',
  { skip: small ? false : 'no root' },
  async (t) => {
    if (!small) return;
    const options = await newArchive(small, join(t.testdir({}), 'ledger.db'));
    const clock = at();
    const { store, log } = await clickHouseStore(t, options, { clock });
    await small.ask('CREATE TABLE filler (number UInt64) ENGINE = TinyLog');
    const fill = (rows: number): Promise<void> =>
      small.ask(`INSERT INTO filler SELECT rand64(number) FROM numbers(${rows})`).then(
        () => fill(rows),
        () => undefined,
      );
    await fill(500_000);
    await fill(10_000);
    await append(store, { ...newRecord(''), bytes: randomBytes(2_000_000) });
    const direct = { ...placed(1), bytes: randomBytes(2_000_000) };
    await t.rejects(store.commit([(transaction) => void transaction.append(direct)]), {
      code: 'STORE_FAILED',
      message: /the disk of the server is full/,
      retryable: true,
    });
    await until('an alarm', () => log.lines.some(({ message }) => /disk of the server is full/.test(message)));
    await small.ask('DROP TABLE filler');
    await append(store, direct);
    clock.set(DAY_16_MS + 1);
    t.equal(await sizesIn(store), 2);
  },
);

t.test('a file that is an archive with its records is no ledger', { skip }, async (t) => {
  const options = await archive(t);
  const clock = at();
  const sqlite = await openSqliteStore({ path: options.ledger, clock, log: keptLog() });
  clock.set(DAY_16_MS + 1);
  sqlite.openWindow(key, DAY_16_MS, 'daily');
  await sqlite.close();
  await t.rejects(clickHouseStore(t, options, { clock }), {
    code: 'CONFIG_INVALID',
    message: /records.*in the file itself/,
  });
});
