import t from 'tap';
import { KafkaConsumer } from '../../connections/kafkaConsumer.js';
import { KafkaProducer } from '../../connections/kafkaProducer.js';
import { keptLog } from '../support/bareContext.js';
import { kafkaConnection, kafkaTests } from '../support/kafka.js';
import { until } from '../support/until.js';

const { kafka, test } = await kafkaTests(t);
t.setTimeout(300_000);

const MS = 60_000;
const AWAY = 'Kafka cannot be used; trying on';
const THERE = 'Kafka can be used again';

test('what is wrong is told once, and its end when it is wrong for no client any more', async (t, { brokers }) => {
  const log = keptLog();
  const bus = await kafkaConnection(brokers, {}, log);
  t.teardown(() => bus.close());
  const told = () => log.lines.splice(0).map(({ message }) => message);
  const [one, other, gone] = [{}, {}, {}];
  const away = new Error('no broker');
  bus.trouble(away, one);
  bus.trouble(away, other);
  bus.trouble(away, gone);
  t.same(told(), [AWAY]);
  bus.left(gone);
  bus.well(one);
  bus.trouble(away, one);
  bus.well(one);
  t.same(told(), [], 'the other has no broker still');
  bus.well(other);
  t.same(told(), [THERE]);
  bus.trouble(away, gone);
  bus.left(gone);
  bus.well(one);
  t.same(told(), [AWAY, THERE], 'what was wrong for one that has left is over with the next sign of life');
});

t.test('clients that have nothing to do tell that their broker is back', { skip: !kafka?.control }, async (t) => {
  if (!kafka?.control) return;
  const log = keptLog();
  const patience = { retryDelayMsMax: 200, connectTimeoutMs: 30_000 };
  const bus = await kafkaConnection(kafka.brokers, patience, log);
  t.teardown(() => bus.close());
  const topic = await kafka.topic();
  const times = { lingerMs: 0, deliveryTimeoutMs: 60_000 };
  const bounds = { queueMessagesMax: 10, queueBytesMax: 10_000, messageBytesMax: 1_000 };
  const producer = new KafkaProducer(bus, { ...times, ...bounds, compression: 'none' });
  await producer.send({ topic, key: null, value: Buffer.from('{}'), headers: [] });
  const given = { sessionTimeoutMs: 30_000, pollIntervalMsMax: 300_000, handOverMs: 0, commitMs: 50 };
  const reads = { group: `g-${topic}`, topics: [topic], from: 'latest', prefetchBytesMax: 65_536 } as const;
  const consumer = new KafkaConsumer(bus, { ...given, ...reads });
  await consumer.join(new AbortController().signal);
  const reading = setInterval(() => void consumer.poll(10), 50);
  t.teardown(() => clearInterval(reading));
  const isCommitted = async () => (await kafka.committed(`g-${topic}`, topic))[0] === 1;
  await until('the consumer is at work', isCommitted, { ms: MS });
  await kafka.control.kill();
  await until('it is told', () => log.lines.length > 0, { ms: MS });
  await kafka.control.again();
  await until('its end is told', () => log.lines.length > 1, { ms: MS, instead: () => JSON.stringify(log.lines) });
  t.same(
    log.lines.map(({ message }) => message),
    [AWAY, THERE],
  );
});
