import t, { type Test } from 'tap';
import type { Kernel } from '../../contract/component.js';
import type { Item } from '../../contract/item.js';
import type { Peers } from '../../contract/peer.js';
import type { Store } from '../../contract/store.js';
import { signNature } from '../../notice/signature.js';
import { spec } from '../../operators/authenticate.js';
import { bareContext } from '../support/bareContext.js';
import { certificateFiles } from '../support/certificates.js';
import { openChannel, post } from '../support/httpsChannel.js';
import { operator } from '../support/kernel.js';
import { accountMessage, maker } from '../support/messages.js';
import { optionsOf } from '../support/options.js';

// Real listeners with `authenticate` behind them, and a clock that stands still until the test moves it.

const certificates = await certificateFiles();
const greedy = { ...maker, messagesPerSecondMax: 2 };
const other = { ...maker, platformId: 'OEM-2', password: 'battery staple', messagesPerSecondMax: 2 };
const peers = { greedy, other };
const signedBy = ({ platformId, password }: typeof maker) => ({
  Auth: { PlatformID: platformId, SignNature: signNature(platformId, password) },
});

interface Site {
  store: Store;
  peers?: Peers;
}

async function channel(t: Test, { store, peers: known = peers }: Site) {
  const context = { ...bareContext({ directory: '.', store }), peers: known };
  const kernel = (await spec.create(optionsOf(spec, {}), context)) as Kernel;
  const passed: string[] = [];
  const handle = async (item: Item) => {
    for (const { tags } of await kernel.transform(item)) passed.push(String(tags.requestId));
  };
  const opened = await openChannel(certificates, { peers: known, handle });
  const reading = opened.read();
  t.teardown(async () => {
    await opened.close();
    await reading;
  });
  /** What the caller is told: `1`, or why not. */
  const send = async (id: string, changes = signedBy(greedy)) => {
    const { body } = await post(opened.url, certificates.ca, JSON.stringify(accountMessage(id, changes)));
    t.equal(body.RequestID, id);
    return body.FailureCause ?? body.OprRst;
  };
  return { send, passed };
}

function stillClock(t: Test): { nowMs: number } {
  const clock = { nowMs: Math.ceil(performance.now()) };
  t.intercept(performance, 'now', { value: () => clock.nowMs });
  return clock;
}

t.test('a peer above its rate is told 604, and served when it sends the same again later', async (t) => {
  const clock = stillClock(t);
  const { send, passed } = await channel(t, { store: {} as Store });
  t.same([await send('R1'), await send('R2'), await send('R3'), await send('R4')], ['1', '1', '604', '604']);
  t.same(passed, ['R1', 'R2'], 'nothing later has seen what was refused');
  t.equal(await send('O1', signedBy(other)), '1', 'another peer is not touched');
  clock.nowMs += 499;
  t.equal(await send('R3'), '604');
  clock.nowMs += 1;
  t.same([await send('R3'), await send('R4')], ['1', '604'], 'half a second is one of two');
  clock.nowMs += 500;
  t.equal(await send('R4'), '1');
  t.same(passed, ['R1', 'R2', 'O1', 'R3', 'R4']);
});

t.test('a wrong signature uses up nothing of the peer in whose name it came', async (t) => {
  stillClock(t);
  const { send } = await channel(t, { store: {} as Store });
  const forged = signedBy({ ...greedy, password: 'guessed' });
  for (let at = 0; at < 5; at += 1) t.equal(await send(`F${at}`, forged), '401');
  t.same([await send('R1'), await send('R2'), await send('R3')], ['1', '1', '604']);
  t.equal(await send('F5', forged), '401', 'nor does a stranger learn that the peer is at its bound');
});

t.test('all listeners and pipelines beside one store count a peer together', async (t) => {
  stillClock(t);
  const store = {} as Store;
  const first = await channel(t, { store });
  const second = await channel(t, { store });
  t.same([await first.send('R1'), await second.send('R2')], ['1', '1']);
  t.same([await first.send('R3'), await second.send('R4')], ['604', '604']);
  const elsewhere = await channel(t, { store: {} as Store });
  t.equal(await elsewhere.send('R5'), '1');
});

t.test('a peer without a bound has none', async (t) => {
  stillClock(t);
  const { send } = await channel(t, { store: {} as Store, peers: { maker } });
  for (let at = 0; at < 10; at += 1) t.equal(await send(`R${at}`), '1');
});

t.test(
  'what nobody waits for is not counted: it was let in once, and comes from a topic, a file, the dead letters',
  async (t) => {
    stillClock(t);
    const authenticate = await operator(spec, {}, { peers });
    for (let at = 0; at < 10; at += 1) await t.resolves(authenticate(accountMessage(`R${at}`)));
  },
);
