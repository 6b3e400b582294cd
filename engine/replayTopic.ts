import { committedBy } from '../connections/kafkaBehind.js';
import type { KafkaConnection } from '../connections/kafkaConnection.js';
import { originOf, type Reading, readMessage, tagsOf } from '../connections/kafkaMessage.js';
import { type Bound, KafkaRange, type Span } from '../connections/kafkaRange.js';
import type { Message } from '../connections/rdkafka.js';
import { IovError } from '../contract/error.js';
import type { Tags } from '../contract/tags.js';
import type { Archived, Entry, Part } from './replay.js';

export interface TopicRange {
  topic: string;
  from: Bound;
  to: Bound;
  /** All of them where absent. */
  partitions?: readonly number[];
  /** The group that brings this topic in, where a record must not be brought in beside it. */
  beside?: { group: string; from: 'earliest' | 'latest' };
}

const POLL_MESSAGES_MAX = 500;
const PREFETCH_BYTES_MAX = 16_777_216;
/** Until the next look where nothing had come: doubles up to the last. */
const QUIET_MS_MIN = 1;
const QUIET_MS_MAX = 50;

/** A stretch of a topic, read from a consumer of its own, so that no group is disturbed. */
export class ArchivedTopic implements Archived {
  readonly key: string;
  readonly #connection: KafkaConnection;
  readonly #wanted: TopicRange;
  readonly #reading: Reading;
  readonly #range: KafkaRange;
  readonly #silenceMs: number;

  constructor(connection: KafkaConnection, wanted: TopicRange, reading: Reading) {
    const { topic, from, to, partitions } = wanted;
    this.key = `replay ${topic} ${JSON.stringify([from, to, partitions ?? 'all'])}`;
    this.#connection = connection;
    this.#wanted = wanted;
    this.#reading = reading;
    this.#silenceMs = connection.options.requestTimeoutMs;
    this.#range = new KafkaRange(connection, { topic, prefetchBytesMax: PREFETCH_BYTES_MAX });
  }

  async open(signal: AbortSignal): Promise<Part[]> {
    const { from, to, partitions } = this.#wanted;
    await this.#range.open(signal);
    const spans = await this.#range.spans(from, to, partitions);
    const brought = await this.#brought(spans, signal);
    return spans.map(({ partition, from, to }, index) => {
      const end = Math.max(from, Math.min(to, brought[index] ?? to));
      return { name: String(partition), from, to: end, ...(end < to && { awaited: to - end }) };
    });
  }

  /**
   * Where in each partition the daemon goes on: what comes from there on it brings in itself. Brought in before it, a record
   * would count as accepted twice, now and when the broker took it, and stand in two windows.
   */
  async #brought(spans: readonly Span[], signal: AbortSignal): Promise<(number | undefined)[]> {
    const { topic, beside } = this.#wanted;
    if (!beside) return [];
    const partitions = spans.map(({ partition }) => partition);
    const committed = await committedBy(this.#connection, beside.group, { topic, partitions }, signal);
    return committed.map((offset) => (offset === undefined && beside.from === 'earliest' ? 0 : offset));
  }

  async *read(parts: readonly Part[], signal: AbortSignal): AsyncGenerator<readonly Entry[]> {
    this.#range.begin(parts.map(({ name, from, to = from }) => ({ partition: Number(name), from, to })));
    let heardAt = performance.now();
    let quietMs = QUIET_MS_MIN;
    while (!this.#range.ended && !signal.aborted) {
      const messages = await this.#range.poll(POLL_MESSAGES_MAX);
      if (messages.length > 0) {
        yield messages.map((message) => this.#entry(message));
        heardAt = performance.now();
        quietMs = QUIET_MS_MIN;
        continue;
      }
      if (performance.now() - heardAt > this.#silenceMs) throw this.#silent();
      await new Promise((resolve) => setTimeout(resolve, quietMs));
      quietMs = Math.min(2 * quietMs, QUIET_MS_MAX);
    }
  }

  close(): Promise<void> {
    return this.#range.close();
  }

  #entry(message: Message): Entry {
    const { partition, offset, size, value } = message;
    const isKept = value && value.length <= this.#reading.messageBytesMax;
    return {
      part: String(partition),
      at: offset,
      origin: originOf(message),
      bytes: size,
      raw: isKept ? value : undefined,
      tags: () => accepted(tagsOf(message, this.#reading)),
      open: () => {
        const read = readMessage(message, this.#reading);
        return { ...read, tags: accepted(read.tags) };
      },
    };
  }

  #silent(): IovError {
    const { topic } = this.#wanted;
    const nothing = `expected messages within ${this.#silenceMs} ms, got none`;
    return new IovError('KAFKA_UNREACHABLE', `topic ${topic}: ${nothing}; called again, the replay goes on here`);
  }
}

/** What is new to the archive is accepted now: the windows of the time when the broker took it have been delivered. */
function accepted({ acceptedAt: _acceptedAt, ...tags }: Tags): Tags {
  return tags;
}
