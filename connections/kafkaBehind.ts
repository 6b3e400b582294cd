import { setTimeout as pause } from 'node:timers/promises';
import type { Clock, Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { timeLimit } from '../contract/timeLimit.js';
import type { KafkaConnection } from './kafkaConnection.js';
import { kafkaError } from './kafkaFailures.js';
import { KafkaRange, type Span } from './kafkaRange.js';
import { askCommitted, keyOf, type Place, type RdConsumer } from './rdkafka.js';

/** A consumer group that brings topics into the archive. */
export interface Feeding {
  topics: readonly string[];
  group: string;
  /** How far the clocks of machines and brokers may differ. */
  clockSkewMs: number;
}

const LOOK_MS = 500;
const TOLD_EVERY = 60;
const PREFETCH_BYTES = 1_024;

/**
 * Waits until a group has committed everything that its topics took before a time: the archive has all of it then. The topics
 * bear the broker’s time (`message.timestamp.type=LogAppendTime`), so that nothing of before comes once that time is past. What
 * a transaction took is of before, too, also where it is still open.
 * @throws IovError STOPPED, KAFKA_REFUSED where a topic is not there
 */
export async function untilBehind(
  kafka: KafkaConnection,
  feeding: Feeding,
  timeMs: number,
  { clock, log }: { clock: Clock; log: Log },
  signal: AbortSignal,
): Promise<void> {
  const stopped = () => new IovError('STOPPED', `stopped while waiting for the group ${feeding.group}`);
  await clock.until(timeMs + feeding.clockSkewMs, signal).catch((cause: unknown) => {
    throw signal.aborted ? stopped() : cause;
  });
  let client: RdConsumer | undefined;
  try {
    const open = await spansBefore(kafka, feeding.topics, timeMs, signal);
    if (open.size === 0) return;
    client = await kafka.reach(
      () => groupClient(kafka, feeding.group),
      () => undefined,
      signal,
    );
    for (let looks = 1; ; looks += 1) {
      const places = [...open.values()].map(({ place }) => place);
      const committed = await askCommitted(client, places, kafka.options.requestTimeoutMs);
      for (const [key, { to }] of open) if ((committed.get(key) ?? 0) >= to) open.delete(key);
      if (open.size === 0) return;
      if (looks % TOLD_EVERY === 1)
        log.info(
          { group: feeding.group, partitions: open.size },
          'waiting for a group to bring in the rest of a window',
        );
      await pause(LOOK_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw stopped();
    }
  } catch (thrown) {
    throw signal.aborted ? stopped() : kafkaError(thrown, `group ${feeding.group}`);
  } finally {
    if (client) await kafka.disconnect(client);
  }
}

type Open = Map<string, { place: Place; to: number }>;

/** In each partition that has something from before that time: the offset that comes after it. */
async function spansBefore(
  kafka: KafkaConnection,
  topics: readonly string[],
  timeMs: number,
  signal: AbortSignal,
): Promise<Open> {
  const open: Open = new Map();
  for (const topic of topics) {
    const range = new KafkaRange(kafka, { topic, prefetchBytesMax: PREFETCH_BYTES, countsOpen: true });
    try {
      await range.open(signal);
      const spans: Span[] = await range.spans('earliest', { timeMs });
      for (const { partition, from, to } of spans) {
        const place = { topic, partition };
        if (from < to) open.set(keyOf(place), { place, to });
      }
    } finally {
      await range.close();
    }
  }
  return open;
}

/**
 * What a group has committed in these partitions of a topic, asked for once; undefined where it has committed nothing.
 * @throws IovError KAFKA_UNREACHABLE, KAFKA_REFUSED, STOPPED
 */
export async function committedBy(
  kafka: KafkaConnection,
  group: string,
  { topic, partitions }: { topic: string; partitions: readonly number[] },
  signal: AbortSignal,
): Promise<(number | undefined)[]> {
  const late = timeLimit(kafka.options.requestTimeoutMs, signal);
  let client: RdConsumer | undefined;
  try {
    client = await kafka.reach(
      () => groupClient(kafka, group),
      () => undefined,
      late,
    );
    const places = partitions.map((partition) => ({ topic, partition }));
    const committed = await askCommitted(client, places, kafka.options.requestTimeoutMs);
    return places.map((place) => committed.get(keyOf(place)));
  } catch (thrown) {
    if (signal.aborted || !late.aborted) throw kafkaError(thrown, `group ${group}`);
    const nothing = `expected an answer within ${kafka.options.requestTimeoutMs} ms, got none`;
    throw new IovError('KAFKA_UNREACHABLE', `group ${group}: ${nothing}`, { cause: thrown });
  } finally {
    if (client) await kafka.disconnect(client);
  }
}

/** Asks for a group’s offsets and is no member of it. */
function groupClient(kafka: KafkaConnection, group: string): RdConsumer {
  const settings = { ...kafka.settings, 'group.id': group, 'enable.auto.commit': false };
  return new kafka.lib.KafkaConsumer(settings, {});
}
