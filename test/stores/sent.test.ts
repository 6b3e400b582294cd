import t from 'tap';
import type { SentFilter } from '../../contract/sent.js';
import type { Store } from '../../contract/store.js';
import type { Tags } from '../../contract/tags.js';
import { commandRequest } from '../../stores/commandRequest.js';
import { requestOnce } from '../../stores/requestOnce.js';
import { openDatabase } from '../../stores/sqlite/database.js';
import { SENT } from '../../stores/sqlite/requests.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keepCard } from '../support/endedService.js';
import { DAY_16_MS, HOUR_MS, testStore } from '../support/testStore.js';

const CARD = '89860012345678901234';

/** As the sink `archive` takes a message in. */
const registration = (store: Store, tags: Tags) =>
  store.commit([requestOnce({ kind: 'KH', tags: { digest: 'd', code: '0002', ...tags } }, [])]);
/** As the sink `requests` takes one for a car maker in. */
const command = (store: Store, requestId: string, maker: string) =>
  store.commit([
    requestOnce(commandRequest({ value: { Code: maker }, tags: { platformId: 'MIIT', requestId, code: maker } }), []),
  ]);
const told = (store: Store, filter: Partial<SentFilter> = {}) =>
  store.sent({ limit: 100, ...filter }).map((row) => [row.day, row.platformId, row.kind, row.code, row.requests]);

t.test('who sent is counted by day in Asia/Shanghai, platform, kind and code', async (t) => {
  const { store, clock } = await testStore(t);
  clock.set(DAY_16_MS - 2);
  await registration(store, { platformId: 'OEM', requestId: 'R1' });
  clock.set(DAY_16_MS - 1);
  await registration(store, { platformId: 'OEM', requestId: 'R1' }); // a retry
  await registration(store, { platformId: 'OEM', requestId: 'R2' });
  await t.rejects(registration(store, { platformId: 'OEM', requestId: 'R2', digest: 'other' }));
  await registration(store, { requestId: 'R3' }); // nobody sent it
  clock.set(DAY_16_MS);
  await registration(store, { platformId: 'OEM', requestId: 'R4', part: 1 });
  await registration(store, { platformId: 'OEM', requestId: 'R4', part: 2 });
  await command(store, 'C1', 'LSV1');
  await command(store, 'C1', 'LSV2');
  await registration(store, { platformId: 'MIIT', requestId: 'R5' });
  const days = [
    ['20221116', 'MIIT', 'command', 'LSV1', 1],
    ['20221116', 'MIIT', 'command', 'LSV2', 1],
    ['20221116', 'MIIT', 'KH', '0002', 1],
    ['20221116', 'OEM', 'KH', '0002', 2],
    ['20221115', 'OEM', 'KH', '0002', 2],
  ];
  t.strictSame(told(store), days);
  t.strictSame(told(store, { day: '20221115' }), days.slice(4));
  t.strictSame(told(store, { platformId: 'OEM' }), days.slice(3));
  t.strictSame(told(store, { day: '20221116', platformId: 'OEM' }), days.slice(3, 4));
  t.strictSame(told(store, { limit: 1 }), days.slice(0, 1));
  t.match(store.sent({ day: '20221115', limit: 1 }), [{ firstAt: DAY_16_MS - 2, lastAt: DAY_16_MS - 1 }]);
});

t.test('what is undone is not counted, what is purged stays so', async (t) => {
  const { store, clock } = await testStore(t);
  const remembered = { platformId: 'OEM', requestId: 'R1', kind: 'KH', code: '0002' };
  const fails = () => {
    throw new Error('an effect');
  };
  await t.rejects(store.commit([(transaction) => transaction.rememberRequest(remembered), fails]));
  t.strictSame(told(store), []);

  await keepCard(store, CARD, '2');
  clock.set(DAY_16_MS);
  const key = { kind: 'KH', code: '0002', cutoff: '2022111600', type: 'P' } as const;
  store.windowDelivered(store.openWindow(key, DAY_16_MS, 'accounts-daily').id);
  const rules = { beforeMs: DAY_16_MS + HOUR_MS, isOver: () => true, pictures: () => 0 };
  t.match(await store.purges.card(await store.purges.begin(731), CARD, rules), { requests: 1 });
  t.strictSame(told(store), [['20221115', 'OEM', 'KH', '0002', 1]]);
});

t.test('an archive from before counts what it holds as if it had always done so', async (t) => {
  const { store, path, clock, log } = await testStore(t);
  await registration(store, { platformId: 'OEM', requestId: 'R1', part: 1 });
  await registration(store, { platformId: 'OEM', requestId: 'R1', part: 12 });
  clock.set(DAY_16_MS);
  await registration(store, { platformId: 'OEM', requestId: 'R2' });
  await command(store, 'C1', 'LSV1');
  const counted = store.sent({ limit: 100 });
  t.equal(counted.length, 3);
  await store.close();
  const database = await openDatabase(path, false);
  database.exec(`
    DROP TABLE sent;
    DROP TABLE card_changes;
    DROP TABLE cards_gone;
    DROP TABLE card_claim;
    ALTER TABLE purges DROP COLUMN positions;
    ALTER TABLE purges DROP COLUMN aside_files;
    ALTER TABLE files DROP COLUMN steps;
    PRAGMA user_version = 6;
  `);
  database.close();
  const again = await openSqliteStore({ path, clock, log });
  t.strictSame(again.sent({ limit: 100 }), counted);
  await again.close();
});

t.test('a day is found by the key, without reading the others or any request', async (t) => {
  const { store, path } = await testStore(t);
  await store.close();
  const database = await openDatabase(path, true);
  const given = { first: '20221115', last: '20221115', platformId: null, limit: 1 };
  const plan = database.prepare<object, { detail: string }>(`EXPLAIN QUERY PLAN ${SENT}`).all(given);
  database.close();
  t.match(plan[0], { detail: 'SEARCH sent USING PRIMARY KEY (day>? AND day<?)' });
  t.notMatch(plan, [{ detail: /SCAN/ }]);
  t.notOk(plan.some(({ detail }) => detail.includes('requests ')));
});
