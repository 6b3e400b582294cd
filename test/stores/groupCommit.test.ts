import t from 'tap';
import { IovError } from '../../contract/error.js';
import { append, newRecord, testStore, textsOf } from '../support/testStore.js';

const all = {
  id: 0,
  kind: 'KH',
  code: '0002',
  cutoff: '',
  type: 'F',
  fromPosition: 0,
  toPosition: 1e9,
  pipeline: '',
  state: 'open',
  plannedAt: 0,
  options: '',
} as const;

t.test('a caller whose effect throws is undone and rejected alone', async (t) => {
  const { store } = await testStore(t);
  const refuse = () => {
    throw new IovError('CARD_LIMIT', 'one too many', { keep: true });
  };
  const outcomes = await Promise.allSettled([
    store.commit([(transaction) => void transaction.append(newRecord('first'))]),
    store.commit([(transaction) => void transaction.append(newRecord('undone')), refuse]),
    store.commit([(transaction) => void transaction.append(newRecord('third'))]),
  ]);
  t.same(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  t.match(outcomes[1], { reason: { code: 'CARD_LIMIT', keep: true } });
  t.same(textsOf(store.records(all, 0, 1e9)), ['first', 'third']);
  t.equal(store.status().records[0]?.count, 2, 'totals are undone with the record');
});

t.test('an unexpected throw is INTERNAL, and of that caller alone too', async (t) => {
  const { store } = await testStore(t);
  const broken = store.commit([() => void (undefined as unknown as string[]).length]);
  const fine = append(store, newRecord('fine'));
  await t.rejects(broken, { code: 'INTERNAL' });
  await fine;
});

t.test('a group is taken in the order of its callers and sees one another', async (t) => {
  const { store } = await testStore(t, { bounds: { commitsPerTransactionMax: 7 } });
  const numbers = Array.from({ length: 100 }, (_, number) => number);
  const seen: number[] = [];
  const ids = new Set<number>();
  await Promise.all(
    numbers.map((number) =>
      store.commit([
        (transaction) => void transaction.append(newRecord(`${number}`)),
        () => void seen.push(number),
        (transaction) => void ids.add(transaction.id),
      ]),
    ),
  );
  t.same(seen, numbers);
  t.equal(ids.size, Math.ceil(100 / 7), 'as many transactions as the bound asks for');
  t.same(textsOf(store.records(all, 0, 1e9)), numbers.map(String));
});

t.test('what runs afterwards runs last, and not at all where an effect throws', async (t) => {
  const { store } = await testStore(t);
  const order: string[] = [];
  const note = (word: string) => () => void order.push(word);
  await store.commit([(transaction) => transaction.afterwards(note('last')), note('first'), note('second')]);
  const thrown = store.commit([
    (transaction) => transaction.afterwards(note('never')),
    () => {
      throw new IovError('CARD_LIMIT', 'no');
    },
  ]);
  await t.rejects(thrown);
  await store.commit([note('next')]);
  t.same(order, ['first', 'second', 'last', 'next']);
});

t.test('more callers than may wait are refused as OVERLOADED, the others are served', async (t) => {
  const { store } = await testStore(t, { bounds: { queueMax: 3 } });
  const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map((number) => append(store, newRecord(`${number}`))));
  t.same(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'],
  );
  t.match(outcomes[4], { reason: { code: 'OVERLOADED', failureCause: '604' } });
});

t.test('closing takes what waits, refuses what comes later, and may be asked for twice', async (t) => {
  const { store } = await testStore(t);
  const waiting = append(store, newRecord('waiting'));
  await store.close();
  await waiting;
  await t.rejects(append(store, newRecord('late')), { code: 'STOPPED' });
  await store.close();
});

t.test('a transaction within a transaction is refused', async (t) => {
  const { store } = await testStore(t);
  await t.rejects(store.commit([() => void store.status()]), {
    code: 'INTERNAL',
    message: /inside another transaction/,
  });
  await t.rejects(store.commit([() => store.windowDelivered(1)]), { code: 'INTERNAL' });
});
