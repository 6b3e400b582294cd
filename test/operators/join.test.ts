import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { Kernel, Sink } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import { oneLine } from '../../contract/oneLine.js';
import { Receipt } from '../../contract/receipt.js';
import type { Effect } from '../../contract/store.js';
import type { JsonObject, Tags } from '../../contract/tags.js';
import { spec } from '../../operators/join.js';
import { spec as archive } from '../../sinks/archive.js';
import { bareContext } from '../support/bareContext.js';
import { optionsOf } from '../support/options.js';
import { card, registration } from '../support/records.js';
import { testStore, textsOf } from '../support/testStore.js';

const ICCID = String(card().ICCID);
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

/** Both pipelines from `join` to the archive, as an operator has them; `send` resolves when the receipt settles. */
async function trial(t: Test, options: object = {}, path?: string) {
  /** Names whose records a later step refuses. */
  const refused = new Set<string>();
  const opened = await testStore(t, path === undefined ? {} : { path });
  const context = bareContext({ directory: t.testdirName, store: opened.store, log: opened.log });
  const create = async (side: object) =>
    (await spec.create(optionsOf(spec, { ...side, ...options }), context)) as Kernel;
  const kernels = { registration: await create({ cards: 'ICCID' }), card: await create({ registrations: 'ICCID' }) };
  const sink = (await archive.create(optionsOf(archive, { kind: 'KH', code: '0002' }), context)) as Sink;
  let sent = 0;
  const send = (side: 'registration' | 'card', value: JsonObject, tags: Tags = {}, effects: Effect[] = []) => {
    sent += 1;
    const origin = `${side} ${sent}`;
    return new Promise<string>((resolve) => {
      const receipt = new Receipt((error) => resolve(error ? error.code : 'arrived'));
      const out = (items: Iterable<Item>) => Promise.all([...items].map(store));
      const fail = (error: unknown) => receipt.failed(IovError.from(error));
      try {
        const items = kernels[side].transform({ value, tags, origin, receipt, effects });
        Promise.resolve(items).then(out).catch(fail);
      } catch (thrown) {
        fail(thrown);
      }
    });
  };
  const store = async (item: Item) => {
    const { OperType, IMSI, CustomerName } = item.value as JsonObject;
    const value = oneLine(Buffer.from([OperType, IMSI, CustomerName].join(' ')));
    if (refused.has(String(CustomerName))) return item.receipt.failed(new IovError('RECORD_INVALID', 'refused'));
    await sink.write({ ...item, value }).then(
      () => item.receipt.arrived(),
      (thrown: unknown) => item.receipt.failed(IovError.from(thrown)),
    );
  };
  return { ...opened, context, kernels, refused, send, archived: () => textsOf(opened.store.records(all, 0, 1e9)) };
}

const request = (requestId: string, more: Tags = {}): Tags => ({
  platformId: 'OEM-1',
  requestId,
  code: 'LSV1',
  operType: '1',
  digest: `of ${requestId}`,
  ...more,
});
const registered = (name: string) => ({ ...registration(), CustomerName: name });
const data = (imsi: string) => ({ ...card(), IMSI: imsi });

t.test('whichever side comes first waits, durable and visible; the record leaves with the second', async (t) => {
  for (const first of ['registration', 'card'] as const) {
    await t.test(`${first} first`, async (t) => {
      const { send, archived, store } = await trial(t);
      const sends = {
        registration: () => send('registration', registered('张'), request('R1')),
        card: () => send('card', data('i1')),
      };
      t.equal(await sends[first](), 'arrived');
      t.same(archived(), []);
      const { waitingForCard, waitingForRegistration } = store.status().cards;
      t.same([waitingForCard, waitingForRegistration], first === 'registration' ? [1, 0] : [0, 1]);
      t.equal(await sends[first === 'card' ? 'registration' : 'card'](), 'arrived');
      t.same(archived(), ['1 i1 张']);
      t.equal(store.status().cards.complete, 1);
      t.same(
        store.trace('R1').map(({ step }) => step),
        ['accepted', 'archived'],
        'the record is found by its request, whichever side set it off',
      );
    });
  }
});

t.test('the record leaves again when a registration comes or the card data changes', async (t) => {
  const { send, archived } = await trial(t);
  await send('card', data('i1'));
  await send('registration', registered('张'), request('R1'));
  await send('card', data('i2'));
  await send('card', data('i2'));
  await send('registration', registered('李'), request('R2', { operType: '3' }));
  await send('registration', registered('李'), request('R3', { operType: '5' }));
  await send('card', { ...data('i3'), OperType: '4' });
  t.same(archived(), ['1 i1 张', '1 i2 张', '3 i2 李', '5 i2 李', '4 i3 李'], 'data as it was is passed over');
});

t.test('every registration that waits for its card leaves when it comes, in order', async (t) => {
  const { send, archived, store } = await trial(t);
  await send('registration', registered('张'), request('R1'));
  await send('registration', registered('李'), request('R2', { operType: '3' }));
  await send('registration', registered('王'), request('R3', { operType: '3' }));
  t.equal(await send('card', data('i1')), 'arrived');
  t.same(archived(), ['1 i1 张', '3 i1 李', '3 i1 王']);
  t.match(
    store.read((state) => state.card(ICCID)),
    { registration: { fields: { CustomerName: '王' }, earlier: [] } },
  );
  await send('card', data('i2'));
  t.same(archived().slice(3), ['3 i2 王'], 'none of them twice');
});

t.test('a registration whose record was refused goes on waiting, and leaves once it may', async (t) => {
  for (const between of ['nothing', 'a registration'] as const) {
    await t.test(`${between} in between`, async (t) => {
      const { send, archived, refused, store } = await trial(t);
      await send('registration', registered('张'), request('R1'));
      await send('registration', registered('李'), request('R2', { operType: '3' }));
      await send('registration', registered('王'), request('R3', { operType: '5' }));
      refused.add('张');
      t.equal(await send('card', data('i1')), 'RECORD_INVALID');
      t.same(archived(), ['3 i1 李', '5 i1 王'], 'the others do not wait for it');
      if (between !== 'nothing') await send('registration', registered('赵'), request('R4', { operType: '5' }));
      const before = archived();
      t.equal(await send('card', data('i1')), 'RECORD_INVALID', 'sent again too early');
      refused.clear();
      t.equal(await send('card', data('i1')), 'arrived');
      t.same(archived(), [...before, '1 i1 张'], 'it alone: the others have left');
      t.equal(await send('card', data('i1')), 'arrived');
      t.same(archived(), [...before, '1 i1 张']);
      t.equal(
        store.read((state) => state.card(ICCID)?.registration?.earlier?.length),
        0,
      );
    });
  }
});

t.test('a retry succeeds and does nothing, while the card is waited for and afterwards', async (t) => {
  const { send, archived } = await trial(t);
  const again = () => send('registration', registered('张'), request('R1'));
  t.equal(await again(), 'arrived');
  t.equal(await again(), 'arrived');
  await send('card', data('i1'));
  t.equal(await again(), 'arrived');
  t.equal(await send('registration', registered('李'), request('R1', { digest: 'another' })), 'REQUEST_REUSED');
  t.same(archived(), ['1 i1 张']);
  t.same(await Promise.all([again(), send('registration', registered('李'), request('R2')), again()]), [
    'arrived',
    'arrived',
    'arrived',
  ]);
  t.same(archived(), ['1 i1 张', '1 i1 李']);
});

t.test('two sides that come at the same moment find one another', async (t) => {
  const { send, archived } = await trial(t);
  const sides = Array.from({ length: 200 }, (_, number) => {
    const iccid = `card ${number}`;
    const registered = () =>
      send('registration', { ...registration(), ICCID: iccid, CustomerName: `${number}` }, request(`R${number}`));
    const carded = () => send('card', { ...card(), ICCID: iccid, IMSI: 'i' });
    return number % 2 ? [registered(), carded()] : [carded(), registered()];
  });
  t.same(new Set(await Promise.all(sides.flat())), new Set(['arrived']));
  t.equal(new Set(archived()).size, 200);
  t.equal(archived().length, 200);
});

t.test('a side refused in its transaction is not there for the other', async (t) => {
  const { send, archived, store } = await trial(t);
  const full: Effect = () => {
    throw new IovError('CARD_LIMIT', 'ten cards', { keep: true });
  };
  const outcomes = await Promise.all([
    send('registration', registered('张'), request('R1'), [full]),
    send('card', data('i1')),
  ]);
  t.same(outcomes, ['CARD_LIMIT', 'arrived']);
  t.same(archived(), []);
  t.match(store.status().cards, { waitingForRegistration: 1, complete: 0 });
  t.match(
    store.deadLetters(),
    [{ code: 'CARD_LIMIT', origin: 'registration 1', tags: { requestId: 'R1' } }],
    'kept for review',
  );
  t.equal(await send('registration', registered('张'), request('R1')), 'arrived', 'and may come again');
  t.same(archived(), ['1 i1 张']);
});

t.test('a change by another process in between is found in the transaction, and tried again', async (t) => {
  const { send, store, archived } = await trial(t);
  await send('card', data('i1'));
  const meddle: Effect = (transaction) => transaction.putCardSide(ICCID, 'card', { fields: data('i2'), tags: {} });
  const meddling = store.commit([meddle]); // queued before, unseen by the kernel
  t.equal(await send('registration', registered('张'), request('R1')), 'CARD_CHANGED');
  await meddling;
  t.equal(await send('registration', registered('张'), request('R1')), 'arrived');
  t.same(archived(), ['1 i2 张']);
});

t.test('a record without a card number is refused', async (t) => {
  const { send } = await trial(t);
  t.equal(await send('registration', { CustomerName: '张' }), 'RECORD_INVALID');
  t.equal(await send('card', { ICCID: 5 }), 'RECORD_INVALID');
});

t.test('no more sides wait for the disk than the bound allows', async (t) => {
  const { kernels } = await trial(t, { inFlightMax: 3 });
  const transform = (number: number) =>
    kernels.card.transform({
      value: { ICCID: `${number}` },
      tags: {},
      origin: '',
      receipt: new Receipt(() => undefined),
      effects: [],
    });
  for (const number of [1, 2, 3]) t.notOk(transform(number) instanceof Promise);
  const fourth = transform(4);
  t.ok(fourth instanceof Promise, 'it pushes back');
  await fourth;
  await kernels.card.flush?.();
});

t.test('cards of a run that was broken off are free again', async (t) => {
  const { kernels, send, archived } = await trial(t);
  await send('card', data('i1'));
  const lost = {
    value: registered('张'),
    tags: request('R1'),
    origin: '',
    receipt: new Receipt(() => undefined),
    effects: [],
  };
  t.equal([...(await kernels.registration.transform(lost))].length, 1, 'on its way, and never to settle');
  await kernels.registration.close?.(new IovError('STOPPED', 'broken off'));
  t.equal(await send('registration', registered('张'), request('R1')), 'arrived');
  t.same(archived(), ['1 i1 张']);
});

t.test(
  'a retry of what another process has stored is answered once the disk has it, not when it is seen',
  async (t) => {
    const { send, store, path } = await trial(t);
    const other = await trial(t, {}, path);
    t.equal(await other.send('registration', registration(), request('R1')), 'arrived');
    let flush: () => void = () => undefined;
    const flushed = new Promise<void>((resolve) => {
      flush = resolve;
    });
    const commit = store.commit.bind(store);
    store.commit = async (effects) => {
      await commit(effects);
      await flushed; // the disk takes its time
    };
    let answered = false;
    const retry = send('registration', registration(), request('R1')).then((outcome) => {
      answered = true;
      return outcome;
    });
    await commit([]);
    await new Promise(setImmediate);
    t.notOk(answered, 'what is seen may not be on the disk yet');
    flush();
    t.equal(await retry, 'arrived');
  },
);

t.test('exactly one side has to be named', async (t) => {
  t.match(spec.check?.(optionsOf(spec, {})), [{ rule: /either/ }]);
  t.match(spec.check?.(optionsOf(spec, { cards: 'ICCID', registrations: 'ICCID' })), [{ rule: /either/ }]);
  t.same(spec.check?.(optionsOf(spec, { cards: 'ICCID' })), []);
});

type Step = { side: 'registration' | 'card'; iccid: number; content: number; retry: boolean; wait: boolean };
const step: fc.Arbitrary<Step> = fc.record({
  side: fc.constantFrom('registration' as const, 'card' as const),
  iccid: fc.integer({ min: 0, max: 2 }),
  content: fc.integer({ min: 0, max: 2 }),
  retry: fc.boolean(),
  wait: fc.boolean(),
});

t.test('whatever comes in whatever order, the records are those of a plain model', async (t) => {
  const folder = t.testdir({});
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
      const { send, archived, store } = await trial(t, {}, `${folder}/${runs++}.db`);
      const cards = new Map<number, { waiting: string[]; name?: string; imsi?: string }>();
      const expected: string[][] = [[], [], []];
      const sent: Promise<string>[] = [];
      for (const [number, { side, iccid, content, retry, wait }] of steps.entries()) {
        const ICCID = `${iccid}`;
        const known = cards.get(iccid) ?? { waiting: [] };
        cards.set(iccid, known);
        if (side === 'card') {
          sent.push(send('card', { ...card(), ICCID, IMSI: `i${content}` }));
          if (known.imsi !== `i${content}`) {
            known.imsi = `i${content}`;
            const names = known.waiting.length > 0 ? known.waiting.splice(0) : known.name ? [known.name] : [];
            expected[iccid]?.push(...names.map((name) => `1 ${known.imsi} ${name}`));
          }
        } else {
          const name = `${iccid}-${number}`;
          for (let times = retry ? 2 : 1; times > 0; times -= 1) {
            sent.push(send('registration', { ...registration(), ICCID, CustomerName: name }, request(`R${number}`)));
          }
          known.name = name;
          if (known.imsi) expected[iccid]?.push(`1 ${known.imsi} ${name}`);
          else known.waiting.push(name);
        }
        if (wait) await Promise.all(sent);
      }
      const outcomes = await Promise.all(sent);
      if (outcomes.some((outcome) => outcome !== 'arrived')) throw new Error(outcomes.join());
      const found = archived();
      for (const [iccid, wanted] of expected.entries()) {
        const ofCard = found.filter((text) => text.split(' ')[2]?.startsWith(`${iccid}-`));
        if (ofCard.join() !== wanted.join()) throw new Error(`card ${iccid}: ${ofCard} instead of ${wanted}`);
      }
      await store.close();
    }),
    { seed: 35, numRuns: 80 },
  );
  t.comment(`seed 35, ${runs} runs`);
});
