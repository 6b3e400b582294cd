import t, { type Test } from 'tap';
import type { Sink } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import { oneLine } from '../../contract/oneLine.js';
import { Receipt } from '../../contract/receipt.js';
import type { Tags } from '../../contract/tags.js';
import { spec } from '../../sinks/archive.js';
import { bareContext } from '../support/bareContext.js';
import { optionsOf } from '../support/options.js';
import { testStore, textsOf } from '../support/testStore.js';

const all = {
  id: 0,
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
const account: Tags = { platformId: 'OEM-1', requestId: 'R1', code: 'LSV1', iccid: 'c1', digest: 'd1' };

function item(text: string, tags: Tags, effects: Item['effects'] = []): Item {
  return { value: oneLine(Buffer.from(text)), tags, origin: 'test', receipt: new Receipt(() => undefined), effects };
}

async function trial(t: Test, options: object = { kind: 'KH', code: '0002' }) {
  const opened = await testStore(t);
  const context = bareContext({ directory: t.testdirName, store: opened.store, log: opened.log });
  const sink = (await spec.create(optionsOf(spec, options), context)) as Sink;
  const { kind } = options as { kind: 'KH' | 'CL' };
  const archived = (code = '0002') => textsOf(opened.store.records({ ...all, kind, code }, 0, 1e9));
  return { ...opened, sink, archived };
}

t.test('a record is archived with its effects, its request and where it came from', async (t) => {
  const { sink, store, archived } = await trial(t);
  await sink.write(
    item('one', account, [(transaction) => transaction.putCardSide('c1', 'card', { fields: {}, tags: {} })]),
  );
  t.same(archived(), ['one']);
  t.equal(store.status().cards.waitingForRegistration, 1);
  t.match(
    store.read((state) => state.request('OEM-1', 'R1')),
    { kind: 'KH', code: 'LSV1', iccid: 'c1', digest: 'd1' },
  );
  t.match(store.trace('R1'), [{ step: 'accepted' }, { step: 'waiting' }, { step: 'archived' }]);
});

t.test('a retry succeeds and stores nothing, its effects neither; another content is refused', async (t) => {
  const { sink, archived } = await trial(t);
  let ran = 0;
  const count = () => {
    ran += 1;
  };
  const refuse = () => {
    throw new IovError('CARD_LIMIT', 'the first time it was fine');
  };
  await sink.write(item('one', account, [count]));
  await sink.write(item('one, encrypted anew', account, [count, refuse]));
  await t.rejects(sink.write(item('other', { ...account, digest: 'd2' }, [count])), {
    code: 'REQUEST_REUSED',
    failureCause: '400',
  });
  await sink.write(item('of another platform', { ...account, platformId: 'OEM-2', digest: 'd2' }, [count]));
  t.same(archived(), ['one', 'of another platform']);
  t.equal(ran, 2);
});

t.test('two of the same request at the same moment are stored once', async (t) => {
  const { sink, archived } = await trial(t);
  const outcomes = await Promise.allSettled([
    sink.write(item('one', account)),
    sink.write(item('one', account)),
    sink.write(item('other', { ...account, digest: 'd2' })),
  ]);
  t.same(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  );
  t.same(archived(), ['one']);
});

t.test('a request that failed may come again', async (t) => {
  const { sink, archived } = await trial(t);
  const refuse = () => {
    throw new IovError('CARD_LIMIT', 'full');
  };
  await t.rejects(sink.write(item('one', account, [refuse])), { code: 'CARD_LIMIT' });
  await sink.write(item('one', account));
  t.same(archived(), ['one']);
});

t.test('a vehicle message is not compared: a retry with another text is noted, without content', async (t) => {
  const { sink, archived, log } = await trial(t, { kind: 'CL' });
  const { digest: _digest, ...vehicle } = account;
  await sink.write(item('ciphertext one', vehicle));
  await sink.write(item('ciphertext one', vehicle));
  t.same(log.lines, []);
  await sink.write(item('ciphertext two', vehicle));
  t.same(archived('LSV1'), ['ciphertext one'], 'under the code of the message, and once');
  t.match(log.lines, [
    { level: 'warn', message: 'a retry came with another text; the first one stays', fields: { requestId: 'R1' } },
  ]);
  t.equal(log.lines.length, 1);
  t.notMatch(JSON.stringify(log.lines), 'ciphertext');
});

t.test('the same id for an account and a vehicle is another content, and refused rather than lost', async (t) => {
  const { sink, store, log } = await trial(t);
  const context = bareContext({ directory: t.testdirName, store, log });
  const vehicles = (await spec.create(optionsOf(spec, { kind: 'CL' }), context)) as Sink;
  await sink.write(item('account', account));
  const { digest: _digest, ...vehicle } = account;
  await t.rejects(vehicles.write(item('vehicle', vehicle)), { code: 'REQUEST_REUSED' });
});

t.test('records that no platform sent are not compared with anything', async (t) => {
  const { sink, archived } = await trial(t);
  for (const text of ['one', 'one', 'two']) await sink.write(item(text, { requestId: 'R1' }));
  t.same(archived(), ['one', 'one', 'two']);
});

t.test('without a code nothing is stored', async (t) => {
  const { sink } = await trial(t, { kind: 'KH' });
  await t.rejects(sink.write(item('one', { requestId: 'R1' })), { code: 'CONFIG_INVALID', message: /expected a code/ });
});
