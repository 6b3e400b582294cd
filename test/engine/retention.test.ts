import { EventEmitter, once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Store } from '../../contract/store.js';
import { loadAndCheck } from '../../engine/check.js';
import type { CheckedConfig } from '../../engine/config.js';
import { formatFault } from '../../engine/fault.js';
import { keepRetention, type PurgeOrder, purge } from '../../engine/retention.js';
import { DAY_MS, exportDay, keepCard, NAME } from '../support/endedService.js';
import { changedSite, writeSite } from '../support/site.js';
import { DAY_16_MS, HOUR_MS, testStore } from '../support/testStore.js';
import { within } from '../support/within.js';

const site = { codes: {}, tables: {} };
const GONE = '89860000000000000001';
const HERE = '89860000000000000002';
const TERM_OVER = DAY_16_MS + 800 * DAY_MS;

function order(directories: readonly string[] = [], dryRun = false): PurgeOrder {
  return { afterServiceDays: 731, directories, aside: [], site, dryRun };
}

/** A card whose service has ended, and one in service, with their pictures; both exported. */
async function twoCards(t: Test) {
  const folder = t.testdir();
  const pictures = join(folder, 'pictures');
  const made = await testStore(t, { path: join(folder, 'archive.db') });
  await keepCard(made.store, GONE, '2', pictures);
  await keepCard(made.store, HERE, '1', pictures);
  exportDay(made.store, made.clock);
  return { ...made, folder, pictures };
}

const records = (store: Store) => store.status().records.map(({ count }) => count);

t.test(
  'two years after the end of service a card goes, with all that was kept of it, and the log says so',
  async (t) => {
    const { store, clock, path, pictures } = await twoCards(t);
    clock.set(DAY_16_MS + 700 * DAY_MS);
    t.match(await purge(store, clock, order([pictures])), { cards: 0, kept: 0, records: 0 }, 'not before');
    clock.set(TERM_OVER);
    const dry = await purge(store, clock, order([pictures], true));
    t.match(dry, { cards: 1, records: 1, requests: 1, dueFiles: 3, deadLetters: 1, samples: 1, pictures: 1, kept: 0 });
    t.strictSame(records(store), [2], 'a dry run takes nothing');
    t.ok(existsSync(join(pictures, GONE)));

    const { dueFiles, ...purged } = await purge(store, clock, order([pictures]));
    t.match(purged, { cards: 1, records: 1, requests: 1, deadLetters: 1, samples: 1, pictures: 1, logIsAway: true });
    t.equal(dueFiles, 2, 'that of the other card is older than the term, too');
    t.strictSame(store.trace(GONE), []);
    t.strictSame(store.trace(`R-${GONE}`), []);
    t.strictSame(readdirSync(pictures), [HERE]);
    t.strictSame(records(store), [1]);
    t.equal(store.samples.list({ limit: 10 }).length, 1);
    t.ok(store.cards({ limit: 10 }).some(({ iccid, registration }) => iccid === HERE && registration));
    t.match(store.purges.list(10), [
      { cards: 1, records: 1, pictures: 1, finishedAt: clock.now(), afterServiceDays: 731 },
      { cards: 0, records: 0 },
    ]);
    t.notMatch(JSON.stringify(store.purges.list(10)), GONE);
    t.match(await purge(store, clock, order([pictures])), { cards: 0, records: 0, dueFiles: 0 }, 'once');

    t.ok(readFileSync(path).includes(HERE), 'the file is looked through as it stands');
    t.notOk(readFileSync(path).includes(GONE), 'the bytes are overwritten');
  },
);

t.test('no byte of a purged person is left in any file of the database', async (t) => {
  const { store, clock, path } = await testStore(t);
  await keepCard(store, GONE, '1');
  await keepCard(store, GONE, '3').catch(() => undefined);
  await store.commit([
    (transaction) =>
      transaction.putCardSide(GONE, 'registration', { fields: { CustomerName: NAME }, tags: { operType: '2' } }),
  ]);
  exportDay(store, clock);
  const files = () => [path, `${path}-wal`].filter((file) => existsSync(file)).map((file) => readFileSync(file));
  t.ok(
    files().some((bytes) => bytes.includes(NAME)),
    'the check has teeth',
  );
  clock.set(TERM_OVER);
  t.match(await purge(store, clock, order()), { cards: 1, logIsAway: true });
  for (const text of [NAME, GONE]) t.notOk(files().some((bytes) => bytes.includes(text)));
});

t.test('copies that SQLite left where it moved rows go with a vacuum', async (t) => {
  const { store, clock, path } = await testStore(t);
  const cards = Array.from({ length: 600 }, (_, number) => `8986${String((number * 7919) % 600).padStart(16, '0')}`);
  // of rows that grow again and again some are moved to other pages
  for (let round = 1; round <= 3; round += 1) {
    for (const [at, iccid] of cards.entries()) {
      const fields = { CustomerName: `${NAME}#${iccid}#`, more: 'x'.repeat((round * 199 * (at % 7)) % 900) };
      const operType = at % 3 === 0 ? '2' : '1';
      await store.commit([
        (transaction) => transaction.putCardSide(iccid, 'registration', { fields, tags: { operType } }),
      ]);
    }
  }
  clock.set(TERM_OVER);
  t.match(await purge(store, clock, { ...order(), vacuum: true }), { cards: 200, logIsAway: true });
  const bytes = readFileSync(path);
  const left = (iccid: string) => bytes.includes(`${NAME}#${iccid}#`);
  t.strictSame(
    cards.filter((iccid, at) => at % 3 === 0 && left(iccid)),
    [],
  );
  t.equal(cards.filter(left).length, 400);
});

t.test('what an export or an open due file still needs stays, whatever its age', async (t) => {
  const { store, clock } = await testStore(t);
  await keepCard(store, GONE, '2');
  await keepCard(store, HERE, '2');
  clock.set(TERM_OVER);
  t.match(await purge(store, clock, order()), { cards: 0, kept: 2 }, 'never exported');
  const daily = store.openWindow({ kind: 'KH', code: '0002', cutoff: '2022111600', type: 'P' }, DAY_16_MS, 'daily');
  t.match(await purge(store, clock, order()), { cards: 0, kept: 2 }, 'its window is open');
  store.windowDelivered(daily.id);
  const full = store.openWindow({ kind: 'KH', code: '0002', cutoff: '2024111600', type: 'F' }, TERM_OVER, 'monthly');
  t.match(await purge(store, clock, order()), { cards: 0, kept: 2 }, 'and so is a full export over it');
  store.windowDelivered(full.id);
  const due = { content: 'KH', requestId: 'CMD-1', code: '0002', withinMs: HOUR_MS } as const;
  await store.commit([
    (transaction) => transaction.addDueFile({ ...due, name: 'KH_CMD-1_0002', iccid: `89860000000000000009,${GONE}` }),
  ]);
  t.match(await purge(store, clock, order()), { cards: 1, kept: 1 }, 'a command asks for one of them');
  await store.fileDelivered('KH_CMD-1_0002', '/upload');
  t.match(await purge(store, clock, order()), { cards: 1, kept: 0 });
});

t.test('others have their turn between a few cards, in a dry run and where records are elsewhere, too', async (t) => {
  const { store, clock } = await testStore(t);
  const over = { fields: {}, tags: { operType: '2' } };
  await store.commit(
    Array.from({ length: 100 }, (_, number) => (transaction) => {
      transaction.putCardSide(`89860000000000000${100 + number}`, 'registration', over);
    }),
  );
  clock.set(TERM_OVER);
  let looks = 0;
  let most = 0;
  const { card, ...purges } = store.purges;
  const counted: typeof card = (...given) => {
    if (looks === 0) setImmediate(() => (looks = 0));
    looks += 1;
    most = Math.max(most, looks);
    return card(...given);
  };
  Object.assign(store, { purges: { ...purges, card: counted } });
  t.match(await purge(store, clock, order([], true)), { cards: 100 });
  t.ok(most <= 20, `${most} cards in one turn`);
  const purgeRecords: Store['purgeRecords'] = async (iccids) => new Map(iccids.map((iccid) => [iccid, 0]));
  Object.assign(store, { purgeRecords });
  t.match(await purge(store, clock, order()), { cards: 100, kept: 0 });
  t.ok(most <= 20, `${most} cards in one turn`);
});

t.test('rows of the ledger go by their own age; what hangs on a card in service stays with it', async (t) => {
  const { store, clock } = await testStore(t);
  const letter = { pipeline: 'p', code: 'RECORD_INVALID', reason: 'no' };
  await keepCard(store, HERE, '1');
  await store.commit([
    (transaction) => {
      transaction.addDeadLetter({ ...letter, origin: 'a file:1', tags: {} });
      transaction.addDeadLetter({ ...letter, origin: 'a file:2', tags: { iccid: '89860000000000000077' } });
      transaction.addSample({ pipeline: 'p', record: {} });
    },
  ]);
  clock.set(TERM_OVER - 10 * DAY_MS);
  await store.commit([(transaction) => transaction.addDeadLetter({ ...letter, origin: 'a file:3', tags: {} })]);
  clock.set(TERM_OVER);
  t.match(await purge(store, clock, order()), { cards: 0, deadLetters: 2, samples: 1, dueFiles: 1 });
  t.strictSame(
    store.deadLetters().map(({ origin }) => origin),
    [`R-${HERE}`, 'a file:3'],
  );
});

t.test('a folder that cannot be one of a card is left alone, and so is what is behind a link', async (t) => {
  const { store, clock, folder, pictures } = await twoCards(t);
  const outside = join(folder, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'keep.txt'), 'keep');
  const linked = '89860000000000000003';
  await keepCard(store, linked, '2');
  await keepCard(store, '../outside', '2');
  clock.set(clock.now() + 2 * DAY_MS);
  const key = { kind: 'KH', code: '0002', cutoff: '2022111700', type: 'P' } as const;
  store.windowDelivered(store.openWindow(key, DAY_16_MS + DAY_MS, 'accounts-daily').id);
  symlinkSync(outside, join(pictures, linked));
  clock.set(TERM_OVER);
  t.match(await purge(store, clock, order([pictures])), { cards: 3, pictures: 2 });
  t.strictSame(readdirSync(outside), ['keep.txt']);
  t.strictSame(readdirSync(pictures), [HERE]);
});

t.test('the pictures of a card go, however long a number `tie` takes', async (t) => {
  const { store, clock, pictures } = await twoCards(t);
  const long = '8'.repeat(64);
  await keepCard(store, long, '2', pictures);
  clock.set(clock.now() + 2 * DAY_MS);
  const key = { kind: 'KH', code: '0002', cutoff: '2022111700', type: 'P' } as const;
  store.windowDelivered(store.openWindow(key, DAY_16_MS + DAY_MS, 'accounts-daily').id);
  clock.set(TERM_OVER);
  t.match(await purge(store, clock, order([pictures])), { cards: 2, pictures: 2 });
  t.strictSame(readdirSync(pictures), [HERE]);
});

t.test('a card whose pictures cannot be removed keeps its rows, and no message names it', async (t) => {
  const { store, clock, folder, pictures } = await twoCards(t);
  writeFileSync(join(folder, 'no folder'), '');
  clock.set(TERM_OVER);
  const { failure, ...outcome } = await purge(store, clock, order([pictures, join(folder, 'no folder', 'x\0')]));
  t.match(outcome, { cards: 0, kept: 1 });
  t.match(failure?.message, 'the pictures of a card cannot be removed');
  t.notMatch(failure?.message, GONE);
  t.not(store.trace(GONE).length, 0);
});

t.test('many cards go in pieces, and one that is registered anew in between stays', async (t) => {
  const { store, clock } = await testStore(t);
  const cards = Array.from({ length: 1_203 }, (_, number) => `8986${String(number).padStart(16, '0')}`);
  await Promise.all(cards.map((iccid) => keepCard(store, iccid, '2')));
  exportDay(store, clock);
  clock.set(TERM_OVER);
  const under = purge(store, clock, order());
  const late = cards.at(-1) ?? '';
  await store.commit([
    (transaction) => transaction.putCardSide(late, 'registration', { fields: {}, tags: { operType: '1' } }),
  ]);
  t.match(await under, { cards: 1_202 });
  t.strictSame(
    store.cards({ limit: 10 }).map(({ iccid }) => iccid),
    [late],
  );
});

t.test('the engine purges on its schedule, beginning with the first turn after it was set up', async (t) => {
  const { store, clock, pictures, log } = await twoCards(t);
  const told = new EventEmitter<{ info: [string] }>();
  const next = async () => (await within(60_000, 'a purge', once(told, 'info')))[0] as string;
  const heard = {
    ...log,
    info: (fields: object, message: string) => void told.emit('info', `${message} ${JSON.stringify(fields)}`),
  };
  const retention = { afterServiceDays: 731, at: '30 3 * * *', directories: [pictures], aside: [] };
  const stop = new AbortController();
  const kept = keepRetention(
    { retention, site } as unknown as CheckedConfig,
    { store, clock, log: heard },
    stop.signal,
  );
  const first = next();
  await store.commit([]); // the schedule has begun
  clock.set(clock.now() + DAY_MS);
  t.match(await first, /^purged .*"cards":0/);
  const second = next();
  clock.set(TERM_OVER); // turns that were missed come one after the other
  for (let heardLast = await second; !heardLast.includes('"cards":1'); ) heardLast = await next();
  t.strictSame(readdirSync(pictures), [HERE]);
  stop.abort();
  await within(60_000, 'the end', kept);
  t.notMatch(JSON.stringify(log.lines), GONE);
});

t.test('a wrong retention is refused before anything starts', async (t) => {
  const folder = t.testdir();
  const faults = async (retention: string) => {
    writeSite(folder, changedSite('pipeline.yaml', 'pipelines:', `retention: ${retention}\npipelines:`));
    return loadAndCheck(join(folder, 'pipeline.yaml'));
  };
  const wrong = (await faults('{ at: "every day", afterServiceDays: 100, directory: x }')).faults
    .map(formatFault)
    .join();
  t.match(wrong, /retention.at: expected a cron pattern .*"every day"/);
  t.match(wrong, /afterServiceDays: expected a whole number .*730/);
  t.match(wrong, /expected one of .*directories.*, got "directory"/);
  const { config } = await faults('{ at: "30 3 * * *", directories: [var/pictures] }');
  t.match(config?.retention, { afterServiceDays: 731, directories: [join(folder, 'var/pictures')] });
});
