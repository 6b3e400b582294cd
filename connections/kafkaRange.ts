import { randomUUID } from 'node:crypto';
import { IovError } from '../contract/error.js';
import { timeLimit } from '../contract/timeLimit.js';
import type { KafkaConnection } from './kafkaConnection.js';
import { kafkaError } from './kafkaFailures.js';
import {
  askedUntil,
  type Mark,
  type Message,
  RD,
  type RdConsumer,
  type RdDone,
  type RdError,
  type RdWatermarks,
  serve,
} from './rdkafka.js';

export interface RangeOptions {
  topic: string;
  prefetchBytesMax: number;
  /** Whether bounds count what stands in transactions that are not over, and is given to nobody yet. */
  countsOpen?: boolean;
}

/** An end of a range, in each partition: the first message that is not before it. */
export type Bound = { offset: number } | { timeMs: number } | 'earliest' | 'latest';

/** Offsets `from` (included) to `to` (excluded) of a partition. */
export interface Span {
  partition: number;
  from: number;
  to: number;
}

const EARLIEST = 0;

/**
 * A stretch of a topic, read once from one end to the other: a consumer that is assigned its partitions, and so no member of any
 * group. Bounds are fixed before it begins.
 */
export class KafkaRange {
  readonly #connection: KafkaConnection;
  readonly #options: RangeOptions;
  readonly #leaving = new AbortController();
  /** Of the partitions that have not been read to their end. */
  readonly #left = new Map<number, Span>();
  #client: RdConsumer | undefined;
  #polling: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(connection: KafkaConnection, options: RangeOptions) {
    this.#connection = connection;
    this.#options = options;
    connection.joined(this);
  }

  /**
   * Reaches the cluster, within its deadline (`requestTimeoutMs`).
   * @throws IovError KAFKA_UNREACHABLE, KAFKA_REFUSED, STOPPED
   */
  async open(signal: AbortSignal): Promise<void> {
    const { requestTimeoutMs, brokers } = this.#connection.options;
    const late = timeLimit(requestTimeoutMs, signal, this.#leaving.signal);
    try {
      this.#client = await this.#connection.reach(() => this.#make(), serve, late, this);
    } catch (thrown) {
      if (signal.aborted || this.#leaving.signal.aborted || !late.aborted) throw thrown;
      const nobody = `expected an answer of ${brokers.join(', ')} within ${requestTimeoutMs} ms, got none`;
      throw new IovError('KAFKA_UNREACHABLE', `topic ${this.#options.topic}: ${nobody}`, { cause: thrown });
    }
    const ended = ({ partition, offset }: Mark) => {
      if (offset >= (this.#left.get(partition)?.to ?? EARLIEST)) this.#left.delete(partition);
    };
    this.#client.on('partition.eof', ended);
  }

  /**
   * Where the bounds lie now, in each partition or in those that are wanted.
   * @throws IovError KAFKA_REFUSED where there is no such topic or partition; KAFKA_UNREACHABLE
   */
  async spans(from: Bound, to: Bound, wanted?: readonly number[]): Promise<Span[]> {
    const there = await this.#partitions();
    const missing = wanted?.find((partition) => !there.includes(partition));
    const { topic } = this.#options;
    if (missing !== undefined)
      throw new IovError(
        'KAFKA_REFUSED',
        `topic ${topic}: expected partition ${missing}, got ${there.length} partitions`,
      );
    const partitions = wanted ?? there;
    const ends: RdWatermarks[] = [];
    // one after another: each answer holds up one of libuv's four threads
    for (const partition of partitions) {
      const watermarks = this.#ask((client, ms, done: RdDone<RdWatermarks>) =>
        client.queryWatermarkOffsets(topic, partition, ms, done),
      );
      ends.push(await watermarks);
    }
    const [begin, end] = [await this.#offsets(from, partitions), await this.#offsets(to, partitions)];
    return partitions.map((partition, index) => {
      const { lowOffset: low, highOffset: high } = ends[index] ?? { lowOffset: 0, highOffset: 0 };
      const within = (offset: number) => Math.min(Math.max(offset, low), high);
      const first = within(begin(partition));
      return { partition, from: first, to: Math.max(first, within(end(partition))) };
    });
  }

  /** Reads these from here on. */
  begin(spans: readonly Span[]): void {
    const { topic } = this.#options;
    const open = spans.filter(({ from, to }) => from < to);
    for (const span of open) this.#left.set(span.partition, span);
    this.#client?.assign(open.map(({ partition, from }) => ({ topic, partition, offset: from })));
  }

  /** Everything has been read. */
  get ended(): boolean {
    return this.#left.size === 0;
  }

  /**
   * What has come by now, at most `max` messages.
   * @throws IovError KAFKA_REFUSED where what is left of the range is not there any more
   */
  async poll(max: number): Promise<Message[]> {
    const client = this.#client;
    if (!client || this.#closed) return [];
    // a partition may be told to have ended before its last messages are handed out
    const wanted = new Map(this.#left);
    const polled = new Promise<Message[]>((resolve, reject) => {
      client.consume(max, (error, messages) => (error ? reject(error) : resolve(messages)));
    });
    this.#polling = polled.catch(() => undefined);
    try {
      const messages = (await polled).filter(
        ({ partition, offset }) => offset < (wanted.get(partition)?.to ?? EARLIEST),
      );
      if (messages.length > 0) this.#connection.well(this);
      for (const { partition, offset } of await polled) this.#passed(partition, offset);
      return messages;
    } catch (thrown) {
      const { topic } = this.#options;
      if ((thrown as RdError).code === RD.offsetGone || (thrown as RdError).code === RD.fatal)
        throw new IovError(
          'KAFKA_REFUSED',
          `topic ${topic}: messages of the range are not there any more: ${String(thrown)}`,
        );
      this.#connection.trouble(kafkaError(thrown, `topic ${topic}`), this);
      return [];
    }
  }

  /** Idempotent; within its deadline. */
  close(): Promise<void> {
    this.#closed ??= this.#leave().finally(() => this.#connection.left(this));
    return this.#closed;
  }

  #passed(partition: number, offset: number): void {
    const span = this.#left.get(partition);
    if (!span || offset < span.to - 1) return;
    this.#left.delete(partition);
    this.#client?.pause([{ topic: this.#options.topic, partition }]); // what is fetched ahead is dropped
  }

  async #leave(): Promise<void> {
    this.#leaving.abort();
    await this.#polling;
    if (this.#client) await this.#connection.disconnect(this.#client);
  }

  #make(): RdConsumer {
    const { prefetchBytesMax, countsOpen } = this.#options;
    const settings = {
      ...this.#connection.settings,
      'group.id': `iovpipe-replay-${randomUUID()}`, // librdkafka wants a name; nobody joins it, nothing is committed
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'enable.partition.eof': true, // it may end in what is given to nobody
      ...(countsOpen && { 'isolation.level': 'read_uncommitted' }),
      'queued.max.messages.kbytes': Math.ceil(prefetchBytesMax / 1024),
      'fetch.queue.backoff.ms': 10,
    };
    const client = new this.#connection.lib.KafkaConsumer(settings, { 'auto.offset.reset': 'error' });
    client.setDefaultConsumeTimeout(0); // none of libuv's threads may wait here
    return client;
  }

  async #partitions(): Promise<number[]> {
    const { topic } = this.#options;
    const { topics } = await this.#ask((client, timeout, done: Parameters<RdConsumer['getMetadata']>[1]) =>
      client.getMetadata({ topic, timeout }, done),
    );
    const ids = topics.find(({ name }) => name === topic)?.partitions.map(({ id }) => id) ?? [];
    if (ids.length === 0)
      throw new IovError('KAFKA_REFUSED', `topic ${topic}: expected a topic, got none of that name`);
    return ids.sort((a, b) => a - b);
  }

  /** The offset of a bound by partition; beyond the end where nothing comes after it. */
  async #offsets(bound: Bound, partitions: readonly number[]): Promise<(partition: number) => number> {
    if (bound === 'earliest') return () => EARLIEST;
    if (bound === 'latest') return () => Number.POSITIVE_INFINITY;
    if ('offset' in bound) return () => bound.offset;
    const { topic } = this.#options;
    const times = partitions.map((partition) => ({ topic, partition, offset: bound.timeMs }));
    const marks = await this.#ask((client, ms, done: RdDone<readonly Mark[]>) =>
      client.offsetsForTimes(times, ms, done),
    );
    const found = new Map(marks.map(({ partition, offset }) => [partition, offset]));
    return (partition) => {
      const offset = found.get(partition) ?? -1;
      return offset < 0 ? Number.POSITIVE_INFINITY : offset;
    };
  }

  async #ask<Result>(ask: (client: RdConsumer, ms: number, done: RdDone<Result>) => void): Promise<Result> {
    const client = this.#client;
    if (!client) throw new IovError('INTERNAL', 'a range that is not open');
    const ms = this.#connection.options.requestTimeoutMs;
    try {
      return await askedUntil<Result>(ms, (done, leftMs) => ask(client, leftMs, done));
    } catch (thrown) {
      throw kafkaError(thrown, `topic ${this.#options.topic}`);
    }
  }
}
