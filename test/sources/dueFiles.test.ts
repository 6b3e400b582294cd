import t, { type Test } from 'tap';
import type { Source } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import type { NewDueFile, Store } from '../../contract/store.js';
import { spec } from '../../sources/dueFiles.js';
import { bareContext } from '../support/bareContext.js';
import { maker } from '../support/messages.js';
import { optionsOf } from '../support/options.js';
import { HOUR_MS, type TestStore, testStore } from '../support/testStore.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const QUICK = { file: 'KH', pollMs: 1, retryDelayMsMin: 1, retryDelayMsMax: 1 };
const NO_PICTURES = new IovError('NO_PICTURES', 'none found');
const REFUSED = new IovError('REFUSED_BY_PEER', 'FailureCause 501');
const DOWN = new IovError('PEER_UNREACHABLE', 'no answer');

const due = (requestId: string, changes: Partial<NewDueFile> = {}): NewDueFile => {
  const { content = 'KH', code = '0002' } = changes;
  const name = `${content}_${requestId}_${code}`;
  return { name, content, requestId, code, iccid: '8986', withinMs: 6 * HOUR_MS, ...changes };
};
const add = (store: Store, ...files: NewDueFile[]) =>
  store.commit(files.map((file) => (transaction) => transaction.addDueFile(file)));
const numbered = (count: number, prefix = 'R') => Array.from({ length: count }, (_, index) => due(`${prefix}${index}`));

/** The source on a store, pulled item by item. */
async function reading(t: Test, options: object, given?: TestStore) {
  const place = given ?? (await testStore(t));
  const { store, clock } = place;
  const context = { ...bareContext({ directory: '.', store }), clock, peers: { oem: maker } };
  const source = (await spec.create(optionsOf(spec, { ...QUICK, ...options }), context)) as Source;
  const stop = new AbortController();
  const items = source.read(stop.signal)[Symbol.asyncIterator]();
  const next = async (): Promise<Item> => {
    const step = await within(60_000, 'the next item', items.next());
    if (step.done) throw new Error('expected an item, got the end');
    return step.value as Item;
  };
  const close = async () => {
    await source.close?.();
    await within(60_000, 'the end', Promise.resolve(items.return?.()));
  };
  t.teardown(close);
  const state = (requestId: string) => store.dueFile(due(requestId).name);
  /** Everything noted by now is in the store, and the source has heard of it. */
  const settled = async () => {
    await store.commit([]);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { ...place, source, stop, items, next, close, state, settled };
}

t.test('what is due is given as a command, oldest first, and is fulfilled when it has arrived', async (t) => {
  const { store, next, state, settled } = await reading(t, {});
  await add(store, due('A', { iccid: '1,2' }), due('B'), due('X', { content: 'HT' }));
  const first = await next();
  t.match(first, {
    value: { RequestID: 'A', Code: '0002', ICCID: '1,2' },
    tags: { requestId: 'A', code: '0002', iccid: '1,2', platformId: undefined },
    origin: 'KH_A_0002',
    effects: [],
  });
  t.equal((await next()).tags.requestId, 'B');
  first.receipt.arrived();
  await settled();
  t.match(state('A'), { state: 'delivered' });
  t.match(state('B'), { state: 'open' });
  await add(store, due('C'));
  t.equal((await next()).tags.requestId, 'C', 'one that is noted while it waits');
});

t.test('what its sink has noted as delivered stays as it was', async (t) => {
  const { store, clock, next, state, settled } = await reading(t, {});
  await add(store, due('A'));
  const item = await next();
  await store.fileDelivered('KH_A_0002', '/x');
  const { deliveredAt } = state('A') ?? {};
  clock.set(clock.now() + 1_000);
  item.receipt.arrived();
  await settled();
  t.match(state('A'), { state: 'delivered', deliveredAt });
});

t.test('a peer that has been asked is not asked again, and the file stays due', async (t) => {
  const { store, next, settled } = await reading(t, { file: 'HT', peer: 'oem', until: 'asked' });
  const [code] = maker.codes;
  await add(store, due('other', { content: 'HT', code: 'LSV1' }), due('A', { content: 'HT', code: code! }));
  const item = await next();
  t.equal(item.origin, `HT_A_${code}`, 'another car maker is none of our business');
  item.receipt.arrived();
  await settled();
  t.match(store.dueFile(item.origin), { state: 'asked' });
  await add(store, due('B', { content: 'HT', code: code! }));
  t.equal((await next()).tags.requestId, 'B');
});

t.test(
  'what a peer was asked for and has not sent in time becomes a dead letter; what others owe does not',
  async (t) => {
    const place = await testStore(t);
    const { store, clock } = place;
    const [ours = ''] = maker.codes;
    const asked = (requestId: string, code = ours) => due(requestId, { content: 'HT', code });
    await add(store, asked('A'), asked('B'), asked('C', 'OTHER'));
    await store.commit(['A', 'B'].map((id) => (transaction) => transaction.dueFileAsked(asked(id).name)));
    await store.commit([(transaction) => transaction.dueFileAsked(asked('C', 'OTHER').name)]);
    await store.fileDelivered(asked('B').name, '/upload');
    clock.set(clock.now() + 6 * HOUR_MS);
    store.dueAlarms(10);
    const { items, close } = await reading(t, { file: 'HT', peer: 'oem', until: 'asked' }, place);
    const nothing = items.next();
    await until('a dead letter', () => store.status().deadLetters > 0);
    t.match(store.deadLetters(), [
      { origin: asked('A').name, code: 'COMMAND_EXPIRED', reason: /was asked, and has not/ },
    ]);
    t.match(store.dueFile(asked('A').name), { state: 'failed', reason: /COMMAND_EXPIRED/ });
    t.match(store.dueFile(asked('C', 'OTHER').name), { state: 'asked' });
    await close();
    t.equal((await within(60_000, 'the end', nothing)).done, true);
    await store.fileDelivered(asked('A').name, '/upload');
    t.match(store.dueFile(asked('A').name), { state: 'delivered' }, 'late, but there');
  },
);

t.test('codes name who owes; pages full of other files are passed over', async (t) => {
  const { store, next } = await reading(t, { codes: ['0001'] });
  await add(
    store,
    ...numbered(1_200),
    due('mine', { code: '0001' }),
    ...numbered(700, 'S'),
    due('last', { code: '0001' }),
  );
  t.same([(await next()).tags.requestId, (await next()).tags.requestId], ['mine', 'last']);
});

t.test('what fails for now is tried again, and its reason is noted once; nothing else waits for it', async (t) => {
  const { store, next, state, settled } = await reading(t, {});
  await add(store, due('bad'), ...numbered(20));
  let notes = 0;
  const commit = store.commit.bind(store);
  store.commit = (effects) => {
    notes += 1;
    return commit(effects);
  };
  const seen = new Map<string, number>();
  while (seen.size < 21 || (seen.get('bad') ?? 0) < 5) {
    const { receipt, tags } = await next();
    seen.set(tags.requestId ?? '', (seen.get(tags.requestId ?? '') ?? 0) + 1);
    if (tags.requestId === 'bad')
      receipt.failed(seen.size % 2 ? NO_PICTURES : new IovError('NO_PICTURES', 'none found'));
    else receipt.arrived();
  }
  t.ok(
    [...seen].every(([id, count]) => id === 'bad' || count === 1),
    'the others were given once',
  );
  await settled();
  t.match(state('bad'), { state: 'open', reason: 'NO_PICTURES: none found' });
  t.equal(notes, 20 + 1 + 1, 'each arrival, the reason, and this test');
  t.same(store.deadLetters(), []);
});

t.test('what would fail alike each time goes to the dead letters, with its command', async (t) => {
  const { store, next, state, settled } = await reading(t, {});
  await add(store, due('A'), due('B'));
  (await next()).receipt.failed(REFUSED);
  (await next()).receipt.failed(DOWN);
  await settled();
  t.match(state('A'), { state: 'failed', reason: 'REFUSED_BY_PEER: FailureCause 501' });
  t.match(state('B'), { state: 'open', reason: 'PEER_UNREACHABLE: no answer' });
  const [letter, ...others] = store.deadLetters();
  t.match(letter, { origin: 'KH_A_0002', code: 'REFUSED_BY_PEER', tags: { requestId: 'A' }, pipeline: 'test' });
  t.same(others, []);
  const { raw } = store.deadLetter(letter?.id ?? 0) ?? {};
  t.same(JSON.parse(Buffer.from(raw!).toString()), { RequestID: 'A', Code: '0002', ICCID: '8986' });
  t.equal((await next()).tags.requestId, 'B', 'the other is tried again');
});

t.test('at its deadline nobody tries any more, though it was to be tried later', async (t) => {
  const slow = { retryDelayMsMin: 3_600_000, retryDelayMsMax: 3_600_000 };
  const { store, clock, next, state, settled } = await reading(t, slow);
  await add(store, due('early', { withinMs: HOUR_MS }), due('late'));
  for (const item of [await next(), await next()]) item.receipt.failed(NO_PICTURES);
  clock.set(clock.now() + HOUR_MS);
  await settled();
  t.match(
    store.dueAlarms(10).map(({ stage, file }) => `${stage} ${file.requestId}`),
    ['expired early'],
    'which only the watcher tells',
  );
  await add(store, due('new'));
  t.equal((await next()).tags.requestId, 'new');
  const waiting = next();
  waiting.catch(() => undefined);
  while (state('early')?.state !== 'failed') await settled();
  t.match(state('early'), {
    expiredAt: clock.now(),
    reason: /^COMMAND_EXPIRED: expected by .*NO_PICTURES: none found$/,
  });
  t.match(store.deadLetters(), [{ origin: 'KH_early_0002', code: 'COMMAND_EXPIRED', reason: /NO_PICTURES/ }]);
  t.match(state('late'), { state: 'open' });
  t.match(
    store.trace('early').map(({ step }) => step),
    ['due', 'expired', 'failed', 'dead'],
  );
  await store.fileDelivered('KH_early_0002', '/x');
  t.match(state('early'), { state: 'delivered' }, 'a late file still counts');
  await add(store, due('end'));
  t.equal((await waiting).tags.requestId, 'end');
});

t.test('what is too late when it is found is not tried at all', async (t) => {
  const place = await testStore(t);
  await add(place.store, ...numbered(30), due('good', { withinMs: 24 * HOUR_MS }));
  place.clock.set(place.clock.now() + 7 * HOUR_MS);
  place.store.dueAlarms(100);
  const { store, next, settled } = await reading(t, { inFlightMax: 4 }, place);
  t.equal((await next()).tags.requestId, 'good');
  await settled();
  t.equal(store.deadLetters().length, 30);
});

t.test('no more than inFlightMax are under way', async (t) => {
  const { store, next, items, settled } = await reading(t, { inFlightMax: 3 });
  await add(store, ...numbered(10));
  const under = [await next(), await next(), await next()];
  let given = 0;
  const fourth = items.next().then((step) => {
    given += 1;
    return step;
  });
  for (let turn = 0; turn < 50; turn += 1) await settled();
  t.equal(given, 0);
  under[1]?.receipt.arrived();
  t.match((await within(60_000, 'the fourth', fourth)).value, { origin: 'KH_R3_0002' });
});

t.test('failures beyond waitingMax are forgotten and found again, while new ones come through', async (t) => {
  const { store, next } = await reading(t, { waitingMax: 5, inFlightMax: 4 });
  await add(store, ...numbered(60));
  const tries = new Map<string, number>();
  let newOnes = 0;
  const isTried = () => newOnes === 0 && tries.size === 60 && [...tries.values()].every((count) => count >= 3);
  for (let given = 1; !isTried(); given += 1) {
    if (given > 20_000) throw new Error(`not all are tried again: ${JSON.stringify([...tries])}`);
    if (given % 100 === 0) {
      await add(store, due(`new-${given}`));
      newOnes += 1;
    }
    const { tags, receipt } = await next();
    const requestId = tags.requestId ?? '';
    if (requestId.startsWith('new-')) {
      newOnes -= 1;
      receipt.arrived();
    } else {
      tries.set(requestId, (tries.get(requestId) ?? 0) + 1);
      receipt.failed(DOWN);
    }
  }
  t.match(store.status().dueFiles, [{ failed: 0, asked: 0 }]);
});

t.test('a stop ends the reading and what is under way is still noted; a restart goes on with the rest', async (t) => {
  const place = await testStore(t);
  const { store, stop, items, next, source, state } = await reading(t, {}, place);
  await add(store, ...numbered(3));
  const [first, second] = [await next(), await next()];
  stop.abort(new IovError('STOPPED', 'asked to'));
  t.same(await within(60_000, 'the end', items.next()), { done: true, value: undefined });
  first.receipt.arrived();
  second.receipt.failed(new IovError('STOPPED', 'drained'));
  await source.close?.();
  t.match(state('R0'), { state: 'delivered' });
  t.match(state('R1'), { state: 'open', reason: undefined }, 'a stop is no reason');
  const again = await reading(t, {}, place);
  t.same([(await again.next()).tags.requestId, (await again.next()).tags.requestId], ['R1', 'R2']);
});

t.test('options that exclude one another are refused', async (t) => {
  const faults = (options: object) => (spec.check?.(optionsOf(spec, options)) ?? []).map(({ field }) => field);
  t.same(faults({ file: 'KH', codes: ['1'], peer: 'oem' }), ['peer']);
  t.same(faults({ file: 'KH', retryDelayMsMin: 9, retryDelayMsMax: 8 }), ['retryDelayMsMax']);
  t.same(faults({ file: 'KH' }), []);
});
