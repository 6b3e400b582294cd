import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { makeCertificates } from '../../demo/certificates.js';
import { certificateFiles } from '../support/certificates.js';
import { heard, openChannel, post, speak } from '../support/httpsChannel.js';
import { accountMessage } from '../support/messages.js';

const certificates = await certificateFiles();
const { ca, folder } = certificates;
const run = promisify(execFile);
const good = JSON.stringify(accountMessage('R1'));

async function channel(t: Test, listener: object) {
  const opened = await openChannel(certificates, { listener });
  const reading = opened.read();
  t.teardown(async () => {
    await opened.close();
    await reading;
  });
  return opened;
}

t.test('certificates of a demo or a test satisfy openssl at its strictest', async (t) => {
  const { cert, client } = certificates;
  for (const [purpose, pem] of [
    ['sslserver', cert],
    ['sslclient', client.cert],
  ] as const) {
    const checking = run('openssl', ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', `${folder}/ca.crt`]);
    checking.child.stdin?.end(pem);
    t.match((await checking).stdout, /OK/);
  }
});

t.test('headers that come too slowly are answered and cut', async (t) => {
  const { listener } = await channel(t, { headersTimeoutMs: 100 });
  const slow = await speak(listener.port, ca);
  slow.write('POST /t1/account HTTP/1.1\r\nHost:');
  t.match(await heard(slow), /^HTTP\/1.1 200 .*{"RequestID":"","OprRst":"2","FailureCause":"400"}$/s);
  const silent = await speak(listener.port, ca);
  t.match(await heard(silent), /"FailureCause":"400"/, 'one that says nothing at all');
});

t.test('a connection that never begins the handshake is cut', async (t) => {
  const { listener } = await channel(t, { handshakeTimeoutMs: 100 });
  const silent = connect(listener.port, '127.0.0.1');
  silent.on('error', () => undefined).resume();
  await once(silent, 'close');
  t.pass('cut');
});

t.test('what is not HTTP is answered in its own way and changes nothing for others', async (t) => {
  const { listener, url } = await channel(t, { lingerMs: 50, bodyTimeoutMs: 500 });
  const sayings: [what: string, said: string | Buffer][] = [
    ['garbage', 'hello\r\n\r\n'],
    ['bytes', Buffer.alloc(1000, 0xff)],
    [
      'a body of two lengths',
      'POST /t1/account HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
    ],
    [
      'smuggling',
      'POST /t1/account HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a length that is no number', 'POST /t1/account HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'],
    ['broken chunks', 'POST /t1/account HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n'],
    ['too many headers', `POST /t1/account HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`],
    ['CONNECT', 'CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['HTTP/2 without being asked', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['no Host', 'POST /t1/account HTTP/1.1\r\n\r\n'],
  ];
  for (const [what, said] of sayings) {
    const socket = await speak(listener.port, ca);
    socket.write(said);
    const answer = await heard(socket);
    t.match(answer, /^HTTP\/1.1 (200|400|405) /, what);
    t.notMatch(answer, /^HTTP\/1.1 5/, what);
    t.match(answer, /"OprRst":"2","FailureCause":"40[05]"}$/, what);
  }
  t.equal((await post(url, ca, good)).body.OprRst, '1');
});

t.test('plain HTTP and an old TLS are not spoken', async (t) => {
  const { listener } = await channel(t, { tlsMinVersion: 'TLSv1.3' });
  const plain = connect(listener.port, '127.0.0.1');
  plain.on('error', () => undefined).resume();
  plain.write('POST / HTTP/1.1\r\n\r\n');
  await once(plain, 'close');
  const url = `https://127.0.0.1:${listener.port}/t1/account`;
  await t.rejects(run('curl', ['-sS', '--cacert', `${folder}/ca.crt`, '--tls-max', '1.2', '-d', good, url]), {
    code: 35,
  });
  const { stdout } = await run('curl', ['-sS', '--cacert', `${folder}/ca.crt`, '-d', good, url]);
  t.match(stdout, /"OprRst":"1"/, 'control: TLS 1.3 is');
});

t.test('with clientCa only callers with a certificate of its signing are let in', async (t) => {
  const { url } = await channel(t, { clientCa: ca });
  await t.rejects(post(url, ca, good), 'without a certificate');
  const stranger = await makeCertificates();
  await t.rejects(post(url, ca, good, { client: stranger.client }), 'with one of another authority');
  t.equal((await post(url, ca, good, { client: certificates.client })).body.OprRst, '1');
  const curl = [
    '-sS',
    '--cacert',
    `${folder}/ca.crt`,
    '--cert',
    `${folder}/client.crt`,
    '--key',
    `${folder}/client.key`,
  ];
  t.match((await run('curl', [...curl, '-d', good, url])).stdout, /"OprRst":"1"/, 'by curl');
});

t.test('an address that is not allowed is cut before the handshake', async (t) => {
  const closed = await channel(t, { allow: ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32'] });
  await t.rejects(post(closed.url, ca, good));
  t.match(closed.log.lines.find(({ level }) => level === 'warn')?.message, /allow list/);
  for (const allow of [['127.0.0.0/8'], ['10.0.0.1', '127.0.0.1']]) {
    const { url } = await channel(t, { allow });
    t.equal((await post(url, ca, good)).body.OprRst, '1', `allowed by ${allow}`);
  }
});

t.test('an IPv4 caller of a listener on all addresses is known by its IPv4 address', async (t) => {
  const { listener, items } = await channel(t, { listen: '[::]:0', allow: ['127.0.0.1'] });
  t.equal((await post(`https://127.0.0.1:${listener.port}/t1/account`, ca, good)).body.OprRst, '1');
  t.equal(items[0]?.origin, '127.0.0.1 POST /t1/account R1');
});

t.test('connections above connectionsMax are dropped, the next is taken', async (t) => {
  const { listener, url, log } = await channel(t, { connectionsMax: 1 });
  const held = await speak(listener.port, ca);
  await t.rejects(post(url, ca, good));
  t.match(log.lines.at(-1)?.message, /connectionsMax/);
  held.destroy();
  await once(held, 'close');
  for (let answered = false; !answered; )
    answered = await post(url, ca, good).then(
      () => true,
      () => false,
    );
  t.pass('taken');
});

t.test('wrong settings are refused with a message that says where', async (t) => {
  await t.rejects(openChannel(certificates, { listener: { key: 'no key' } }), {
    code: 'CONFIG_INVALID',
    message: /test\.component: certificate or key/,
  });
  await t.rejects(openChannel(certificates, { listener: { allow: ['10.0.0.0/99'] } }), {
    code: 'CONFIG_INVALID',
    message: /allow: expected an address/,
  });
  const { listener } = await channel(t, {});
  const taken = { listener: { listen: `127.0.0.1:${listener.port}` } };
  await t.rejects(openChannel(certificates, taken), { code: 'CONFIG_INVALID', message: /EADDRINUSE/ });
});

t.test('closing cuts what stays open, and can be repeated', async (t) => {
  const { listener } = await channel(t, { lingerMs: 50 });
  const idle = await speak(listener.port, ca);
  const closed = once(idle, 'close');
  await Promise.all([listener.close(), listener.close()]);
  await closed;
  await listener.close();
  t.pass('closed');
});
