import t, { type Test } from 'tap';
import { untilBehind } from '../../connections/kafkaBehind.js';
import { KafkaConsumer } from '../../connections/kafkaConsumer.js';
import { type Bound, KafkaRange } from '../../connections/kafkaRange.js';
import { systemClock } from '../../engine/clock.js';
import { ArchivedTopic } from '../../engine/replayTopic.js';
import { keptLog } from '../support/bareContext.js';
import { type Kafka, kafkaConnection, kafkaTests } from '../support/kafka.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

// What ends a transaction, and what one has taken back, has offsets under which nothing is ever delivered.
const MS = 60_000;
const { test } = await kafkaTests(t);
t.setTimeout(400_000);

const values = (count: number, partition: number) => Array.from({ length: count }, () => ({ value: '{}', partition }));

/** Partition 0 ends in a marker (offset 3), 1 in what was taken back (2 to 4), 2 has nothing else (0 to 2), 3 is empty. */
async function markedTopic({ brokers, topic, transaction }: Kafka): Promise<string> {
  const name = await topic(4);
  const bus = await kafkaConnection(brokers);
  const range = new KafkaRange(bus, { topic: name, prefetchBytesMax: 1_024 });
  await range.open(new AbortController().signal);
  // a transaction is over when its coordinator says so; the markers come a moment later
  const ending = (ends: readonly number[]) =>
    until(
      `it ends at ${ends}`,
      async () => String((await range.spans('earliest', 'latest')).map(({ to }) => to)) === String(ends),
      { ms: MS },
    );
  await (await transaction(name, [...values(3, 0), ...values(1, 1)])).end('commit');
  await ending([4, 2, 0, 0]);
  await (await transaction(name, [...values(2, 1), ...values(2, 2)])).end('abort');
  await ending(ENDS);
  await bus.close();
  return name;
}
const ENDS = [4, 5, 3, 0];
const DELIVERED = ['0/0', '0/1', '0/2', '1/0'];

/** A member of the topic’s group that settles what it takes, until the test is over. */
async function member(t: Test, { brokers }: Kafka, topic: string): Promise<string[]> {
  const bus = await kafkaConnection(brokers);
  const bounds = { sessionTimeoutMs: 30_000, pollIntervalMsMax: 300_000, handOverMs: 100, prefetchBytesMax: 65_536 };
  const given = { group: `g-${topic}`, topics: [topic], from: 'earliest', commitMs: 50, ...bounds } as const;
  const consumer = new KafkaConsumer(bus, given);
  await consumer.join(new AbortController().signal);
  const offsets: string[] = [];
  let turn = Promise.resolve();
  const take = async () => {
    for (const taken of await consumer.poll(100)) {
      offsets.push(`${taken.message.partition}/${taken.message.offset}`);
      consumer.settle(taken);
    }
  };
  const reading = setInterval(() => {
    turn = turn.then(take);
  }, 20);
  t.teardown(async () => {
    clearInterval(reading);
    await turn;
    await bus.close();
  });
  return offsets;
}

/** A window that ends now, and waits for the topic’s group. */
async function windowOf(t: Test, { brokers }: Kafka, topic: string) {
  const bus = await kafkaConnection(brokers);
  const [log, stop] = [keptLog(), new AbortController()];
  const feeding = { topics: [topic], group: `g-${topic}`, clockSkewMs: 0 };
  const done = untilBehind(bus, feeding, Date.now() + 1, { clock: systemClock, log }, stop.signal);
  done.catch(() => undefined);
  t.teardown(() => {
    stop.abort();
    return bus.close();
  });
  return { log, done: within(MS, 'a window that waits for the group goes on', done) };
}

/** What a replay of a stretch of the topic reads, beside the topic’s group or by itself. */
async function replayed({ brokers }: Kafka, topic: string, [from, to]: readonly [Bound, Bound], beside = false) {
  const bus = await kafkaConnection(brokers);
  const group = { group: `g-${topic}`, from: 'earliest' } as const;
  const reading = { as: 'record', authenticated: false, messageBytesMax: 1_000, positions: true } as const;
  const archived = new ArchivedTopic(bus, { topic, from, to, ...(beside && { beside: group }) }, reading);
  const never = new AbortController().signal;
  try {
    const parts = await archived.open(never);
    const read = async () => {
      const offsets: string[] = [];
      for await (const entries of archived.read(parts, never))
        offsets.push(...entries.map(({ part, at }) => `${part}/${at}`));
      return offsets.sort();
    };
    const offsets = await within(MS, 'a replay ends', read());
    return { offsets, awaited: parts.reduce((sum, { awaited = 0 }) => sum + awaited, 0) };
  } finally {
    await archived.close();
    await bus.close();
  }
}

test('a group reads what was committed alone, and commits beyond what is given to nobody', async (t, broker) => {
  const name = await markedTopic(broker);
  const taken = await member(t, broker, name);
  await (await windowOf(t, broker, name)).done;
  t.same([...taken].sort(), DELIVERED);
  const ends = async () => (await broker.committed(`g-${name}`, name, 4)).map((mark) => Math.max(0, mark));
  t.same(await ends(), ENDS);
  t.same(await replayed(broker, name, ['earliest', 'latest'], true), { offsets: DELIVERED, awaited: 0 });
  await broker.produce(name, values(1, 2));
  await until('what comes later', () => taken.includes('2/3'), { ms: MS });
  await until('it is committed', async () => (await ends())[2] === 4, { ms: MS });
});

test('a window waits for a transaction that was open at its end', async (t, broker) => {
  const name = await broker.topic(1);
  await broker.produce(name, values(1, 0));
  const open = await broker.transaction(name, values(2, 0));
  t.teardown(() => open.end('abort'));
  const taken = await member(t, broker, name);
  await until('what is before it', () => taken.length === 1, { ms: MS });
  const { log, done } = await windowOf(t, broker, name);
  await until('it waits', () => log.lines.length > 0, { ms: MS });
  await open.end('commit');
  await done;
  t.same(taken, ['0/0', '0/1', '0/2']);
});

test('a replay ends wherever its bounds lie', async (t, broker) => {
  const name = await markedTopic(broker);
  const open = await broker.transaction(name, values(2, 1)); // 5 and 6 of partition 1: not there yet
  t.teardown(() => open.end('abort'));
  const within = (from: number, to: number) => {
    const isIn = (place: string) => Number(place.slice(2)) >= from && Number(place.slice(2)) < to;
    return { offsets: DELIVERED.filter(isIn), awaited: 0 };
  };
  const read = (from: Bound, to: Bound) => replayed(broker, name, [from, to]);
  t.same(await read('earliest', 'latest'), within(0, 9));
  for (const [from, to] of [
    [0, 4],
    [2, 3],
    [1, 9],
    [3, 5],
    [4, 4],
  ] as const)
    t.same(await read({ offset: from }, { offset: to }), within(from, to), `${from} to ${to}`);
  t.same(await read({ timeMs: 0 }, { timeMs: Date.now() }), within(0, 9), 'by time');
  await open.end('abort');
  t.same(await read('earliest', 'latest'), within(0, 9), 'what was taken back');
});
