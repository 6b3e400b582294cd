import { setTimeout as pause } from 'node:timers/promises';
import { IovError } from '../contract/error.js';

/** Settings in librdkafka's words (its CONFIGURATION.md). */
export type RdSettings = Readonly<Record<string, string | number | boolean | ((...words: never[]) => void)>>;

export interface RdError extends Error {
  code: number;
  isFatal?: boolean;
  /** Of what was asked about a transaction: it may be asked again. */
  isRetriable?: boolean;
}

export interface Place {
  topic: string;
  partition: number;
}

export const keyOf = ({ topic, partition }: Place) => `${topic}/${partition}`;

export interface Mark extends Place {
  /** Of the next message to be read. */
  offset: number;
}

type Headers = readonly Readonly<Record<string, Uint8Array | string>>[];

export interface Message extends Place {
  offset: number;
  value: Uint8Array | null;
  /** Of the value. */
  size: number;
  key?: Uint8Array | null;
  headers?: Headers;
  /** Ms since 1970, of the broker or of the producer as the topic says; -1 where there is none. */
  timestamp?: number;
}

export interface RdMetadata {
  topics: readonly { name: string; partitions: readonly { id: number }[] }[];
}

export interface RdWatermarks {
  lowOffset: number;
  highOffset: number;
}

export type RdDone<Result> = (error: RdError | null | undefined, result: Result) => void;

/** The part of the package that is used here. */
export interface RdClient {
  connect(options: { allTopics: boolean; timeout: number }, done: (error: RdError | undefined) => void): void;
  /** It has been reached and not been left since, whatever its brokers do. */
  isConnected(): boolean;
  getMetadata(options: { topic?: string; allTopics?: boolean; timeout: number }, done: RdDone<RdMetadata>): void;
  /** Its error bears no code, only its text ({@link eventError}). */
  on(event: 'event.error', listener: (error: Error) => void): this;
  /** A producer sends first what it still has, for five seconds at most. */
  disconnect(done?: () => void): void;
}

export interface RdConsumer extends RdClient {
  setDefaultConsumeTimeout(ms: number): void;
  subscribe(topics: readonly string[]): void;
  consume(count: number, done: (error: RdError | null, messages: Message[]) => void): void;
  /** From the offset that a place bears, where it bears one. */
  assign(places: readonly (Place | Mark)[]): void;
  unassign(): void;
  commit(marks: readonly Mark[]): void;
  pause(places: readonly Place[]): void;
  queryWatermarkOffsets(topic: string, partition: number, timeoutMs: number, done: RdDone<RdWatermarks>): void;
  /** What a group has committed; undefined where nothing. */
  committed(places: readonly Place[], timeoutMs: number, done: RdDone<readonly (Place & { offset?: number })[]>): void;
  /** @param times marks whose offset is a time; those that come back have the offset of the first message from then on, or -1 */
  offsetsForTimes(times: readonly Mark[], timeoutMs: number, done: RdDone<readonly Mark[]>): void;
  /** Everything of a partition has been read, where its end was asked for (`enable.partition.eof`). */
  on(event: 'partition.eof', listener: (end: Mark) => void): this;
  on(event: 'event.error', listener: (error: Error) => void): this;
  on(event: 'offset.commit', listener: (error: RdError | undefined, marks: readonly Mark[]) => void): this;
}

export interface RdProducer extends RdClient {
  produce(
    topic: string,
    partition: null,
    value: Uint8Array,
    key: string | null,
    timestamp: null,
    opaque: number,
    headers: Headers,
  ): void;
  poll(): void;
  on(event: 'event.error', listener: (error: Error) => void): this;
  on(event: 'delivery-report', listener: (error: RdError | null, report: { opaque: number }) => void): this;
  initTransactions(timeoutMs: number, done: RdDone<void>): void;
  beginTransaction(done: RdDone<void>): void;
  /** Looks into the consumer while it lasts without a lock: neither may be disconnected before it is done. */
  sendOffsetsToTransaction(marks: readonly Mark[], consumer: RdConsumer, timeoutMs: number, done: RdDone<void>): void;
  commitTransaction(timeoutMs: number, done: RdDone<void>): void;
  abortTransaction(timeoutMs: number, done: RdDone<void>): void;
  disconnect(done?: () => void): void;
  disconnect(flushMs: number, done: () => void): void;
}

export interface RdKafka {
  KafkaConsumer: new (settings: RdSettings, topicSettings: RdSettings) => RdConsumer;
  Producer: new (settings: RdSettings, topicSettings: RdSettings) => RdProducer;
}

/** Error codes of librdkafka (rdkafka.h), and of Kafka's protocol above 0. */
export const RD = {
  assignPartitions: -175,
  revokePartitions: -174,
  queueFull: -184,
  fatal: -150,
  offsetGone: -140,
  allBrokersDown: -187,
  authentication: -169,
  tls: -181,
  messageTooLarge: 10,
  recordInvalid: 87,
} as const;

/** Events come as librdkafka's text for a code, in lower case, without its origin (node-rdkafka's lib/error.js). */
const EVENTS: ReadonlyMap<string, number> = new Map([
  ['all broker connections are down', RD.allBrokersDown],
  ['authentication failure', RD.authentication],
  ['sasl authentication failed', RD.authentication],
  ['ssl error', RD.tls],
  ['fatal error', RD.fatal],
]);

/** The error of an event with its code, where it is one that says something of the whole client. */
export function eventError(error: Error): RdError | undefined {
  const code = EVENTS.get(error.message);
  return code === undefined ? undefined : Object.assign(error, { code });
}

/** The answer to a question, which has its own deadline. */
export function asked<Result>(ask: (done: RdDone<Result>) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    ask((error, result) => (error ? reject(error) : resolve(result)));
  });
}

/** Errors of brokers that have just come up, or hand a partition or a group to one another. */
const PASSING: ReadonlySet<number> = new Set([
  5, // a partition has no leader yet
  6, // nor one here any more
  14, // what a group has committed is still being read
  15, // a group has no coordinator yet
  16, // nor one here any more
]);
const PASSING_MS = 100;

/** The answer to a question that may be asked again, for `ms` at most, until brokers have settled who answers it. */
export async function askedUntil<Result>(
  ms: number,
  ask: (done: RdDone<Result>, leftMs: number) => void,
): Promise<Result> {
  const endsAt = performance.now() + ms;
  for (;;) {
    const leftMs = Math.max(1, Math.ceil(endsAt - performance.now()));
    try {
      return await asked<Result>((done) => ask(done, leftMs));
    } catch (thrown) {
      if (!PASSING.has((thrown as RdError).code) || leftMs <= PASSING_MS) throw thrown;
    }
    await pause(PASSING_MS);
  }
}

/** What a client's group has committed, by topic and partition ({@link keyOf}); nothing of those where that is nothing. */
export async function askCommitted(
  client: RdConsumer,
  places: readonly Place[],
  timeoutMs: number,
): Promise<ReadonlyMap<string, number>> {
  const bare = places.map(({ topic, partition }) => ({ topic, partition }));
  const marks = await askedUntil<readonly (Place & { offset?: number })[]>(timeoutMs, (done, ms) =>
    client.committed(bare, ms, done),
  );
  return new Map(marks.flatMap((mark) => ((mark.offset ?? -1) < 0 ? [] : [[keyOf(mark), mark.offset ?? 0]])));
}

/** Lets a client tell its events while it connects. No messages come of it: it has no partitions yet. */
export function serve(client: RdConsumer): void {
  try {
    client.consume(1, () => undefined);
  } catch {
    // not begun yet
  }
}

/** Its name is kept from the compiler, which must do without the package where that could not be built. */
const PACKAGE: string = 'node-rdkafka';

/**
 * The home of the package node-rdkafka, which is optional: it is compiled when it is installed, for one version of Node.
 * @throws IovError COMPONENT_UNAVAILABLE where it is not there, or was built for another Node
 */
export async function loadRdKafka(): Promise<RdKafka> {
  try {
    const loaded = (await import(PACKAGE)) as { default: RdKafka };
    return loaded.default;
  } catch (cause) {
    const why = (cause instanceof Error ? cause.message : String(cause)).split('\n', 1)[0] ?? '';
    const remedy =
      'install a C++ compiler, make, python3 and the headers of OpenSSL and zlib, then `npm install node-rdkafka` (or `npm rebuild node-rdkafka` after a change of Node)';
    throw new IovError('COMPONENT_UNAVAILABLE', `Kafka needs the package node-rdkafka: ${remedy}; ${why}`, { cause });
  }
}
