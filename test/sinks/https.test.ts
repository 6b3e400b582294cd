import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import type { Sink, SinkSpec } from '../../contract/component.js';
import type { Context } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import { oneLine } from '../../contract/oneLine.js';
import { Receipt } from '../../contract/receipt.js';
import type { Effect } from '../../contract/store.js';
import { makeCertificates } from '../../demo/certificates.js';
import { spec } from '../../sinks/https.js';
import { bareContext, keptLog } from '../support/bareContext.js';
import { certificateFiles } from '../support/certificates.js';
import { openChannel } from '../support/httpsChannel.js';
import { accountMessage } from '../support/messages.js';
import { optionsOf } from '../support/options.js';
import { testStore } from '../support/testStore.js';

const certificates = await certificateFiles();
const { ca } = certificates;
const FAST = { delayMsMin: 1, delayMsMax: 5 };

type Answer = (body: { RequestID: string }, response: ServerResponse, request: IncomingMessage) => void;

/** A peer that answers as a test wants, request by request; the last answer stays. */
async function peer(t: Test, ...answers: Answer[]) {
  const requests: { id: string; at: number; connection: string | undefined }[] = [];
  const server: Server = createServer({ cert: certificates.cert, key: certificates.key }, async (request, response) => {
    const said = await text(request).catch(() => undefined);
    if (said === undefined) return; // its sender has gone in the middle of it
    const body = JSON.parse(said) as { RequestID: string };
    requests.push({ id: body.RequestID, at: performance.now(), connection: request.headers.connection });
    (answers.length > 1 ? answers.shift()! : answers[0]!)(body, response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { requests, url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/t1/account` };
}

const say =
  (answer: object | string, status = 200): Answer =>
  (_body, response) => {
    response.statusCode = status;
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  };
const yes: Answer = ({ RequestID }, response) => response.end(JSON.stringify({ RequestID, OprRst: '1' }));
const no =
  (cause: string): Answer =>
  ({ RequestID }, response) =>
    response.end(JSON.stringify({ RequestID, OprRst: '2', FailureCause: cause }));
const cut: Answer = (_body, response) => void response.socket?.destroy();
const never: Answer = () => undefined;

async function sender(t: Test, url: string, options: object = {}, given: Partial<Context> = {}) {
  const log = keptLog();
  const wanted = { url, ca, retry: FAST, ...options };
  const context = { ...bareContext({ directory: '.', log }), ...given };
  const sink = (await (spec as SinkSpec).create(optionsOf(spec, wanted), context)) as Sink;
  t.teardown(() => sink.close?.());
  return { sink, log };
}

function item(requestId: string, message: object = { RequestID: requestId }): Item {
  const value = oneLine(Buffer.from(JSON.stringify(message)));
  return { value, tags: { requestId }, origin: 'test', effects: [], receipt: new Receipt(() => undefined) };
}

t.test('OprRst 1 is arrival, over a connection that closes', async (t) => {
  const { url, requests } = await peer(t, yes);
  const { sink } = await sender(t, url);
  await sink.write(item('R1'));
  await sink.write(item('R2'));
  t.same(
    requests.map(({ id }) => id),
    ['R1', 'R2'],
  );
  t.same(
    requests.map(({ connection }) => connection),
    ['close', 'close'],
  );
});

t.test('OprRst 2 is final, and its cause is told', async (t) => {
  const { url, requests } = await peer(
    t,
    no('401'),
    no('一证多卡超过上限'),
    say({ RequestID: '', OprRst: '2', FailureCause: '400' }, 413),
  );
  const { sink } = await sender(t, url);
  await t.rejects(sink.write(item('R1')), { code: 'REFUSED_BY_PEER', message: 'FailureCause 401', retryable: false });
  await t.rejects(sink.write(item('R2')), { code: 'REFUSED_BY_PEER', message: /一证多卡/ });
  await t.rejects(
    sink.write(item('R3')),
    { code: 'REFUSED_BY_PEER', message: 'FailureCause 400' },
    'a peer that could not read the RequestID',
  );
  t.equal(requests.length, 3, 'nothing was sent twice');
});

t.test('604, HTTP 5xx, a lost reply and a timeout are tried again under the same RequestID', async (t) => {
  const slow = { timeoutMs: 4_000 };
  const { url, requests } = await peer(
    t,
    no('604'),
    no('604: disk full'),
    say('<html>', 502),
    say('', 500),
    say('busy', 429),
    cut,
    never,
    yes,
  );
  const { sink, log } = await sender(t, url, slow);
  await sink.write(item('R1'));
  t.same(new Set(requests.map(({ id }) => id)), new Set(['R1']));
  t.equal(requests.length, 8);
  t.ok(log.lines.length >= 3 && log.lines.length <= 4, 'told at attempts 1, 2, 4 …, not at each');
});

t.test('a peer that is not there is tried again until it is, and no longer than attemptsMax', async (t) => {
  const { sink } = await sender(t, 'https://127.0.0.1:1/', { retry: { ...FAST, attemptsMax: 3 } });
  await t.rejects(sink.write(item('R1')), { code: 'PEER_UNREACHABLE', retryable: true, message: /ECONNREFUSED/ });
});

t.test('what is not an answer of the notice goes to the dead letters', async (t) => {
  const answers: [what: string, answer: Answer][] = [
    ['nothing', say('')],
    ['no JSON', say('OK')],
    ['a page', say('<html>', 404)],
    ['a redirect', say('', 302)],
    ['a list', say('[]')],
    ['no OprRst', say({ RequestID: 'R1' })],
    ['a number', say({ RequestID: 'R1', OprRst: 1 })],
    ['an OprRst of its own', say({ RequestID: 'R1', OprRst: '0' })],
    ['a key twice', say('{"RequestID":"R1","OprRst":"2","OprRst":"1"}')],
    ['another RequestID', say({ RequestID: 'R9', OprRst: '1' })],
    ['success without RequestID', say({ RequestID: '', OprRst: '1' })],
    ['more than answerBytesMax', say({ RequestID: 'R1', OprRst: '1', FailureCause: 'x'.repeat(100_000) })],
  ];
  for (const [what, answer] of answers) {
    const { url, requests } = await peer(t, answer);
    const { sink } = await sender(t, url);
    await t.rejects(sink.write(item('R1')), { code: 'PEER_PROTOCOL', retryable: false }, what);
    t.equal(requests.length, 1, `${what}: sent once`);
  }
});

t.test('a server with a certificate of somebody else is not trusted', async (t) => {
  const { url, requests } = await peer(t, yes);
  const stranger = await makeCertificates();
  const { sink } = await sender(t, url, { ca: stranger.ca, retry: { ...FAST, attemptsMax: 2 } });
  await t.rejects(sink.write(item('R1')), { code: 'PEER_UNREACHABLE', message: /certificate/i });
  t.equal(requests.length, 0);
});

t.test('the rate is never passed in any second, repeated messages included', async (t) => {
  let count = 0;
  const everyThird: Answer = (body, response, request) =>
    (++count % 3 === 0 ? no('604') : yes)(body, response, request);
  const { url, requests } = await peer(t, everyThird);
  const { sink } = await sender(t, url, { ratePerSecondMax: 20, concurrency: 50 });
  const begun = performance.now();
  await Promise.all(Array.from({ length: 32 }, (_, index) => sink.write(item(`R${index}`))));
  t.ok(requests.length > 40, 'three seconds of work at that rate');
  t.ok(performance.now() - begun >= 2000);
  const times = requests.map(({ at }) => at);
  const least = Math.min(...times.slice(20).map((at, index) => at - times[index]!));
  t.ok(least >= 1000, `by the peer's count the 21st comes a second after the 1st; least ${least} ms`);
});

t.test('stopping ends what waits, as something to take up again', async (t) => {
  const { url } = await peer(t, never);
  const { sink } = await sender(t, url);
  const waiting = sink.write(item('R1'));
  const { sink: delayed } = await sender(t, 'https://127.0.0.1:1/', {
    retry: { delayMsMin: 60_000, delayMsMax: 60_000 },
  });
  const backingOff = delayed.write(item('R2'));
  const both = Promise.all([
    t.rejects(waiting, { code: 'STOPPED', retryable: true }),
    t.rejects(backingOff, { code: 'STOPPED' }),
  ]);
  await Promise.all([sink.close?.(), delayed.close?.(), delayed.close?.()]);
  await both;
});

t.test(
  'our sender and our listener understand one another, over mutual TLS, losing and doubling nothing',
  async (t) => {
    const COUNT = 300;
    const seen = new Map<string, number>();
    const handle = ({ tags }: Item) => {
      const times = (seen.get(tags.requestId!) ?? 0) + 1;
      seen.set(tags.requestId!, times);
      if (times === 1 && tags.requestId!.endsWith('7')) throw new IovError('STORE_FAILED', 'disk full, this time');
    };
    const channel = await openChannel(certificates, { listener: { clientCa: ca }, handle });
    const reading = channel.read();
    const { client } = certificates;
    const { sink } = await sender(t, channel.url, { cert: client.cert, key: client.key, concurrency: 32 });
    await Promise.all(
      Array.from({ length: COUNT }, (_, index) => sink.write(item(`R${index}`, accountMessage(`R${index}`)))),
    );
    t.equal(seen.size, COUNT);
    for (const [id, times] of seen) if (times !== (id.endsWith('7') ? 2 : 1)) t.fail(`${id} came ${times} times`);
    await channel.close();
    await reading;
  },
);

t.test(
  'what operators want stored with a message is stored before it is first sent, the progress of its source is not',
  async (t) => {
    const { store } = await testStore(t);
    const due = { name: 'HT_R1', content: 'HT', requestId: 'R1', code: '', iccid: '1', withinMs: 1000 } as const;
    const seen: unknown[] = [];
    const look: Answer = (body, response, request) => {
      seen.push([
        store.dueFile(due.name)?.state,
        store.position('test', 'commands.ndjson'),
        store.deadLetter(1)?.state,
      ]);
      yes(body, response, request);
    };
    const { url } = await peer(t, cut, look);
    const { sink } = await sender(t, url, {}, { store });
    const position = { offset: 1, line: 1, fingerprint: 'x' };
    await store.commit([
      (transaction) =>
        transaction.addDeadLetter({ pipeline: 'test', origin: 'here', code: 'INTERNAL', reason: '', tags: {} }),
    ]);
    const effects: Effect[] = [
      (transaction) => transaction.afterwards((last) => last.setPosition('test', 'commands.ndjson', position)),
      (transaction) => transaction.deadLetterRetried(1),
      (transaction) => transaction.addDueFile(due),
    ];
    await sink.write({ ...item('R1'), effects });
    t.same(seen, [['open', undefined, 'waiting']]);
    t.same(
      [store.position('test', 'commands.ndjson'), store.deadLetter(1)?.state],
      [position, 'retried'],
      'once answered',
    );
    const refusing: Effect[] = [
      () => {
        throw new IovError('CARD_LIMIT', 'no');
      },
    ];
    await t.rejects(sink.write({ ...item('R2'), effects: refusing }), { code: 'CARD_LIMIT' });
    t.equal(seen.length, 1, 'what cannot be stored is not sent');
  },
);

t.test('a message that was refused and goes out again is waited for again', async (t) => {
  const { store } = await testStore(t);
  const due = { name: 'KH_R1', content: 'KH', requestId: 'R1', code: '', iccid: '1', withinMs: 1000 } as const;
  const effects: Effect[] = [(transaction) => transaction.addDueFile(due)];
  const { url } = await peer(t, no('501'), yes);
  const { sink } = await sender(t, url, {}, { store });
  await t.rejects(sink.write({ ...item('R1'), effects }), { code: 'REFUSED_BY_PEER' });
  t.match(store.dueFile(due.name), { state: 'failed', reason: 'FailureCause 501' });
  await sink.write({ ...item('R1'), effects });
  t.equal(store.dueFile(due.name)?.state, 'open', 'its deadline is watched');
});

t.test('a refusal fails what its own message made due, and nothing of another peer under that RequestID', async (t) => {
  const { store } = await testStore(t);
  const due = (name: string) =>
    ({ name, content: 'HT', requestId: 'R1', code: '', iccid: '1', withinMs: 1000 }) as const;
  const refusing = await sender(t, (await peer(t, no('501'))).url, {}, { store });
  const taking = await sender(t, (await peer(t, yes)).url, {}, { store });
  const effects = (...names: string[]): Effect[] =>
    names.map((name) => (transaction) => transaction.addDueFile(due(name)));
  await taking.sink.write({ ...item('R1'), effects: effects('HT_R1_LSV1') });
  const refused = { ...item('R1'), effects: effects('HT_R1_WBA0', 'HT_R1_WBA1', 'HT_R1_WBA2') };
  await store.commit(effects('HT_R1_WBA1', 'HT_R1_WBA2'));
  await store.fileDelivered('HT_R1_WBA1', '/x');
  await store.commit([(transaction) => transaction.dueFileAsked('HT_R1_WBA2')]);
  await t.rejects(refusing.sink.write(refused), { code: 'REFUSED_BY_PEER' });
  t.match(store.dueFile('HT_R1_WBA0'), { state: 'failed', reason: 'FailureCause 501' });
  const states = ['HT_R1_LSV1', 'HT_R1_WBA1', 'HT_R1_WBA2'].map((name) => store.dueFile(name)?.state);
  t.same(states, ['open', 'delivered', 'asked']);
});

t.test('a message goes out in the dialect of its peer, and the answer is read in it', async (t) => {
  const heard: unknown[] = [];
  const say =
    (answer: object): Answer =>
    (body, response) => {
      heard.push(body);
      response.end(JSON.stringify(answer));
    };
  const { url } = await peer(
    t,
    say({ code: 500, text: 'busy' }),
    say({ code: 0, text: 'ok' }),
    say({ code: 7, text: '签名错误' }),
    say({ RequestID: 'R3', OprRst: '1' }),
  );
  const dialect = {
    fields: { RequestID: 'serialNo', PlatformID: 'appId' },
    reply: { result: 'code', cause: 'text', success: [0], again: [500] },
    signature: 'lower' as const,
  };
  const peers = { gateway: { platformId: 'P', password: 'x', codes: [], dialect } };
  const { sink, log } = await sender(t, url, { peer: 'gateway' }, { peers });
  const message = (RequestID: string) => ({ Auth: { PlatformID: 'P' }, RequestID, Code: 'LSV1' });
  await sink.write(item('R1', message('R1')));
  const wanted = { Auth: { appId: 'P' }, serialNo: 'R1', Code: 'LSV1' };
  t.same(heard, [wanted, wanted]);
  t.match(log.lines, [{ fields: { reason: /: code 500: busy$/ } }]);
  await t.rejects(sink.write(item('R2', message('R2'))), { code: 'REFUSED_BY_PEER', message: 'code 7: 签名错误' });
  await t.rejects(sink.write(item('R3', message('R3'))), {
    code: 'PEER_PROTOCOL',
    message: /in the dialect of this peer/,
  });
});

t.test('each attempt is a step: a peer that is away does not make a pipeline look stuck', async (t) => {
  const { url } = await peer(t, cut, cut, yes);
  const { sink } = await sender(t, url);
  await sink.write(item('R1'));
  t.equal(sink.steps, 3);
});
