import t from 'tap';
import { untilBehind } from '../../connections/kafkaBehind.js';
import { KafkaConnection } from '../../connections/kafkaConnection.js';
import { systemClock } from '../../engine/clock.js';
import { keptLog } from '../support/bareContext.js';
import { kafkaConnection, startKafka } from '../support/kafka.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const MS = 60_000;
const kafka = await startKafka();
if (kafka) t.teardown(() => kafka.stop());
t.setTimeout(300_000);

t.test('a window waits for the group that feeds its archive', { skip: kafka ? false : 'no Kafka' }, async (t) => {
  if (!kafka) return;
  const patience = { connectTimeoutMs: 30_000, closeTimeoutMs: 30_000 };
  const bus: KafkaConnection = await kafkaConnection(kafka.brokers, patience);
  t.teardown(() => bus.close());
  const wait = (topic: string, timeMs: number, stop = new AbortController().signal) => {
    const log = keptLog();
    const feeding = { topics: [topic], group: `g-${topic}`, clockSkewMs: 0 };
    const state = { isOver: false, log, done: Promise.resolve() };
    state.done = untilBehind(bus, feeding, timeMs, { clock: systemClock, log }, stop).finally(() => {
      state.isOver = true;
    });
    state.done.catch(() => undefined);
    return state;
  };
  /** What a daemon of the group would have done with that many messages. */
  const commit = async (topic: string, marks: readonly number[]) => {
    const settings = { ...bus.settings, 'group.id': `g-${topic}`, 'enable.auto.commit': false, offset_commit_cb: true };
    const client = await bus.reach(
      () => new bus.lib.KafkaConsumer(settings, {}),
      () => undefined,
      new AbortController().signal,
    );
    const taken = new Promise<void>((resolve, reject) => {
      client.on('offset.commit', (error) => (error ? reject(error) : resolve()));
    });
    client.setDefaultConsumeTimeout(0);
    const serving = setInterval(() => client.consume(1, () => undefined), 20);
    client.commit(marks.map((offset, partition) => ({ topic, partition, offset })));
    await within(MS, 'a commit', taken);
    clearInterval(serving);
    client.disconnect();
  };

  t.test('until each partition is committed up to the cut-off, whatever came later', async (t) => {
    const topic = await kafka.topic(2);
    const cutoffMs = Date.now() - 60_000;
    const messages = (partition: number, count: number, timestamp: number) =>
      Array.from({ length: count }, () => ({ value: '{}', partition, timestamp }));
    await kafka.produce(topic, [
      ...messages(0, 5, cutoffMs - 1),
      ...messages(1, 3, cutoffMs - 1),
      ...messages(0, 4, cutoffMs),
    ]);
    const waiting = wait(topic, cutoffMs);
    await until('it says what it waits for', () => waiting.log.lines.length > 0, { ms: MS });
    t.match(waiting.log.lines, [{ message: /waiting for a group/, fields: { partitions: 2 } }]);
    await commit(topic, [5, 2]);
    const another = wait(topic, cutoffMs);
    await until('another says what it waits for', () => another.log.lines.length > 0, { ms: MS });
    t.match(another.log.lines[0], { fields: { partitions: 1 } }, 'one message of the second partition is missing');
    t.notOk(waiting.isOver);
    await commit(topic, [5, 3]);
    await within(MS, 'both go on', Promise.all([waiting.done, another.done]));
  });

  t.test('not at all where there is nothing of before, and never beyond a stop', async (t) => {
    const empty = await kafka.topic(2);
    await within(MS, 'it goes on', wait(empty, Date.now()).done);
    const topic = await kafka.topic(1);
    await kafka.produce(topic, [{ value: '{}' }]);
    const stop = new AbortController();
    const waiting = wait(topic, Date.now() + 1, stop.signal);
    await until('it waits', () => waiting.log.lines.length > 0, { ms: MS });
    stop.abort();
    await t.rejects(within(MS, 'the end', waiting.done), { code: 'STOPPED' });
  });

  t.test('every client that was made for it has left the cluster when it is over', async (t) => {
    const topics = [await kafka.topic(2), await kafka.topic(2)];
    for (const topic of topics) await kafka.produce(topic, [{ value: '{}', partition: 1 }]);
    const clients = { made: 0, left: 0 };
    class Counted extends bus.lib.KafkaConsumer {
      constructor(...given: ConstructorParameters<typeof bus.lib.KafkaConsumer>) {
        super(...given);
        clients.made += 1;
      }
      override disconnect(done?: () => void): void {
        super.disconnect(() => {
          clients.left += 1;
          done?.();
        });
      }
    }
    const lib = { ...bus.lib, KafkaConsumer: Counted };
    const counting = new KafkaConnection(lib, bus.options, { log: keptLog(), place: 'connections.bus' });
    const stop = new AbortController();
    const log = keptLog();
    const feeding = { topics, group: `g-${topics[0]}`, clockSkewMs: 0 };
    const waiting = untilBehind(counting, feeding, Date.now() + 1, { clock: systemClock, log }, stop.signal);
    const ended = t.rejects(waiting, { code: 'STOPPED' });
    await until('it waits', () => log.lines.length > 0, { ms: MS });
    t.match(log.lines, [{ fields: { partitions: 2 } }], 'partitions of one number in two topics');
    stop.abort();
    await within(MS, 'the end', ended);
    t.same(clients, { made: 3, left: 3 });
  });

  t.test('a topic that is not there is told', async (t) => {
    await t.rejects(wait(`missing-${process.pid}`, Date.now()).done, { code: 'KAFKA_REFUSED' });
  });
});
