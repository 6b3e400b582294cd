import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { Callers } from '../../connections/httpsCallers.js';
import { certificateFiles } from '../support/certificates.js';
import { openChannel, post, speak } from '../support/httpsChannel.js';
import { accountMessage } from '../support/messages.js';
import { until } from '../support/until.js';

t.test('an address holds as many connections as it may, whatever others do', async (t) => {
  const callers = new Callers(2);
  const enter = (...addresses: string[]) => addresses.map((address) => callers.enter(address));
  t.same(enter('192.0.2.1', '192.0.2.1', '192.0.2.1'), [true, true, false]);
  t.same(enter('192.0.2.2'), [true]);
  callers.leave('192.0.2.1');
  t.same(enter('192.0.2.1', '192.0.2.1'), [true, false], 'what was refused did not count');
});

t.test('whoever has one IPv6 address has its network of 64 bits, and no more', async (t) => {
  const networks = [
    ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:1:2:3:4', '2001:db8::3%eth0'],
    ['2001:db8:0:1::1', '2001:db8:0:1:ffff::'],
    ['2001:db8:1::', '2001:db8:1:0:5::7'],
    ['::1', '::', '::5:6:7:8', '::192.0.2.1'],
    ['fe80::1', 'fe80::'],
  ];
  const callers = new Callers(1);
  for (const [first = '', ...others] of networks) {
    t.ok(callers.enter(first), first);
    for (const other of others) t.notOk(callers.enter(other), `${other} is there already, as ${first}`);
  }
  callers.leave('2001:db8::9');
  t.ok(callers.enter('2001:db8::1'));
});

t.test('the log is told once a minute of an address, and of a bounded number of them', async (t) => {
  const callers = new Callers(1);
  t.same(
    [0, 1, 59_999, 60_000, 60_001].map((at) => callers.isNews('192.0.2.1', at)),
    [true, false, false, true, false],
  );
  const told = Array.from({ length: 1_500 }, (_, at) => callers.isNews(`address ${at}`, 60_000)).filter(Boolean);
  t.equal(told.length, 999, 'beside the one that has been told');
  t.notOk(callers.isNews('address 1499', 119_999), 'one more in this minute is passed over');
  t.ok(callers.isNews('address 1499', 120_000), 'the next minute has room again');
});

t.test('a greedy address is dropped before the handshake, the log told once, and another served', async (t) => {
  const certificates = await certificateFiles();
  const { ca } = certificates;
  const channel = await openChannel(certificates, { listener: { connectionsPerAddressMax: 2 } });
  const reading = channel.read();
  t.teardown(async () => {
    await channel.close();
    await reading;
  });
  const { port } = channel.listener;
  const send = (id: string, localAddress: string) =>
    post(channel.url, ca, JSON.stringify(accountMessage(id)), { localAddress });

  t.equal((await send('R1', '127.0.0.1')).body.OprRst, '1');
  await until('its connection has closed here, too', () => channel.listener.callers === 0);
  const held = await speak(port, ca);
  const unfinished = connect(port, '127.0.0.1'); // that it never begins the handshake does not matter
  unfinished.on('error', () => undefined);
  await once(unfinished, 'connect');

  for (const id of ['G1', 'G2']) await t.rejects(send(id, '127.0.0.1'), 'a third of the same address');
  const dropped = connect(port, '127.0.0.1');
  dropped.on('error', () => undefined).resume();
  await once(dropped, 'close');
  t.equal(dropped.bytesRead, 0, 'cut without a word');
  t.equal((await send('R2', '127.0.0.2')).body.OprRst, '1', 'another address');
  t.match(
    channel.log.lines.filter(({ level }) => level === 'warn'),
    [{ message: /connectionsPerAddressMax/, fields: { address: '127.0.0.1', connectionsPerAddressMax: 2 } }],
  );
  t.equal(channel.log.lines.filter(({ level }) => level === 'warn').length, 1, 'for three that were dropped');

  held.destroy();
  await once(held, 'close');
  for (let answered = false; !answered; )
    answered = await send('R3', '127.0.0.1').then(
      ({ body }) => body.OprRst === '1',
      () => false,
    );
  t.same(
    channel.items.map(({ tags }) => tags.requestId),
    ['R1', 'R2', 'R3'],
  );
  unfinished.destroy();
});
