import t from 'tap';
import type { NewDueFile, Store } from '../../contract/store.js';
import { testStore } from '../support/testStore.js';

const HOUR = 3_600_000;
const due = (changes: Partial<NewDueFile> = {}): NewDueFile => {
  const { content = 'KH', requestId = 'CMD-1', code = '0002' } = changes;
  const name = code === '' ? `${content}_${requestId}` : `${content}_${requestId}_${code}`;
  return { name, content, requestId, code, iccid: '89860012345678901234', withinMs: 6 * HOUR, ...changes };
};
const add = (store: Store, ...files: NewDueFile[]) =>
  store.commit(files.map((file) => (transaction) => transaction.addDueFile(file)));

t.test('a file is due from acceptance, goes its way once, and the first word about it stays', async (t) => {
  const { store, clock } = await testStore(t);
  const at = clock.now();
  await add(store, due(), due({ withinMs: 1 }));
  t.match(store.dueFile('KH_CMD-1_0002'), { state: 'open', acceptedAt: at, dueAt: at + 6 * HOUR });
  await store.commit([(transaction) => transaction.dueFileAsked('KH_CMD-1_0002')]);
  t.match(store.dueFile('KH_CMD-1_0002'), { state: 'asked' });
  clock.set(at + HOUR);
  await store.fileDelivered('KH_CMD-1_0002', '/upload/KH_CMD-1_0002.bin');
  await store.commit([(transaction) => transaction.dueFileFailed('KH_CMD-1_0002', 'too late for that', true)]);
  clock.set(at + 2 * HOUR);
  await store.fileDelivered('KH_CMD-1_0002', '/upload/again');
  t.match(store.dueFile('KH_CMD-1_0002'), { state: 'delivered', deliveredAt: at + HOUR, reason: undefined });
});

t.test('a name with a code fulfils what was due without one, and nothing of another request', async (t) => {
  const { store } = await testStore(t);
  await add(
    store,
    due({ content: 'HT', code: '' }),
    due({ content: 'HT', code: '', requestId: 'CMD-2' }),
    due({ content: 'HT', code: 'LSV1', requestId: 'CMD-3' }),
    due({ content: 'HT', code: 'LFV2', requestId: 'CMD-3' }),
  );
  await store.fileDelivered('HT_CMD-1_LSV1', '/x');
  await store.fileDelivered('HT_CMD-3_LSV1', '/x');
  await store.fileDelivered('HT_CMD-9_LSV1', '/x');
  const states = ['HT_CMD-1', 'HT_CMD-2', 'HT_CMD-3_LSV1', 'HT_CMD-3_LFV2'].map((name) => store.dueFile(name)?.state);
  t.same(states, ['delivered', 'open', 'delivered', 'open']);
});

t.test('a file that comes twice fulfils its own promise alone', async (t) => {
  const { store } = await testStore(t);
  await add(store, due({ content: 'HT', code: 'LSV1' }), due({ content: 'HT', code: '' }));
  await store.fileDelivered('HT_CMD-1_LSV1', '/x');
  await store.fileDelivered('HT_CMD-1_LSV1', '/x');
  t.equal(store.dueFile('HT_CMD-1')?.state, 'open', 'due without a code, for a card of nobody');
});

t.test('one name is due for one card: another card under the same RequestID is refused', async (t) => {
  const { store } = await testStore(t);
  await add(store, due());
  await t.rejects(add(store, due({ iccid: '89860012345678905678' })), { code: 'REQUEST_REUSED' });
  t.equal(store.dueFile('KH_CMD-1_0002')?.iccid, '89860012345678901234');
});

t.test(
  'a file for several cards is due once, for all that were noted, in whatever order and however often',
  async (t) => {
    const { store } = await testStore(t);
    const [one, two] = ['89860012345678901234', '89860012345678905678'] as const;
    const noted = () => store.dueFile('KH_CMD-1_0002');
    await add(store, due({ iccid: two, forMore: true }), due({ iccid: one, forMore: true }));
    await add(store, due({ iccid: two, forMore: true }));
    t.match(noted(), { iccid: `${two},${one}`, state: 'open' });
    await t.rejects(add(store, due({ iccid: two })), { code: 'REQUEST_REUSED' }, 'a message with one card is another');
    await store.commit([(transaction) => transaction.dueFileFailed('KH_CMD-1_0002', 'FailureCause 501', true)]);
    await add(store, due({ iccid: one, forMore: true }));
    t.match(noted(), { iccid: `${two},${one}`, state: 'open' }, 'due again, for both');
  },
);

t.test('what had failed is due again, and found again, when it is asked for once more', async (t) => {
  const { store, clock } = await testStore(t);
  await add(store, due(), due({ requestId: 'CMD-2' }));
  await store.commit([(transaction) => transaction.dueFileFailed('KH_CMD-1_0002', 'FailureCause 501', true)]);
  const after = store.dueFile('KH_CMD-2_0002')!.id;
  clock.set(clock.now() + 7 * HOUR);
  await add(store, due());
  const { expiredAt, reason, ...again } = store.dueFile('KH_CMD-1_0002')!;
  t.match(again, { state: 'open', dueAt: clock.now() + 6 * HOUR });
  t.same([expiredAt, reason], [undefined, undefined]);
  const found = store.dueFiles({ content: 'KH', state: 'open', afterId: after, limit: 10 });
  t.same(
    found.map(({ name }) => name),
    ['KH_CMD-1_0002'],
    'whoever has looked further already finds it, too',
  );
  await t.rejects(add(store, due({ iccid: '89860012345678905678' })), { code: 'REQUEST_REUSED' });
});

t.test('a clock that was ahead for a while puts off no deadline', async (t) => {
  const at = 1_700_000_000_000;
  let now = at + 24 * HOUR;
  const { store } = await testStore(t, { clock: { now: () => now, until: () => Promise.resolve() } });
  await store.commit([(transaction) => void transaction.append({ kind: 'KH', code: '0002', bytes: Buffer.from('x') })]);
  now = at;
  await add(store, due());
  t.equal(store.dueFile('KH_CMD-1_0002')?.dueAt, at + 6 * HOUR);
});

t.test('open files are given by content, oldest first, page by page', async (t) => {
  const { store } = await testStore(t);
  await add(
    store,
    ...['A', 'B', 'C'].map((requestId) => due({ requestId })),
    due({ code: 'LSV1' }),
    due({ content: 'HT', code: 'LSV1' }),
  );
  const names = (afterId = 0) =>
    store.dueFiles({ content: 'KH', state: 'open', afterId, limit: 2 }).map(({ name }) => name);
  t.same(names(), ['KH_A_0002', 'KH_B_0002']);
  t.same(names(store.dueFile('KH_B_0002')?.id), ['KH_C_0002', 'KH_CMD-1_LSV1']);
});

t.test('each stage is told once: half, the last half hour, expired; one that is settled is silent', async (t) => {
  const { store, clock } = await testStore(t);
  const at = clock.now();
  await add(store, due({ requestId: 'slow' }), due({ requestId: 'quick' }), due({ requestId: 'refused' }));
  const look = (hours: number) => {
    clock.set(at + hours * HOUR);
    return store.dueAlarms(100).map(({ stage, file }) => `${stage} ${file.requestId}`);
  };
  t.same(look(2.9), []);
  await store.fileDelivered('KH_quick_0002', '/x');
  await store.commit([(transaction) => transaction.dueFileFailed('KH_refused_0002', 'no such card', true)]);
  t.same(look(3), ['half slow']);
  t.same(look(3.1), [], 'told once');
  t.same(look(5.5), ['lastHalfHour slow']);
  await store.commit([(transaction) => transaction.dueFileFailed('KH_slow_0002', 'no pictures', false)]);
  t.same(look(6), ['expired slow']);
  t.same(look(60), []);
  t.match(store.dueFile('KH_slow_0002'), { state: 'open', expiredAt: at + 6 * HOUR, reason: 'no pictures' });
  t.match(store.status().dueFiles, [
    {
      content: 'KH',
      code: '0002',
      open: 1,
      asked: 0,
      delivered: 1,
      late: 0,
      failed: 1,
      expired: 1,
      nextDueAt: at + 6 * HOUR,
    },
  ]);
  await store.fileDelivered('KH_slow_0002', '/x');
  t.match(store.status().dueFiles, [{ delivered: 2, late: 1, expired: 0, nextDueAt: undefined }]);
});

t.test('after a long stop the latest stage alone is told, of every file and in bounded helpings', async (t) => {
  const { store, clock } = await testStore(t);
  const at = clock.now();
  await add(store, ...Array.from({ length: 25 }, (_, index) => due({ requestId: `R${index}` })));
  clock.set(at + 7 * HOUR);
  const told = [store.dueAlarms(10), store.dueAlarms(10), store.dueAlarms(10), store.dueAlarms(10)];
  t.same(
    told.map((alarms) => alarms.length),
    [10, 10, 5, 0],
  );
  t.ok(told.flat().every(({ stage, file }) => stage === 'expired' && file.expiredAt === at + 7 * HOUR));
});

t.test('a time shorter than an hour has its stages too', async (t) => {
  const { store, clock } = await testStore(t);
  const at = clock.now();
  await add(store, due({ withinMs: 60_000 }));
  const stages = [29_999, 30_000, 59_999, 60_000].map((passed) => {
    clock.set(at + passed);
    return store.dueAlarms(9).map(({ stage }) => stage);
  });
  t.same(stages, [[], ['lastHalfHour'], [], ['expired']], 'half of it lies in the last half hour');
});

t.test('trace of a card tells what is due for it among others', async (t) => {
  const { store } = await testStore(t);
  const [first, second] = ['89860012345678901234', '89860012345678905678'];
  await add(store, due(), due({ requestId: 'CMD-2', iccid: `${second},${first}` }));
  const about = async (key: string) => (await store.trace(key)).map(({ text }) => text.split(' ', 1)[0]);
  t.same(await about(first), ['KH_CMD-1_0002', 'KH_CMD-2_0002']);
  t.same(await about(second), ['KH_CMD-2_0002']);
  t.same(await about(second.slice(0, -1)), [], 'a part of a number is no card');
});

t.test('trace tells what is due for a command and a card, and how far its file has come', async (t) => {
  const { store, clock } = await testStore(t);
  await add(store, due());
  const plan = { baseName: 'KH_CMD-1_0002', records: 3, textBytes: 9, iv: 'ab', mtimeMs: 1, state: 'planned' as const };
  await store.commit([(transaction) => void transaction.planFile({ plan, fromPosition: 0, toPosition: 0 })]);
  await store.filePacked(plan.baseName, { packedName: 'KH_CMD-1_0002.bin', path: '/x', bytes: 5, sm3: 'ee' });
  clock.set(clock.now() + 7 * HOUR);
  store.dueAlarms(1);
  await store.fileDelivered(plan.baseName, '/upload/KH_CMD-1_0002.bin');
  const steps = ['due', 'file', 'packed', 'expired', 'delivered'];
  t.same(
    store.trace('CMD-1').map(({ step }) => step),
    steps,
  );
  t.same(
    store.trace('89860012345678901234').map(({ step }) => step),
    steps,
  );
  t.match(store.trace('KH_CMD-1_0002.bin').at(-1), { step: 'delivered' });
  t.match(store.trace('CMD-1')[1]?.text, /3 pictures/);
  t.notMatch(JSON.stringify(store.trace('CMD-1')), /8986/, 'no card is named');
});
