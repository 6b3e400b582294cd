import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import t from 'tap';
import type { Kernel, OperatorSpec } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import { createCipher } from '../../crypto/cipher.js';
import { spec as authenticateSpec } from '../../operators/authenticate.js';
import { spec as decryptSpec } from '../../operators/decrypt.js';
import { spec as validateSpec } from '../../operators/validate.js';
import { bareContext } from '../support/bareContext.js';
import { certificateFiles } from '../support/certificates.js';
import { type ChannelOptions, heard, openChannel, post, speak } from '../support/httpsChannel.js';
import { accountMessage, maker, registration } from '../support/messages.js';
import { optionsOf } from '../support/options.js';

const certificates = await certificateFiles();
const { ca } = certificates;
const run = promisify(execFile);

async function kernel(spec: OperatorSpec, options: object): Promise<Kernel> {
  const context = { ...bareContext({ directory: '.' }), peers: { maker } };
  return (await spec.create(optionsOf(spec, options), context)) as Kernel;
}

/** The intake as far as the message's own faults go: authenticate, decrypt, validate. */
async function intake(): Promise<(item: Item) => Promise<void>> {
  const kernels = [
    await kernel(authenticateSpec, {}),
    await kernel(decryptSpec, { field: 'EncryptUserInfo', table: 8 }),
    await kernel(validateSpec, { table: 8 }),
  ];
  return async (item) => {
    let items: Iterable<Item> = [item];
    for (const { transform } of kernels.map((each) => ({ transform: each.transform.bind(each) }))) {
      const out: Item[] = [];
      for (const each of items) out.push(...(await transform(each)));
      items = out;
    }
  };
}

async function withChannel<Result>(
  options: ChannelOptions,
  work: (channel: Awaited<ReturnType<typeof openChannel>>) => Promise<Result>,
): Promise<Result> {
  const channel = await openChannel(certificates, options);
  const reading = channel.read();
  try {
    return await work(channel);
  } finally {
    await channel.close();
    await reading;
  }
}

t.test('a good message is answered with success, over a connection that closes', async (t) => {
  await withChannel({ handle: await intake() }, async ({ url, items }) => {
    const { status, headers, body } = await post(url, ca, JSON.stringify(accountMessage('R1')));
    t.equal(status, 200);
    t.equal(headers.connection, 'close');
    t.match(headers['content-type'], /^application\/json/);
    t.same(body, { RequestID: 'R1', OprRst: '1' });
    t.equal(items[0]?.origin, '127.0.0.1 POST /t1/account R1');
    t.same(items[0]?.tags, { requestId: 'R1' });
    t.same(
      JSON.parse(Buffer.from(items[0]!.raw!).toString()),
      items[0]?.value,
      'what came is kept for the dead letters',
    );
  });
});

t.test('each fault of a message has its answer', async (t) => {
  const text = (changes: object) => JSON.stringify(accountMessage('R1', { ...changes }));
  const cipher = createCipher(maker.cipher!);
  const other = createCipher({ ...maker.cipher!, key: 'f'.repeat(32) });
  const faults: [what: string, body: string | Buffer, cause: string, requestId: string][] = [
    ['an empty body', '', '400', ''],
    ['no JSON', 'RequestID=R1', '400', ''],
    ['half a message', text({}).slice(0, -5), '400', ''],
    ['a list', '[]', '400', ''],
    ['null', 'null', '400', ''],
    ['GBK instead of UTF-8', Buffer.from([0x7b, 0x22, 0xd5, 0xc5, 0x22, 0x3a, 0x31, 0x7d]), '400', ''],
    ['a byte order mark', `\ufeff${text({})}`, '400', ''],
    ['a key twice', text({}).replace('{', '{"RequestID":"R0",'), '400', ''],
    ['a key twice, once escaped', text({}).replace('{', '{"R\\u0065questID":"R0",'), '400', ''],
    ['__proto__', text({}).replace('{', '{"__proto__":{"admin":true},'), '400', ''],
    ['constructor deep inside', text({}).replace('"PlatformID"', '"constructor":{},"PlatformID"'), '400', ''],
    ['deep nesting', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`, '400', ''],
    ['deep lists', '['.repeat(500_000), '400', ''],
    ['a RequestID that is a number', text({ RequestID: 17 }), '400', ''],
    ['no RequestID', text({ RequestID: undefined }), '400', ''],
    ['no Auth', text({ Auth: undefined }), '400', 'R1'],
    ['an Auth that is a string', text({ Auth: 'OEM-1' }), '400', 'R1'],
    ['an Auth without SignNature', text({ Auth: { PlatformID: 'OEM-1' } }), '400', 'R1'],
    ['no OperType', text({ OperType: undefined }), '400', 'R1'],
    ['no EncryptUserInfo', text({ EncryptUserInfo: undefined }), '400', 'R1'],
    ['an EncryptUserInfo that is a number', text({ EncryptUserInfo: 5 }), '400', 'R1'],
    ['a wrong signature', text({ Auth: { PlatformID: 'OEM-1', SignNature: '0'.repeat(64) } }), '401', 'R1'],
    ['an ill-formed signature', text({ Auth: { PlatformID: 'OEM-1', SignNature: '签名' } }), '401', 'R1'],
    ['an unknown platform', text({ Auth: { PlatformID: 'OEM-9', SignNature: '0'.repeat(64) } }), '401', 'R1'],
    ['a foreign Code', text({ Code: 'LSV1' }), '401', 'R1'],
    ['another key', text({ EncryptUserInfo: other.encryptText(JSON.stringify(registration)) }), '400', 'R1'],
    ['ciphertext that is not base64', text({ EncryptUserInfo: '!!!' }), '400', 'R1'],
    ['ciphertext cut short', text({ EncryptUserInfo: 'AAAA' }), '400', 'R1'],
    ['encrypted text that is no JSON', text({ EncryptUserInfo: cipher.encryptText('hello') }), '400', 'R1'],
    ['an encrypted list', text({ EncryptUserInfo: cipher.encryptText('[]') }), '400', 'R1'],
    ['an encrypted key twice', text({ EncryptUserInfo: cipher.encryptText('{"ICCID":"1","ICCID":"2"}') }), '400', 'R1'],
    [
      'a record without a name',
      text({ EncryptUserInfo: cipher.encryptText(JSON.stringify({ ...registration, CustomerName: undefined })) }),
      '400',
      'R1',
    ],
    [
      'a day that does not exist',
      text({ EncryptUserInfo: cipher.encryptText(JSON.stringify({ ...registration, AcceptTime: '20230230000000' })) }),
      '400',
      'R1',
    ],
  ];
  await withChannel({ handle: await intake() }, async ({ url }) => {
    for (const [what, body, cause, requestId] of faults) {
      const got = await post(url, ca, body);
      t.equal(got.status, 200, `${what}: HTTP 200`);
      t.same(got.body, { RequestID: requestId, OprRst: '2', FailureCause: cause }, what);
    }
    const { body } = await post(url, ca, text({}));
    t.equal(body.OprRst, '1', 'control: the message they were made of is taken');
  });
});

t.test('a plain record in the place of ciphertext is taken (tables 7 and 10 are uneven)', async (t) => {
  await withChannel({ handle: await intake() }, async ({ url }) => {
    const { body } = await post(url, ca, JSON.stringify(accountMessage('R1', { EncryptUserInfo: registration })));
    t.equal(body.OprRst, '1');
  });
});

t.test('with explain the answer says what is wrong, values masked', async (t) => {
  await withChannel({ handle: await intake(), source: { explain: true } }, async ({ url }) => {
    const wrong = accountMessage('R1', {}, { ...registration, CustomerType: '7', CustomerName: undefined });
    const { body } = await post(url, ca, JSON.stringify(wrong));
    t.match(body.FailureCause, /^400: /);
    t.match(body.FailureCause, /CustomerName 用户姓名/);
    t.match(body.FailureCause, /CustomerType/);
    t.notMatch(body.FailureCause, /11010519491231002X|张三/);
  });
});

t.test('a wrong method is 405, with the body too', async (t) => {
  await withChannel({}, async ({ url, items }) => {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const { status, headers, body } = await post(url, ca, '', { method });
      t.equal(status, 405, method);
      t.equal(headers.allow, 'POST');
      t.same(body, { RequestID: '', OprRst: '2', FailureCause: '405' });
    }
    t.equal(items.length, 0);
  });
});

t.test('an unknown path is answered 400, and 404 where the status mirrors the code', async (t) => {
  await withChannel({}, async ({ url }) => {
    const { status, body } = await post(`${url}/nowhere`, ca, '{}');
    t.equal(status, 200);
    t.same(body, { RequestID: '', OprRst: '2', FailureCause: '400' });
  });
  await withChannel({ listener: { mirrorStatus: true }, handle: await intake() }, async ({ url }) => {
    t.equal((await post(`${url}/nowhere`, ca, '{}')).status, 404);
    t.equal((await post(url, ca, '{}')).status, 400);
    t.equal((await post(url, ca, JSON.stringify(accountMessage('R1', { Code: 'LSV1' })))).status, 401);
    t.equal((await post(url, ca, JSON.stringify(accountMessage('R1')))).status, 200);
  });
});

t.test('a body above its bound is 413, announced or not, and the caller can read why', async (t) => {
  const bounds = { listener: { lingerMs: 5_000 }, source: { bodyBytesMax: 10_000 } };
  await withChannel({ ...bounds, handle: await intake() }, async ({ url, listener }) => {
    const announced = await post(url, ca, 'x'.repeat(5_000_000));
    t.equal(announced.status, 413);
    t.same(announced.body, { RequestID: '', OprRst: '2', FailureCause: '400' });
    const curl = [
      '-sS',
      '--cacert',
      `${certificates.folder}/ca.crt`,
      '-H',
      'Expect:',
      '-H',
      'Transfer-Encoding: chunked',
    ];
    const { stdout } = await run('curl', [...curl, '-w', ' %{http_code}', '--data-binary', 'x'.repeat(100_000), url]);
    t.equal(stdout, '{"RequestID":"","OprRst":"2","FailureCause":"400"} 413', 'in chunks, by curl');
    const invited = await speak(listener.port, ca);
    invited.write('POST /t1/account HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n');
    t.match(await heard(invited), /^HTTP\/1.1 413 /, 'a caller that asks first is not invited');
    t.equal((await post(url, ca, JSON.stringify(accountMessage('R1')))).body.OprRst, '1', 'the next message is taken');
  });
});

t.test('curl, as the README shows it', async (t) => {
  await withChannel({ handle: await intake() }, async ({ url }) => {
    const curl = ['-sS', '--cacert', `${certificates.folder}/ca.crt`, '-H', 'Content-Type: application/json'];
    const { stdout } = await run('curl', [...curl, '-d', JSON.stringify(accountMessage('R7')), url]);
    t.equal(stdout, '{"RequestID":"R7","OprRst":"1"}');
    const large = JSON.stringify(accountMessage('R8', { EncryptUserInfo: 'A'.repeat(1_000_000) }));
    const asked = await run('curl', [
      ...curl,
      '-H',
      'Expect: 100-continue',
      '--data-binary',
      large.slice(0, 100_000),
      url,
    ]);
    t.match(asked.stdout, /"OprRst":"2"/, 'a caller that asks first is invited');
  });
});

t.test('a slow body is answered and cut, and holds nobody else up', async (t) => {
  await withChannel(
    { listener: { bodyTimeoutMs: 200, lingerMs: 50 }, handle: await intake() },
    async ({ url, listener }) => {
      const slow = await speak(listener.port, ca);
      slow.write('POST /t1/account HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"a":');
      const answer = heard(slow);
      t.equal((await post(url, ca, JSON.stringify(accountMessage('R1')))).body.OprRst, '1', 'meanwhile');
      t.match(await answer, /^HTTP\/1.1 200 .*"OprRst":"2","FailureCause":"400"}$/s);
    },
  );
});

t.test('bodies beyond inFlightMax stay in the socket, exactly', async (t) => {
  const COUNT = 20;
  const held: (() => void)[] = [];
  let begun = 0;
  const most: number[] = [];
  const handle = async () => {
    begun += 1;
    await new Promise<void>((resolve) => {
      held.push(resolve);
      // one is let go each time three are held, and all of the last three
      if (held.length === 3 || begun > COUNT - 3) most.push(held.length);
      while (held.length === 3 || (begun === COUNT && held.length > 0)) held.shift()?.();
    });
  };
  await withChannel({ source: { inFlightMax: 3 }, handle }, async ({ url, items }) => {
    const posts = Array.from({ length: COUNT }, (_, index) =>
      post(url, ca, JSON.stringify(accountMessage(`R${index}`))),
    );
    const ids = (await Promise.all(posts)).map(({ body }) => body.RequestID);
    t.same(
      ids,
      posts.map((_, index) => `R${index}`),
      'everyone has their own answer',
    );
    t.equal(Math.max(...most), 3);
    t.equal(items.length, COUNT);
  });
});

t.test(
  'a consumer that does not pull lets in no more than inFlightMax, and the caller after waitingMax is told 604',
  async (t) => {
    const channel = await openChannel(certificates, { source: { inFlightMax: 2, waitingMax: 3 } });
    const read = channel.source.read(channel.stop.signal)[Symbol.asyncIterator]();
    const first = read.next(); // starts the reading; nothing is pulled after it
    const posts = Array.from({ length: 6 }, (_, index) =>
      post(channel.url, ca, JSON.stringify(accountMessage(`R${index}`))),
    );
    const refused = await Promise.race(posts);
    t.same(refused.body, { RequestID: '', OprRst: '2', FailureCause: '604' });
    const item = (await first).value as Item;
    item.receipt.arrived();
    const other = (await read.next()).value as Item;
    channel.stop.abort();
    other.receipt.failed(new IovError('UNAUTHORIZED', 'no'));
    t.equal((await read.next()).done, true, 'reading ends');
    const causes = (await Promise.all(posts)).map(({ body }) => body.FailureCause ?? 'arrived').sort();
    t.same(causes, ['401', '604', '604', '604', '604', 'arrived']);
    t.equal((await post(channel.url, ca, '{}')).body.FailureCause, '604', 'once stopped, the path answers 604');
    await channel.close();
  },
);

t.test('a pipeline that starts anew takes its path over; two at once cannot have it', async (t) => {
  const channel = await openChannel(certificates);
  const route = { bodyBytesMax: 1, explain: false, take: () => undefined };
  t.throws(() => channel.listener.route('/t1/account', route), { code: 'CONFIG_INVALID' });
  channel.stop.abort();
  await channel.source.close?.();
  t.doesNotThrow(() => channel.listener.route('/t1/account', route));
  await channel.close();
});

t.test('a caller that goes before its answer changes nothing for the item', async (t) => {
  const arrived: string[] = [];
  let release: () => void = () => undefined;
  let taken: () => void = () => undefined;
  const underWay = new Promise<void>((resolve) => {
    taken = resolve;
  });
  const handle = async (item: Item) => {
    if (item.tags.requestId === 'R1') {
      taken();
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    }
    arrived.push(item.tags.requestId!);
  };
  await withChannel({ handle }, async ({ url, listener, items }) => {
    const caller = await speak(listener.port, ca);
    const body = JSON.stringify(accountMessage('R1'));
    caller.write(`POST /t1/account HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    await underWay;
    caller.destroy();
    await once(caller, 'close');
    release();
    t.equal((await post(url, ca, JSON.stringify(accountMessage('R2')))).body.OprRst, '1');
    t.same(arrived, ['R1', 'R2']);
    t.ok(items[0]?.receipt.settled);
  });
});

t.test('a caller that goes in the middle of its body leaves its place to others', async (t) => {
  await withChannel({ source: { inFlightMax: 1 }, handle: await intake() }, async ({ url, listener }) => {
    const caller = await speak(listener.port, ca);
    caller.write('POST /t1/account HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"a":');
    const next = post(url, ca, JSON.stringify(accountMessage('R2')));
    caller.end();
    t.equal((await next).body.OprRst, '1');
  });
});

t.test('an answer that takes too long is 604, and the item goes on', async (t) => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await withChannel({ listener: { answerTimeoutMs: 100 }, handle: () => held }, async ({ url, items }) => {
    const { body } = await post(url, ca, JSON.stringify(accountMessage('R1')));
    t.same(body, { RequestID: 'R1', OprRst: '2', FailureCause: '604' });
    t.notOk(items[0]?.receipt.settled);
    release();
  });
});

t.test('a second message on one connection is left to its sender', async (t) => {
  await withChannel({ handle: await intake() }, async ({ listener, items }) => {
    const caller = await speak(listener.port, ca);
    const one = (id: string) => {
      const body = JSON.stringify(accountMessage(id));
      return `POST /t1/account HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    };
    caller.write(one('R1') + one('R2'));
    const said = await heard(caller);
    t.match(said, /"RequestID":"R1","OprRst":"1"/);
    t.notMatch(said, /R2/);
    t.same(
      items.map(({ tags }) => tags.requestId),
      ['R1'],
    );
  });
});

t.test('2,000 concurrent short connections: not one is lost', async (t) => {
  const COUNT = 2000;
  const turn = await intake();
  const handle = async (item: Item) => {
    await new Promise((resolve) => setImmediate(resolve));
    await turn(item);
  };
  // so that a slow machine loses none either
  const times = {
    handshakeTimeoutMs: 120_000,
    headersTimeoutMs: 120_000,
    bodyTimeoutMs: 120_000,
    answerTimeoutMs: 600_000,
  };
  const listener = { ...times, connectionsPerAddressMax: 4_096 };
  await withChannel({ handle, listener, source: { inFlightMax: 64 } }, async ({ url, items }) => {
    const bodies = Array.from({ length: COUNT }, (_, index) => JSON.stringify(accountMessage(`R${index}`)));
    const answers = await Promise.all(bodies.map((body) => post(url, ca, body)));
    t.same(
      answers.filter(({ body }) => body.OprRst !== '1'),
      [],
    );
    t.equal(new Set(answers.map(({ body }) => body.RequestID)).size, COUNT);
    t.equal(items.length, COUNT);
  });
});
