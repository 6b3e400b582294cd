import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Store } from '../../contract/store.js';
import { spec } from '../../operators/findCard.js';
import { spec as requests } from '../../sinks/requests.js';
import { bareContext } from '../support/bareContext.js';
import { operator } from '../support/kernel.js';
import { optionsOf } from '../support/options.js';
import { testStore } from '../support/testStore.js';

const CARD = '89860012345678901234';
const OTHER = '89860012345678901242';
const NOBODYS = '89860012345678901259';
const UNKNOWN = { code: 'NO_RECORD', failureCause: '501' };

const command = (ICCID: unknown, RequestID = 'CMD-1') => ({ RequestID, OperatorID: '0002', ICCID });

async function putCards(store: Store): Promise<void> {
  await store.commit([
    (transaction) => {
      transaction.putCardSide(CARD, 'registration', { fields: {}, tags: { code: 'LSV1' } });
      transaction.putCardSide(OTHER, 'card', { fields: {}, tags: {} });
    },
  ]);
}

/** A car maker with directories of two cards. */
async function atMaker(t: Test) {
  const directory = t.testdir({ contracts: { [CARD]: {}, [OTHER]: {}, file: 'x' } });
  const context = { ...bareContext({ directory }), ...(await testStore(t, { path: join(directory, 'x.db') })) };
  const find = await operator(spec, { directory: 'contracts/{iccid}' }, context);
  return { directory, find, context };
}

t.test('an operator knows a card by its registration or its card data', async (t) => {
  const { store } = await testStore(t);
  await putCards(store);
  const find = await operator(spec, {}, { store });
  for (const iccid of [CARD, OTHER, `${CARD}，${OTHER}`]) {
    const message = command(iccid);
    t.equal((await find(message)).value, message, 'as it came');
  }
  await t.rejects(find(command(NOBODYS)), UNKNOWN);
  await t.rejects(find(command(`${CARD};${NOBODYS} ${OTHER}`)), { ...UNKNOWN, message: '1 of 3 cards are not known' });
});

t.test('a car maker knows a card by its directory', async (t) => {
  const { directory, find } = await atMaker(t);
  symlinkSync(join(directory, 'contracts', CARD), join(directory, 'contracts', 'linked'));
  symlinkSync('self', join(directory, 'contracts', 'self'));
  for (const iccid of [CARD, `${CARD},${OTHER}`, 'linked']) t.equal((await find(command(iccid))).origin, 'test');
  for (const iccid of [NOBODYS, 'file', 'self', 'x'.repeat(32), `${CARD},${NOBODYS}`])
    await t.rejects(find(command(iccid)), UNKNOWN);
});

t.test('an ICCID that is none is answered 400, and leads nowhere', async (t) => {
  const { find } = await atMaker(t);
  const { store } = await testStore(t);
  const inState = await operator(spec, {}, { store });
  for (const iccid of ['..', `../contracts/${CARD}`, '', 7, undefined, `${CARD}\0`]) {
    const refused = { code: 'RECORD_INVALID', failureCause: '400', faults: [{ field: 'ICCID' }] };
    await t.rejects(find(command(iccid)), refused);
    await t.rejects(inState(command(iccid)), refused);
  }
});

t.test('a retry gets the first answer, though the card has gone since; another content is 400', async (t) => {
  const { store } = await testStore(t);
  const tags = { platformId: 'MIIT', requestId: 'CMD-1' };
  const sink = await requests.create(optionsOf(requests, {}), { ...bareContext({ directory: '.' }), store });
  const known = { value: command(CARD), tags, origin: '', receipt: undefined as never, effects: [] };
  await sink.write(known);
  const find = await operator(spec, {}, { store });
  t.ok(await find(command(CARD), tags));
  await t.rejects(find(command(NOBODYS), tags), { code: 'REQUEST_REUSED', failureCause: '400' });
  await t.rejects(find(command(CARD, 'CMD-2'), { ...tags, requestId: 'CMD-2' }), UNKNOWN);
});
