import { setTimeout as pause } from 'node:timers/promises';
import type { Clock, Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { KafkaConnection } from './kafkaConnection.js';
import { kafkaError } from './kafkaFailures.js';
import type { Span } from './kafkaRange.js';
import type { Place, RdConsumer, RdDone } from './rdkafka.js';

/** A consumer group that brings topics into the archive. */
export interface Feeding {
  topics: readonly string[];
  group: string;
  /** How far the clocks of machines and brokers may differ. */
  clockSkewMs: number;
}

const LOOK_MS = 500;
/** One answer of the cluster may take so long. */
const ASK_MS = 10_000;
const TOLD_EVERY = 60;
const PREFETCH_BYTES = 1_024;

/**
 * Waits until a group has committed everything that its topics took before a time: the archive has all of it then. The topics
 * bear the broker’s time (`message.timestamp.type=LogAppendTime`), so that nothing of before comes once that time is past.
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
    client = await kafka.reach(
      () => groupClient(kafka, feeding.group),
      () => undefined,
      signal,
    );
    for (let looks = 1; ; looks += 1) {
      for (const [key, { place, to }] of open) if (await isCommitted(client, place, to)) open.delete(key);
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
    client?.disconnect();
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
    const range = kafka.range({ topic, prefetchBytesMax: PREFETCH_BYTES });
    try {
      await range.open(signal);
      const spans: Span[] = await range.spans('earliest', { timeMs });
      for (const { partition, from, to } of spans)
        if (from < to) open.set(`${topic}/${partition}`, { place: { topic, partition }, to });
    } finally {
      await range.close();
    }
  }
  return open;
}

/** Asks for a group’s offsets and is no member of it. */
function groupClient(kafka: KafkaConnection, group: string): RdConsumer {
  const settings = { ...kafka.settings, 'group.id': group, 'enable.auto.commit': false };
  return new kafka.lib.KafkaConsumer(settings, {});
}

function isCommitted(client: RdConsumer, place: Place, to: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const done: RdDone<readonly { offset?: number }[]> = (error, [mark] = []) =>
      error ? reject(error) : resolve((mark?.offset ?? 0) >= to);
    client.committed([place], ASK_MS, done);
  });
}
