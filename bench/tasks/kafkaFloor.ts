import { randomUUID } from 'node:crypto';
import { loadRdKafka, type Message } from '../../connections/rdkafka.js';

const BATCH = 1_000;

/** The floor: a bare consumer of one group that parses each message, from the first to the last. */
export async function run(given: { brokers: string; topic: string; count: number }): Promise<object> {
  const { KafkaConsumer } = await loadRdKafka();
  const settings = {
    'bootstrap.servers': given.brokers,
    'group.id': `floor-${randomUUID()}`,
    'enable.auto.commit': true,
    'fetch.queue.backoff.ms': 10,
  };
  const consumer = new KafkaConsumer(settings, { 'auto.offset.reset': 'earliest' });
  await new Promise<void>((resolve, reject) => {
    consumer.connect({ allTopics: false, timeout: 10_000 }, (error) => (error ? reject(error) : resolve()));
  });
  consumer.setDefaultConsumeTimeout(10);
  consumer.subscribe([given.topic]);
  let [read, bytes, fields, started] = [0, 0, 0, 0];
  while (read < given.count) {
    const messages = await new Promise<Message[]>((resolve, reject) => {
      consumer.consume(BATCH, (error, found) => (error ? reject(error) : resolve(found)));
    });
    if (messages.length > 0) started ||= performance.now();
    for (const { value } of messages) {
      const record = JSON.parse((value as Buffer).toString()) as object;
      fields += Object.keys(record).length; // so that nothing is skipped
      bytes += value?.length ?? 0;
    }
    read += messages.length;
  }
  const seconds = (performance.now() - started) / 1000;
  if (fields < given.count) throw new Error(`${fields} fields in ${given.count} messages`);
  return { seconds, bytes };
}
