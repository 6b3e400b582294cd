import fc from 'fast-check';
import t from 'tap';
import { type Bound, KafkaRange } from '../../connections/kafkaRange.js';
import type { Message } from '../../connections/rdkafka.js';
import { freePort } from '../../demo/site.js';
import { kafkaConnection, startKafka } from '../support/kafka.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
const PARTITIONS = 3;
const FIRST_MS = Date.UTC(2026, 10, 1);
/** Times of messages lie among so many milliseconds, and so do bounds: many are equal. */
const SPREAD_MS = 40;

const kafka = await startKafka();
if (kafka) t.teardown(() => kafka.stop());
t.setTimeout(300_000);
const skip = kafka ? false : 'no Kafka (java, mvn, node-rdkafka)';
const never = new AbortController().signal;

async function readRange(
  brokers: string,
  topic: string,
  from: Bound,
  to: Bound,
  partitions?: number[],
): Promise<string[]> {
  const bus = await kafkaConnection(brokers);
  const range = new KafkaRange(bus, { topic, prefetchBytesMax: 1_048_576 });
  try {
    await range.open(never);
    range.begin(await range.spans(from, to, partitions));
    const read: string[] = [];
    const endsAt = performance.now() + 60_000;
    while (!range.ended) {
      for (const { partition, offset } of await range.poll(100)) read.push(`${partition}/${offset}`);
      if (performance.now() > endsAt) throw new Error(`still reading after ${read.length} messages`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return read.sort();
  } finally {
    await range.close();
    await bus.close();
  }
}

/** The first offset in a partition that is not before a bound, found by looking at every message. */
function scanned(messages: readonly Message[], bound: Bound): number {
  const end = (messages.at(-1)?.offset ?? -1) + 1;
  if (bound === 'earliest') return 0;
  if (bound === 'latest') return end;
  const isReached = ({ offset, timestamp = -1 }: Message) =>
    'offset' in bound ? offset >= bound.offset : timestamp >= bound.timeMs;
  return messages.find(isReached)?.offset ?? end;
}

t.test('a range has exactly the messages that a plain scan finds between its bounds', { skip }, async (t) => {
  if (!kafka) return;
  const topic = await kafka.topic(PARTITIONS);
  // in no order of time, as producers' clocks have it
  const random = fc.sample(fc.tuple(fc.nat(PARTITIONS - 1), fc.nat(SPREAD_MS)), { seed: SEED, numRuns: 400 });
  await kafka.produce(
    topic,
    random.map(([partition, ms]) => ({ value: '{}', partition, timestamp: FIRST_MS + ms })),
  );
  const all = await kafka.contents(topic, PARTITIONS);
  t.equal(all.length, 400);
  const bound = fc.oneof(
    fc.constantFrom<Bound>('earliest', 'latest'),
    fc.integer({ min: 0, max: 160 }).map((offset): Bound => ({ offset })),
    fc.integer({ min: -2, max: SPREAD_MS + 2 }).map((ms): Bound => ({ timeMs: FIRST_MS + ms })),
  );
  const wanted = fc.option(fc.uniqueArray(fc.nat(PARTITIONS - 1), { minLength: 1 }), { nil: undefined });
  const property = fc.asyncProperty(bound, bound, wanted, async (from, to, partitions) => {
    const expected = all.filter((message) => {
      if (partitions && !partitions.includes(message.partition)) return false;
      const of = all.filter(({ partition }) => partition === message.partition);
      return message.offset >= scanned(of, from) && message.offset < scanned(of, to);
    });
    const read = await readRange(kafka.brokers, topic, from, to, partitions);
    const names = expected.map(({ partition, offset }) => `${partition}/${offset}`).sort();
    if (JSON.stringify(read) !== JSON.stringify(names))
      throw new Error(`read ${read.length}, expected ${names.length}`);
  });
  await fc.assert(property, { seed: SEED, numRuns: 40 });
  t.comment(`seed ${SEED}`);
});

t.test('a topic or partition that is not there is refused', { skip }, async (t) => {
  if (!kafka) return;
  const topic = await kafka.topic(2);
  await t.rejects(readRange(kafka.brokers, topic, 'earliest', 'latest', [5]), {
    code: 'KAFKA_REFUSED',
    message: /partition 5/,
  });
  await t.rejects(readRange(kafka.brokers, 'nowhere', 'earliest', 'latest'), {
    code: 'KAFKA_REFUSED',
    message: /nowhere/,
  });
  t.same(await readRange(kafka.brokers, topic, 'earliest', 'latest'), [], 'an empty one is at its end');
});

t.test('brokers that are away are told within the deadline', { skip }, async (t) => {
  const bus = await kafkaConnection(`127.0.0.1:${await freePort()}`, {
    requestTimeoutMs: 1_500,
    connectTimeoutMs: 500,
    retryDelayMsMax: 100,
  });
  const range = new KafkaRange(bus, { topic: 'any', prefetchBytesMax: 1_048_576 });
  const begun = performance.now();
  await t.rejects(range.open(never), { code: 'KAFKA_UNREACHABLE', message: /1500 ms/ });
  t.ok(performance.now() - begun < 15_000);
  await range.close();
  await bus.close();
});
