import t from 'tap';
import { Lockout } from '../../connections/lockout.js';
import { IovError } from '../../contract/error.js';
import { certificateFiles } from '../support/certificates.js';
import { openChannel, post } from '../support/httpsChannel.js';
import { accountMessage } from '../support/messages.js';

const guesses = { failures: 3, withinMs: 1_000, forMs: 5_000 };

t.test('too many refusals in time shut an address out, for a while, and no other', async (t) => {
  const lockout = new Lockout(guesses);
  t.same(
    [0, 1, 2].map((at) => lockout.failed('192.0.2.1', at)),
    [false, false, true],
    'told once, at the last one',
  );
  t.equal(lockout.failed('192.0.2.1', 3), false, 'and not again');
  t.ok(lockout.isOut('192.0.2.1', 4_999));
  t.notOk(lockout.isOut('192.0.2.2', 10), 'another address');
  t.notOk(lockout.isOut('192.0.2.1', 5_003), 'when the time is over');
  t.equal(lockout.failed('192.0.2.1', 5_004), false, 'counted anew');
});

t.test('a failure while an address is shut out does not let it in again', async (t) => {
  const lockout = new Lockout(guesses);
  for (const at of [0, 1, 2]) lockout.failed('192.0.2.1', at);
  t.equal(lockout.failed('192.0.2.1', 1_500), false, 'one that had begun before');
  t.ok(lockout.isOut('192.0.2.1', 1_600));
  t.notOk(lockout.isOut('192.0.2.1', 5_002), 'nor keeps it out for longer');
  for (const at of [6_000, 6_001]) lockout.failed('192.0.2.1', at);
  t.notOk(lockout.isOut('192.0.2.1', 6_002), 'a ban that has passed is no ban');
  t.equal(lockout.failed('192.0.2.1', 6_003), true);
});

t.test('refusals that come slowly shut nobody out, nor where forMs is 0', async (t) => {
  const slow = new Lockout(guesses);
  t.same(
    [0, 900, 1_800, 2_700].map((at) => slow.failed('a', at)),
    [false, false, false, false],
  );
  const off = new Lockout({ ...guesses, forMs: 0 });
  t.same(
    [0, 1, 2, 3].map((at) => off.failed('a', at)),
    [false, false, false, false],
  );
});

t.test('addresses are remembered up to a bound', async (t) => {
  const lockout = new Lockout({ ...guesses, failures: 1 });
  for (let at = 0; at <= 10_000; at += 1) lockout.failed(`address ${at}`, 0);
  t.notOk(lockout.isOut('address 0', 1), 'the oldest is forgotten');
  t.ok(lockout.isOut('address 10000', 1));
});

t.test('of IPv6 the network is shut out: whoever has one of its addresses has them all', async (t) => {
  const lockout = new Lockout({ failures: 2, withinMs: 1_000, forMs: 1_000 });
  t.notOk(lockout.failed('2001:db8::1', 0));
  t.ok(lockout.failed('2001:db8:0:0:1::2', 0));
  t.ok(lockout.isOut('2001:db8::3', 1));
  t.notOk(lockout.isOut('2001:db8:0:1::3', 1));
});

t.test(
  'a listener answers 401 until it is too much, then cuts; what is refused otherwise does not count',
  async (t) => {
    const certificates = await certificateFiles();
    let code: 'UNAUTHORIZED' | 'RECORD_INVALID' = 'RECORD_INVALID';
    const channel = await openChannel(certificates, {
      listener: { lockout: { failures: 3, withinMs: 60_000, forMs: 60_000 } },
      handle: () => {
        throw new IovError(code, 'refused');
      },
    });
    const reading = channel.read();
    t.teardown(async () => {
      await channel.close();
      await reading;
    });
    const send = (id: string) => post(channel.url, certificates.ca, JSON.stringify(accountMessage(id)));
    for (let at = 0; at < 5; at += 1) t.equal((await send(`A${at}`)).body.FailureCause, '400');
    code = 'UNAUTHORIZED';
    for (let at = 0; at < 3; at += 1) t.equal((await send(`B${at}`)).body.FailureCause, '401');
    await t.rejects(send('C'), 'cut before the handshake');
    const told = channel.log.lines.filter(({ fields }) => 'alarm' in fields);
    t.match(told, [{ fields: { alarm: 'lockedOut', address: '127.0.0.1', failures: 3 } }]);
  },
);
