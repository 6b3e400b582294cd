import t, { type Test } from 'tap';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import { Receipt } from '../../contract/receipt.js';
import type { Effect } from '../../contract/store.js';
import type { JsonObject, Tags } from '../../contract/tags.js';
import { spec } from '../../sinks/requests.js';
import { bareContext } from '../support/bareContext.js';
import { optionsOf } from '../support/options.js';
import { testStore } from '../support/testStore.js';

async function commands(t: Test) {
  const { store } = await testStore(t);
  const sink = await spec.create(optionsOf(spec, {}), { ...bareContext({ directory: '.' }), store });
  const taken: string[] = [];
  const take = (value: JsonObject, tags: Tags = {}, more: Effect = () => undefined) => {
    const requestId = String(value.RequestID);
    const whose: Tags = { platformId: 'MIIT', requestId, iccid: '8986', ...tags };
    const effects: Effect[] = [() => void taken.push(requestId), more];
    const item: Item = { value, tags: whose, origin: 'test', receipt: new Receipt(() => undefined), effects };
    return sink.write(item);
  };
  return { store, take, taken };
}
const command = (changes: JsonObject = {}): JsonObject => ({
  Auth: { PlatformID: 'MIIT', SignNature: 'a' },
  RequestID: 'CMD-1',
  OperatorID: '0002',
  ICCID: '8986',
  ...changes,
});

t.test('a command is stored once with what hangs on it, and a retry succeeds', async (t) => {
  const { store, take, taken } = await commands(t);
  await take(command(), { code: '0002' });
  t.match(
    store.read((state) => state.request('MIIT', 'CMD-1')),
    { kind: 'command', code: '0002', iccid: '8986', digest: /^[0-9a-f]{64}$/ },
  );
  await take(command());
  const { Auth: _, ...reversed } = Object.fromEntries(Object.entries(command()).reverse());
  await take({ ...reversed, Auth: { PlatformID: 'MIIT', SignNature: 'of a new password' } });
  t.same(taken, ['CMD-1'], 'in whatever order its fields stand, and with a new password');
  t.match(store.trace('CMD-1'), [{ step: 'accepted', text: /CMD-1 from MIIT \(command 0002\)/ }]);
});

t.test('another content under the same RequestID is refused, and changes nothing', async (t) => {
  const { take, taken } = await commands(t);
  await take(command());
  for (const changes of [{ ICCID: '8987' }, { OperatorID: '9999' }, { ExtendPara: { a: 1 } }]) {
    await t.rejects(take(command(changes)), { code: 'REQUEST_REUSED', failureCause: '400' });
  }
  await take(command(), { platformId: 'ANOTHER' });
  t.same(taken, ['CMD-1', 'CMD-1'], 'another platform has RequestIDs of its own');
});

t.test('one RequestID may go to several car makers of one platform', async (t) => {
  const { take, taken, store } = await commands(t);
  const of = (Code: string, ICCID: string): JsonObject => ({ RequestID: 'CMD-1', Code, ICCID });
  await take(of('LSV1', '1'), { code: 'LSV1' });
  await take(of('LFV2', '2'), { code: 'LFV2' });
  await take(of('LSV1', '1'), { code: 'LSV1' });
  await t.rejects(take(of('LFV2', '3'), { code: 'LFV2' }), { code: 'REQUEST_REUSED' });
  t.equal(taken.length, 2);
  t.match(store.trace('CMD-1'), [{ text: /MIIT for LFV2/ }, { text: /MIIT for LSV1/ }]);
});

t.test('a command whose effects fail is not remembered, and harms no other', async (t) => {
  const { take, taken } = await commands(t);
  const refuse = () => {
    throw new IovError('RECORD_INVALID', 'no');
  };
  const [bad, good] = await Promise.allSettled([take(command(), {}, refuse), take(command({ RequestID: 'CMD-2' }))]);
  t.match([bad, good], [{ status: 'rejected', reason: { code: 'RECORD_INVALID' } }, { status: 'fulfilled' }]);
  await take(command());
  t.same(taken, ['CMD-1', 'CMD-2', 'CMD-1']);
});
