import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import type { KafkaConnection } from '../../connections/kafkaConnection.js';
import { KafkaProducer } from '../../connections/kafkaProducer.js';
import type { Sink } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item, Lines } from '../../contract/item.js';
import { oneLine } from '../../contract/oneLine.js';
import { Receipt } from '../../contract/receipt.js';
import type { Store } from '../../contract/store.js';
import type { Tags } from '../../contract/tags.js';
import { makeCertificates } from '../../demo/certificates.js';
import { freePort } from '../../demo/site.js';
import { spec } from '../../sinks/kafka.js';
import { bareContext, keptLog } from '../support/bareContext.js';
import { kafkaConnection, kafkaTests } from '../support/kafka.js';
import { kafkaSite, serving } from '../support/kafkaSite.js';
import { optionsOf } from '../support/options.js';
import { append, newRecord, testStore } from '../support/testStore.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const tls = await makeCertificates();
const { kafka, test } = await kafkaTests(t, `${tls.key}\n${tls.cert}`);
t.setTimeout(300_000);

/** For tests that count what is told: a busy machine does not make a broker seem away. */
const PATIENT = { connectTimeoutMs: 30_000 };

/** A sink of its own; `connection` says what differs of its connection. */
async function sinkTo(
  t: Test,
  topic: string,
  options: object = {},
  connection: { brokers?: string; tls?: object; sasl?: object; connectTimeoutMs?: number } = {},
  store?: Store,
) {
  const { brokers = kafka?.brokers ?? '', ...more } = connection;
  const log = keptLog();
  const bus = await kafkaConnection(brokers, { retryDelayMsMax: 200, connectTimeoutMs: 2_000, ...more }, log);
  const context = bareContext({ directory: '.', log, connections: { bus }, ...(store && { store }) });
  const sink = (await spec.create(optionsOf(spec, { on: 'bus', topic, ...options }), context)) as Sink;
  t.teardown(async () => {
    await sink.close?.();
    await bus.close();
  });
  return { sink, log };
}

function itemOf(value: Lines | string, tags: Tags = {}, effects: Item['effects'] = []): Item {
  const lines = typeof value === 'string' ? oneLine(Buffer.from(value)) : value;
  return { value: lines, tags, origin: 'test', effects, receipt: new Receipt(() => undefined) };
}

/** A block of so many records, as the archive gives them. */
const block = (count: number): Lines => ({
  count,
  residentBytes: 0,
  sizeOf: () => 10,
  positionOf: (index) => index,
  read: (from, to) => Array.from({ length: to - from }, (_, index) => Buffer.from(`{"n":${from + index}}`)),
});
const text = (bytes: Uint8Array | string | null | undefined) => (bytes ? Buffer.from(bytes).toString() : bytes);

test('the lines of a file arrive in a topic, in order by card', async (t, { brokers, topic, contents }) => {
  const name = await topic(3);
  const record = (number: number) => ({ ICCID: `8986000000000000000${number % 5}`, RequestID: `R-${number}` });
  const lines = Array.from({ length: 500 }, (_, number) => `${JSON.stringify(record(number))}\n`).join('');
  const pipelines = `  cards-out:
    source: { file: { path: cards.ndjson } }
    operators:
      - order: { table: 8 }
    sink: { kafka: { on: bus, topic: ${name} } }
`;
  const path = kafkaSite(t.testdir({}), brokers, pipelines, { files: { 'cards.ndjson': lines } });
  const { log, end } = await serving(t, path);
  await until('the end', () => log.lines.some(({ message }) => message === 'pipeline has ended'));
  await end();
  const found = await contents(name, 3);
  t.equal(found.length, 500);
  for (const iccid of new Set(found.map(({ key }) => text(key)))) {
    const own = found.filter(({ key }) => text(key) === iccid);
    t.equal(new Set(own.map(({ partition }) => partition)).size, 1, `one partition for ${iccid}`);
    const numbers = own.map(({ headers = [] }) =>
      Number(text(headers.find((header) => header.RequestID)?.RequestID)?.slice(2)),
    );
    t.same(
      numbers,
      [...numbers].sort((a, b) => a - b),
      'in the order of the file',
    );
  }
});

test('key and headers come from what is known of an item', async (t, { topic, contents }) => {
  const name = await topic();
  const tags = { requestId: 'R', platformId: 'P', code: '0001', operType: '1', iccid: '8986', part: 2, digest: 'd' };
  for (const key of ['iccid', 'requestId', 'code', 'none']) {
    const { sink } = await sinkTo(t, name, { key });
    await sink.write(itemOf('{"a":"张三"}', tags));
    await sink.close?.();
  }
  const { sink } = await sinkTo(t, name);
  await sink.write(itemOf('{}'));
  const found = await contents(name);
  t.same(
    found.map(({ key }) => text(key)),
    ['8986', 'R', '0001', null, null],
  );
  t.equal(text(found[0]?.value), '{"a":"张三"}');
  const headers = Object.fromEntries(
    (found[0]?.headers ?? []).flatMap((header) => Object.entries(header)).map(([name, value]) => [name, text(value)]),
  );
  t.same(headers, {
    RequestID: 'R',
    PlatformID: 'P',
    Code: '0001',
    OperType: '1',
    ICCID: '8986',
    Part: '2',
    Digest: 'd',
  });
  t.equal(found[4]?.headers?.length ?? 0, 0);
});

test('a full queue holds the writer back, and nothing is lost', async (t, { topic, contents }) => {
  const name = await topic();
  const { sink } = await sinkTo(t, name, { queueMessagesMax: 10, lingerMs: 0 });
  await sink.write(itemOf(block(3_000)));
  const found = (await contents(name)).map(({ value }) => text(value));
  t.same(found.length, 3_000);
  t.equal(new Set(found).size, 3_000);
});

test('in a full queue a message above its bound gives up its turn to the next one', async (t, broker) => {
  const name = await broker.topic();
  const bus: KafkaConnection = await kafkaConnection(broker.brokers);
  t.teardown(() => bus.close());
  const producer = new KafkaProducer(bus, {
    deliveryTimeoutMs: 20_000,
    lingerMs: 200,
    compression: 'none',
    queueMessagesMax: 1,
    queueBytesMax: 1_048_576,
    messageBytesMax: 1_000,
  });
  const send = (value: string) => producer.send({ topic: name, key: null, value: Buffer.from(value), headers: [] });
  await send('0');
  const two = [send('1'), send('2')];
  await new Promise((resolve) => setImmediate(resolve)); // the first lies in the queue, the second waits
  const large = t.rejects(send('x'.repeat(2_000)), { code: 'MESSAGE_TOO_LARGE' });
  await within(30_000, 'the last one', Promise.all([...two, large, send('3')]));
  t.same(
    (await broker.contents(name)).map(({ value }) => text(value)),
    ['0', '1', '2', '3'],
  );
});

test('a message that is larger than the whole queue goes alone', async (t, { topic, contents }) => {
  const name = await topic();
  const { sink } = await sinkTo(t, name, { queueBytesMax: 1_024, messageBytesMax: 10_000, lingerMs: 0 });
  const values = ['x'.repeat(3_000), '{}', 'y'.repeat(9_000)];
  await within(30_000, 'all three', Promise.all(values.map((value) => sink.write(itemOf(value)))));
  t.same(
    (await contents(name)).map(({ value }) => text(value)),
    values,
  );
});

test('a block that cannot be read to its end fails once nothing of it is on its way', async (t) => {
  const { sink } = await sinkTo(t, 'nowhere', {}, { brokers: `127.0.0.1:${await freePort()}` });
  const broken: Lines = {
    ...block(2),
    async *read() {
      yield Buffer.from('{}');
      throw new IovError('STORE_FAILED', 'the archive is away');
    },
  };
  let hasFailed = false;
  const writing = t.rejects(
    sink.write(itemOf(broken)).finally(() => {
      hasFailed = true;
    }),
    { code: 'STORE_FAILED' },
  );
  await new Promise((resolve) => setImmediate(resolve));
  t.notOk(hasFailed, 'its first record waits for the cluster');
  await sink.close?.();
  await writing;
});

test('what is to be stored with an item is stored once it is delivered', async (t, { topic }) => {
  const { store } = await testStore(t);
  const { sink } = await sinkTo(t, await topic(), {}, {}, store);
  await sink.write(itemOf('{}', {}, [(transaction) => void transaction.append(newRecord('x'))]));
  t.equal(store.status().records[0]?.count, 1);
  const missing = await sinkTo(
    t,
    `missing-${randomUUID()}`,
    { deliveryTimeoutMs: 1_000, retry: { attemptsMax: 1 } },
    {},
    store,
  );
  await t.rejects(missing.sink.write(itemOf('{}', {}, [(transaction) => void transaction.append(newRecord('y'))])));
  t.equal(store.status().records[0]?.count, 1, 'and not before');
  await append(store, newRecord('z'));
});

test('a message above its bound fails for good, and alone', async (t, { topic, contents }) => {
  const name = await topic();
  const { sink } = await sinkTo(t, name, { messageBytesMax: 1_000 });
  const large = t.rejects(sink.write(itemOf('x'.repeat(2_000))), {
    code: 'MESSAGE_TOO_LARGE',
  });
  await sink.write(itemOf('{}'));
  await large;
  t.equal((await contents(name)).length, 1);
});

test('a topic that is not there makes the run begin again', async (t) => {
  const missing = `missing-${randomUUID()}`;
  const { sink, log } = await sinkTo(t, missing, { deliveryTimeoutMs: 10_000, retry: { attemptsMax: 2 } }, PATIENT);
  await t.rejects(sink.write(itemOf('{}')), { code: 'KAFKA_REFUSED' });
  t.equal(log.lines.length, 1, 'told once');
});

const skipLogin = kafka?.secureBrokers ? false : 'no Kafka of our own';
t.test('a login over TLS is let in, and a wrong one is told', { skip: skipLogin }, async (t) => {
  if (!kafka) return;
  const { topic, contents, secureBrokers: brokers } = kafka;
  const name = await topic();
  const login = (password: string) => ({
    brokers,
    tls: { ca: tls.ca },
    sasl: { mechanism: 'PLAIN', username: 'iovpipe', password },
  });
  const { sink } = await sinkTo(t, name, {}, login('secret'));
  await sink.write(itemOf('{}'));
  t.equal((await contents(name)).length, 1);
  const wrong = await sinkTo(t, name, {}, login('guessed'));
  const writing = t.rejects(wrong.sink.write(itemOf('{}')), { code: 'STOPPED' });
  const told = () => wrong.log.lines.map(({ fields }) => (fields as { code?: string }).code);
  await until('it says so', () => told().includes('KAFKA_REFUSED'), { instead: () => JSON.stringify(wrong.log.lines) });
  await wrong.sink.close?.();
  await writing;
  t.notMatch(JSON.stringify(wrong.log.lines), /guessed/);
  const stranger = await sinkTo(t, name, {}, { ...login('secret'), tls: {} });
  const unheard = t.rejects(stranger.sink.write(itemOf('{}')), { code: 'STOPPED' });
  await until('it says so', () => stranger.log.lines.length > 0);
  await stranger.sink.close?.();
  await unheard; // a broker whose certificate nobody trusts gets nothing
  t.equal((await contents(name)).length, 1);
});

t.test(
  'a broker that goes in the middle gets everything when it is back',
  { skip: kafka?.control ? false : 'no Kafka of our own' },
  async (t) => {
    if (!kafka?.control) return;
    const { control, topic, contents } = kafka;
    const name = await topic(2);
    const { sink, log } = await sinkTo(t, name, {}, PATIENT);
    await sink.write(itemOf(block(100)));
    await control.signal('SIGSTOP');
    const frozen = sink.write(itemOf(block(100)));
    await control.signal('SIGCONT');
    await frozen;
    await control.kill();
    await until('it says so', () => log.lines.length > 0);
    const waiting = sink.write(itemOf(block(100)));
    await control.again();
    await waiting;
    t.equal((await contents(name, 2)).length, 300, 'once each');
    t.same(
      log.lines.map(({ message }) => message),
      ['Kafka cannot be used; trying on', 'Kafka can be used again'],
    );
  },
);
