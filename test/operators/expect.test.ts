import t, { type Test } from 'tap';
import type { Kernel } from '../../contract/component.js';
import type { Item } from '../../contract/item.js';
import { oneLine } from '../../contract/oneLine.js';
import { Receipt } from '../../contract/receipt.js';
import type { DueFile, Store } from '../../contract/store.js';
import type { JsonObject, Tags } from '../../contract/tags.js';
import { spec } from '../../operators/expect.js';
import { spec as join } from '../../operators/join.js';
import { spec as archive } from '../../sinks/archive.js';
import { bareContext } from '../support/bareContext.js';
import { operator } from '../support/kernel.js';
import { registration } from '../support/messages.js';
import { optionsOf } from '../support/options.js';
import { cardRecord } from '../support/records.js';
import { testStore } from '../support/testStore.js';

const HOUR = 3_600_000;
const CARDS = ['89860012345678901234', '89860012345678901242', '89860012345678901259', '89860012345678901267'] as const;
const command = (changes: JsonObject = {}): JsonObject => ({ RequestID: 'CMD-7', ICCID: CARDS[0], ...changes });

/** Due files that the effects of `expect` leave behind. */
async function expected(store: Store, options: object, value: JsonObject, tags: Tags = {}): Promise<DueFile[]> {
  const expect = await operator(spec, options, { store });
  const item = await expect(value, tags);
  if (item.value !== value) throw new Error('expected the value as it came');
  await store.commit(item.effects);
  return allOf(store);
}

const allOf = (store: Store): DueFile[] =>
  (['KH', 'HT'] as const).flatMap((content) =>
    (['open', 'failed', 'delivered'] as const).flatMap((state) => store.dueFiles({ content, state, limit: 100 })),
  );

t.test('the name says who owes the file', async (t) => {
  const given: [object, Tags, string][] = [
    [{ file: 'KH', code: '0002' }, {}, 'KH_CMD-7_0002'],
    [{ file: 'HT' }, { code: 'LSV1' }, 'HT_CMD-7_LSV1'],
    [{ file: 'KH', codeOf: 'message' }, { code: '0001' }, 'KH_CMD-7_0001'],
    [{ file: 'HT', codeOf: 'unknown' }, { code: '0001' }, 'HT_CMD-7'],
  ];
  for (const [options, tags, name] of given) {
    const { store, clock } = await testStore(t);
    const [file, ...others] = await expected(store, options, command(), tags);
    t.match(file, { name, requestId: 'CMD-7', iccid: CARDS[0], state: 'open', dueAt: clock.now() + 6 * HOUR });
    t.same(others, []);
  }
});

t.test('a record takes its request, its code and its card from what is known of it', async (t) => {
  const { store, clock } = await testStore(t);
  const tags = { requestId: 'REQ-1', code: 'LSV1', iccid: CARDS[1], platformId: 'OEM-1' };
  const [file] = await expected(store, { file: 'KH', withinMs: HOUR }, { MSISDN: '1' }, tags);
  t.match(file, { name: 'KH_REQ-1_LSV1', code: 'LSV1', iccid: CARDS[1], dueAt: clock.now() + HOUR });
});

t.test('contracts are due from each car maker that has registered one of the cards', async (t) => {
  const { store } = await testStore(t);
  await store.commit([
    (transaction) => {
      for (const [index, code] of ['LSV1', 'LFV2', 'LSV1'].entries())
        transaction.putCardSide(CARDS[index]!, 'registration', { fields: {}, tags: { code } });
      transaction.putCardSide(CARDS[3], 'card', { fields: {}, tags: { code: '0002' } });
    },
  ]);
  const files = await expected(store, { file: 'HT', codeOf: 'maker' }, command({ ICCID: CARDS.join('，') }));
  t.match(
    files.map(({ name, code, iccid, state, reason }) => ({ name, code, iccid, state, reason })),
    [
      { name: 'HT_CMD-7_LSV1', code: 'LSV1', iccid: `${CARDS[0]},${CARDS[2]}`, state: 'open' },
      { name: 'HT_CMD-7_LFV2', code: 'LFV2', iccid: CARDS[1], state: 'open' },
      { name: 'HT_CMD-7', code: '', iccid: CARDS[3], state: 'failed', reason: 'no car maker has registered this card' },
    ],
  );
  t.match(store.trace('CMD-7').at(-1), { step: 'failed', text: /no car maker/ });
  t.same(store.dueAlarms(10), []);
});

t.test('an id that cannot stand in a file name is answered 400, and says so', async (t) => {
  const { store } = await testStore(t);
  const wrong: [object, JsonObject, Tags, string][] = [
    [{ file: 'KH', code: '0002' }, command({ RequestID: 'CMD_7' }), {}, 'RequestID'],
    [{ file: 'KH', code: '0002' }, command({ RequestID: '../7' }), {}, 'RequestID'],
    [{ file: 'KH', code: '0002' }, command({ RequestID: 'x'.repeat(65) }), {}, 'RequestID'],
    [{ file: 'KH', code: '0002' }, {}, {}, 'RequestID'],
    [{ file: 'HT' }, command(), { code: '大众' }, 'Code'],
    [{ file: 'HT' }, command(), {}, 'Code'],
    [{ file: 'KH', code: '0002' }, command({ ICCID: '../x' }), {}, 'ICCID'],
  ];
  for (const [options, message, tags, field] of wrong) {
    await t.rejects(expected(store, options, message, tags), {
      code: 'RECORD_INVALID',
      failureCause: '400',
      faults: [{ field }],
    });
  }
  await store.commit([
    (transaction) => transaction.putCardSide(CARDS[0], 'registration', { fields: {}, tags: { code: 'LSV_1' } }),
  ]);
  const ofMaker = expected(store, { file: 'HT', codeOf: 'maker' }, command());
  await t.rejects(ofMaker, { code: 'RECORD_INVALID', faults: [{ field: 'Code' }] });
  t.same(allOf(store), []);
});

t.test('a registration that no file can be named after passes all the same where that is wanted', async (t) => {
  const { store } = await testStore(t);
  for (const tags of [
    { requestId: 'REQ_1', code: 'LSV1' },
    { requestId: 'REQ-1', code: '大众' },
  ]) {
    t.same(await expected(store, { file: 'KH', unnameable: 'pass' }, { ICCID: CARDS[0] }, tags), []);
  }
});

t.test('code and codeOf exclude one another', async (t) => {
  const faults = (options: object) => spec.check?.(optionsOf(spec, options)) ?? [];
  t.match(faults({ file: 'HT', code: '0002', codeOf: 'maker' }), [{ field: 'codeOf' }]);
  t.same(faults({ file: 'HT', codeOf: 'maker' }), []);
});

/** expect → join → archive, as in accounts-in; resolves when the record has arrived. */
async function accounts(t: Test) {
  const { store } = await testStore(t);
  const context = { ...bareContext({ directory: '.' }), store };
  const create = async (options: object) => (await join.create(optionsOf(join, options), context)) as Kernel;
  const kernels = [
    (await spec.create(optionsOf(spec, { file: 'KH' }), context)) as Kernel,
    await create({ cards: 'ICCID' }),
  ];
  const cards = await create({ registrations: 'ICCID' });
  const sink = await archive.create(optionsOf(archive, { kind: 'KH', code: '0002' }), context);
  const send = (through: readonly Kernel[], value: JsonObject, tags: Tags) =>
    new Promise<void>((resolve, reject) => {
      const receipt = new Receipt((error) => (error ? reject(error) : resolve()));
      void (async () => {
        let items: Item[] = [{ value, tags, origin: 'test', receipt, effects: [] }];
        for (const kernel of through)
          items = (await Promise.all(items.map((item) => kernel.transform(item)))).flatMap((made) => [...made]);
        for (const item of items) {
          await sink.write({ ...item, value: oneLine(Buffer.from(JSON.stringify(item.value))) });
          item.receipt.arrived();
        }
      })().catch(reject);
    });
  const register = (requestId: string, digest = 'd') =>
    send(kernels, registration, {
      requestId,
      digest,
      platformId: 'OEM-1',
      code: 'LSV1',
      iccid: String(registration.ICCID),
    });
  const addCard = () => send([cards], { ...cardRecord(), ICCID: registration.ICCID }, {});
  return { store, register, addCard };
}

t.test(
  'a registration that waits for its card data makes its pictures due, once, and a retry does not again',
  async (t) => {
    const { store, register, addCard } = await accounts(t);
    await register('REQ-1');
    t.match(
      allOf(store),
      [{ name: 'KH_REQ-1_LSV1', iccid: registration.ICCID, state: 'open' }],
      'though no record has left',
    );
    await store.fileDelivered('KH_REQ-1_LSV1', '/x');
    await register('REQ-1');
    await addCard();
    await register('REQ-1');
    t.match(allOf(store), [{ name: 'KH_REQ-1_LSV1', state: 'delivered' }]);
    await register('REQ-2');
    t.same(
      allOf(store).map(({ name }) => name),
      ['KH_REQ-2_LSV1', 'KH_REQ-1_LSV1'],
      'one that finds its card data too',
    );
    await t.rejects(register('REQ-2', 'another'), { code: 'REQUEST_REUSED' });
    t.equal(allOf(store).length, 2);
  },
);
