import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Store } from '../../../contract/store.js';
import { SimulatedClock } from '../../../engine/clock.js';
import type { ClickHouseOptions } from '../../../stores/clickhouse/options.js';
import { clickHouseStore, newArchive, startClickHouse } from '../../support/clickhouse.js';
import { DAY_16_MS, HOUR_MS } from '../../support/testStore.js';
import { until } from '../../support/until.js';
import { within } from '../../support/within.js';

const server = await startClickHouse();
if (server) t.teardown(() => server.stop());
const skip = server ? false : 'no ClickHouse';
const ownServer = { skip: server?.control ? false : 'no ClickHouse of our own' };

const cardOf = (index: number) => `8986${String(index).padStart(16, '0')}`;
const clock = () => new SimulatedClock(DAY_16_MS - HOUR_MS);

async function archive(t: Test, more: Partial<ClickHouseOptions> = {}): Promise<ClickHouseOptions> {
  if (!server) throw new Error('skipped');
  return newArchive(server, join(t.testdir({}), 'ledger.db'), { cards: true, ...more });
}

/** The same archive with a ledger of its own. */
const at = (options: ClickHouseOptions, ledger: string, more: Partial<ClickHouseOptions> = {}) => {
  return { ...options, ledger: join(options.ledger, '..', ledger), ...more };
};

const opened = (t: Test, options: ClickHouseOptions, ships = true) =>
  clickHouseStore(t, options, { clock: clock(), ships });

function put(
  store: Store,
  iccid: string,
  side: 'registration' | 'card',
  fields: object,
  person?: string,
): Promise<void> {
  const content = { fields: fields as never, tags: { iccid }, ...(person !== undefined && { person }) };
  return store.commit([(transaction) => transaction.putCardSide(iccid, side, content)]);
}

const ask = (options: ClickHouseOptions, what: string) => server?.ask(what.replaceAll('$', options.database)) ?? '';
/** The sides in ClickHouse, each as it counts: side, content. */
const there = async (options: ClickHouseOptions, iccid: string) => {
  const latest = `SELECT side, argMax(content, version) FROM $.cards WHERE iccid = '${iccid}' GROUP BY side ORDER BY side`;
  const rows = (await ask(options, `${latest} FORMAT TabSeparated`)).split('\n').filter(Boolean);
  return rows.map((row) => row.split('\t').map((text) => text.replaceAll('\\\\', '\\')));
};
const states = (store: Store) => store.cards({ limit: 10_000 });

t.test(
  'a commit resolves when ClickHouse has what changed, and people find it without its content',
  { skip },
  async (t) => {
    const options = await archive(t);
    const { store } = await opened(t, options);
    const iccid = cardOf(1);
    await put(store, iccid, 'registration', { Name: "O'Neill\\\t" }, 'digest');
    t.same(await there(options, iccid), [
      ['registration', JSON.stringify({ fields: { Name: "O'Neill\\\t" }, tags: { iccid } }).replaceAll("'", "\\'")],
    ]);
    await Promise.all([
      put(store, iccid, 'card', { Plan: 1 }),
      put(store, iccid, 'card', { Plan: 2 }),
      put(store, cardOf(2), 'card', {}),
    ]);
    t.match(await there(options, iccid), [['card', /"Plan":2/], ['registration']]);
    const known = await ask(options, 'SELECT iccid, state FROM $.known_cards ORDER BY iccid FORMAT CSV');
    t.same(known.split('\n'), [`"${iccid}","complete"`, `"${cardOf(2)}","unregistered"`]);
    t.notMatch(await ask(options, 'SELECT * FROM $.known_cards'), /Neill|digest/);
  },
);

t.test(
  'what was stored and not shipped when the process was killed is there before it counts again',
  ownServer,
  async (t) => {
    const options = await archive(t);
    const first = await opened(t, options);
    await put(first.store, cardOf(1), 'card', { Plan: 1 });
    await first.store.close();
    // as kill -9 leaves it between ledger and ClickHouse
    const killed = await opened(t, options, false);
    await put(killed.store, cardOf(1), 'card', { Plan: 2 });
    await killed.store.close();
    t.match(await there(options, cardOf(1)), [['card', /"Plan":1/]]);
    await server?.control?.kill();
    const again = await opened(t, options);
    t.ok(
      again.log.lines.some(({ message }) => /^starting without the state by card/.test(message)),
      'a whole ledger need not wait',
    );
    let isThere = false;
    const nothing = again.store.commit([]).then(() => {
      isThere = true;
    });
    await until('an alarm', () => again.log.lines.some(({ message }) => /^records wait in the ledger/.test(message)));
    t.notOk(isThere, 'a commit that changes nothing waits for what it has found');
    await server?.control?.again();
    await within(60_000, 'the change', nothing);
    t.match(await there(options, cardOf(1)), [['card', /"Plan":2/]]);
  },
);

t.test(
  'what hangs while the server is away fails when it is released, or the store is closed',
  ownServer,
  async (t) => {
    const options = await archive(t, { requestTimeoutMs: 5_000 });
    const { store, log } = await opened(t, options);
    await put(store, cardOf(1), 'card', {});
    await server?.control?.kill();
    const stopped = { code: 'STOPPED', retryable: true };
    const hanging = t.rejects(put(store, cardOf(2), 'card', {}), stopped);
    await until('an alarm', () => log.lines.some(({ message }) => /^records wait in the ledger/.test(message)));
    store.release?.();
    await hanging;
    await t.rejects(store.commit([]), stopped, 'and what comes after it');
    await server?.control?.again();
    const arrives = () =>
      store.commit([]).then(
        () => true,
        () => false,
      );
    await until('the server is back', arrives);
    t.equal((await there(options, cardOf(2))).length, 1);
    await server?.control?.kill();
    const closed = t.rejects(put(store, cardOf(3), 'card', {}), stopped);
    await until(
      'an alarm',
      () => log.lines.filter(({ message }) => /^records wait in the ledger/.test(message)).length > 1,
    );
    await store.close();
    await closed;
    const begun = at(options, 'new.db', { requestTimeoutMs: 1_500 });
    await t.rejects(opened(t, begun), { code: 'STORE_FAILED' }, 'a state that cannot be read is not taken for empty');
    await server?.control?.again();
    const after = await opened(t, options);
    await within(60_000, 'all', after.store.commit([]));
    t.equal((await there(options, cardOf(3))).length, 1);
  },
);

t.test('another machine takes all of it over, and the one before stops, and refuses to start', { skip }, async (t) => {
  const options = await archive(t);
  const one = await opened(t, options);
  const many = Array.from({ length: 9_000 }, (_, index) => index);
  await Promise.all(many.map((index) => put(one.store, cardOf(index), 'card', { Plan: 0 })));
  await Promise.all(many.slice(0, 50).map((index) => put(one.store, cardOf(index), 'card', { Plan: 1 })));
  await put(one.store, cardOf(7), 'registration', { Name: 'N' }, 'digest');
  const other = await opened(t, at(options, 'other.db'));
  t.match(other.log.lines.at(-1), {
    level: 'info',
    message: /is this ledger’s now$/,
    fields: { complete: 1, waitingForRegistration: 8_999 },
  });
  t.same(states(other.store), states(one.store));
  t.equal(
    other.store.read((state) => state.cardsOf('digest', '')),
    1,
    'who holds which card',
  );

  await put(other.store, cardOf(7), 'card', { Plan: 'new' });
  t.equal(one.store.lost?.aborted, false);
  const error = {
    code: 'CARDS_ELSEWHERE',
    retryable: true,
    message: /belongs to .+ since 20.+ was taken over from this ledger.+ledger\.db/,
  };
  await t.rejects(put(one.store, cardOf(7), 'card', { Plan: 'old' }), error);
  t.ok(one.store.lost?.aborted);
  await t.rejects(one.store.commit([]), error, 'nothing arrives any more');
  t.equal(one.log.lines.filter(({ fields }) => 'alarm' in fields).length, 1);
  await one.store.close();
  t.match(await there(options, cardOf(7)), [['card', /"Plan":"new"/], ['registration']]);
  await t.rejects(opened(t, options), error);
  await other.store.close();
  await t.rejects(opened(t, options), error, 'whoever is at work');
  const third = await opened(t, at(options, 'third.db'));
  t.match(
    third.store.read((state) => state.card(cardOf(7))?.card?.fields),
    { Plan: 'new' },
  );
});

t.test('a former owner’s rows never count, whenever they come', { skip }, async (t) => {
  const options = await archive(t);
  const one = await opened(t, options);
  for (let change = 0; change < 20; change += 1) await put(one.store, cardOf(1), 'card', { change });
  const other = await opened(t, at(options, 'other.db'));
  await put(other.store, cardOf(1), 'card', { change: 'last' });
  await other.store.close();
  const late = `SELECT iccid, side, toUInt64(version + 1000), updated_at, person, 'late' FROM $.cards WHERE version < 2 * exp2(40) LIMIT 1`;
  await ask(options, `INSERT INTO $.cards ${late}`);
  await one.store.close();
  const { store } = await opened(t, at(options, 'third.db'));
  t.match(
    store.read((state) => state.card(cardOf(1))?.card?.fields),
    { change: 'last' },
  );
});

t.test('a take-over that was broken off goes on, and until then it owns nothing', { skip }, async (t) => {
  const options = await archive(t);
  const one = await opened(t, options);
  await Promise.all(Array.from({ length: 50 }, (_, index) => put(one.store, cardOf(index), 'card', { index })));
  const all = states(one.store);
  await one.store.close();
  const taking = at(options, 'taking.db');
  const other = await opened(t, taking);
  await other.store.close();
  await part(taking, `UPDATE card_claim SET state = 'loading'; DELETE FROM cards WHERE iccid > '${cardOf(20)}'`);
  await t.rejects(opened(t, { ...taking, cards: false }), { code: 'CONFIG_INVALID', message: /has a part of it/ });
  const again = await opened(t, taking);
  t.same(states(again.store), all);
  await again.store.close();
  t.equal(
    await ask(options, `SELECT count() FROM $.settings WHERE setting = 'cardsOwner'`),
    '2',
    'under the same claim',
  );

  await part(taking, `UPDATE card_claim SET state = 'loading'; DELETE FROM cards WHERE iccid > '${cardOf(20)}'`);
  const third = await opened(t, at(options, 'third.db'));
  t.same(states(third.store), all);
  await t.rejects(opened(t, taking), { code: 'CARDS_ELSEWHERE' }, 'another one was faster');
});

t.test('of those who claim it at the same moment one has it', { skip }, async (t) => {
  const options = await archive(t);
  const names = ['a.db', 'b.db', 'c.db', 'd.db'];
  for (let turn = 0; turn < 5; turn += 1) {
    const claiming = names.map((name) => opened(t, at(options, `${turn}${name}`)));
    const ended = await Promise.allSettled(claiming);
    const writing = await Promise.allSettled(
      ended.map((end) =>
        end.status === 'fulfilled' ? put(end.value.store, cardOf(turn), 'card', { turn }) : Promise.reject(end.reason),
      ),
    );
    t.equal(writing.filter(({ status }) => status === 'fulfilled').length, 1, `turn ${turn}`);
    for (const end of writing) if (end.status === 'rejected') t.match(end.reason, { code: 'CARDS_ELSEWHERE' });
    for (const end of ended) if (end.status === 'fulfilled') await end.value.store.close();
  }
});

t.test(
  'an installation that turns it on later brings all that it has, and again after it was off',
  { skip },
  async (t) => {
    const options = await archive(t);
    const before = await opened(t, { ...options, cards: false });
    await put(before.store, cardOf(1), 'registration', { Name: 'N' });
    await put(before.store, cardOf(2), 'card', { Plan: 1 });
    await before.store.close();
    t.equal(await ask(options, 'SELECT count() FROM $.cards'), '0');
    const on = await opened(t, options);
    await on.store.commit([]);
    t.equal(await ask(options, 'SELECT count() FROM $.cards'), '2');
    await on.store.close();
    const off = await opened(t, { ...options, cards: false });
    await put(off.store, cardOf(2), 'card', { Plan: 2 });
    await off.store.close();
    const again = await opened(t, options);
    await again.store.commit([]);
    t.match(await there(options, cardOf(2)), [['card', /"Plan":2/]]);
    const own = at(options, 'own.db');
    const other = await opened(t, { ...own, cards: false });
    await put(other.store, cardOf(3), 'card', {});
    await other.store.close();
    await t.rejects(opened(t, own), { code: 'CARDS_ELSEWHERE', message: /this ledger holds cards of its own/ });
  },
);

t.test('a ledger that is older than what it has brought there is found out', ownServer, async (t) => {
  const options = await archive(t);
  const first = await opened(t, options);
  await put(first.store, cardOf(1), 'card', { Plan: 1 });
  await first.store.close();
  const copy = at(options, 'copy.db');
  await copyFile(options.ledger, copy.ledger);
  const second = await opened(t, options);
  await put(second.store, cardOf(1), 'card', { Plan: 2 });
  await second.store.close();
  await t.rejects(opened(t, copy), { code: 'CARDS_ELSEWHERE', message: /older copy/ });
  await server?.control?.kill();
  const blind = await opened(t, copy);
  const waits = t.rejects(put(blind.store, cardOf(1), 'card', { Plan: 3 }), { code: 'CARDS_ELSEWHERE' });
  await server?.control?.again();
  await within(60_000, 'the comparison', waits);
  t.ok(blind.store.lost?.aborted, 'also where the server was away at the start');
  const whole = await opened(t, options);
  await whole.store.commit([]);
});

t.test('a process beside the daemon brings its own, as when a dead letter is sent again', { skip }, async (t) => {
  const options = await archive(t);
  const { store } = await opened(t, options);
  let isOver = false;
  let puts = 0;
  const busy = (async () => {
    for (; !isOver; puts += 1) await put(store, cardOf(puts), 'card', { Plan: puts });
  })();
  for (let turn = 0; turn < 5; turn += 1) {
    const beside = await opened(t, options);
    await put(beside.store, cardOf(turn), 'registration', { turn });
    await beside.store.close();
  }
  isOver = true;
  await busy;
  t.equal(await ask(options, `SELECT uniqExact(iccid, side) FROM $.cards`), String(puts + 5));
  t.notOk(store.lost?.aborted);
});

/** What a kill in the middle leaves. */
async function part({ ledger }: ClickHouseOptions, statements: string): Promise<void> {
  const { openDatabase } = await import('../../../stores/sqlite/database.js');
  const database = await openDatabase(ledger, false);
  database.exec(statements);
  database.close();
}
