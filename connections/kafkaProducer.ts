import { randomUUID } from 'node:crypto';
import { backOff } from '../contract/backOff.js';
import { IovError } from '../contract/error.js';
import type { KafkaConnection } from './kafkaConnection.js';
import { kafkaError } from './kafkaFailures.js';
import {
  asked,
  eventError,
  type Mark,
  RD,
  type RdConsumer,
  type RdDone,
  type RdError,
  type RdProducer,
  type RdSettings,
} from './rdkafka.js';

export interface ProducerOptions {
  deliveryTimeoutMs: number;
  lingerMs: number;
  compression: 'none' | 'gzip' | 'snappy' | 'lz4';
  queueMessagesMax: number;
  queueBytesMax: number;
  messageBytesMax: number;
  /** Whatever is sent belongs to a transaction. */
  transactions?: { timeoutMs: number };
}

export interface Outgoing {
  topic: string;
  key: string | null;
  value: Uint8Array;
  headers: readonly Readonly<Record<string, string>>[];
}

type Settle = (error?: IovError) => void;

/** How often delivery reports are looked for while some are due, and how often anything is heard while none are. */
const DUE_MS = 2;
const IDLE_MS = 500;
/** A topic that the brokers do not know is waited for so long before its messages fail: it may just have been created. */
const TOPIC_MS = 5_000;

/** An idempotent producer: what it has been given is in the topic once, in order, when it says so. */
export class KafkaProducer {
  readonly #connection: KafkaConnection;
  readonly #options: ProducerOptions;
  readonly #leaving = new AbortController();
  readonly #due = new Map<number, Settle>();
  #reached: Promise<RdProducer> | undefined;
  #polling: NodeJS.Timeout | undefined;
  #count = 0;
  /** Those who wait for room in the queue, in order; a delivery lets one of them try. */
  #waiting: (() => void)[] = [];
  /** The last thing that was asked about a transaction. */
  #asking: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(connection: KafkaConnection, options: ProducerOptions) {
    this.#connection = connection;
    this.#options = options;
    connection.joined(this);
  }

  /**
   * Resolves when every replica that must has the message; waits where the queue is full.
   * @throws IovError KAFKA_UNREACHABLE, KAFKA_REFUSED, MESSAGE_TOO_LARGE, STOPPED
   */
  async send(message: Outgoing): Promise<void> {
    if (this.#waiting.length > 0) await this.#turn();
    for (;;) {
      this.#reached ??= this.#begin();
      const client = await this.#reached;
      if (this.#leaving.signal.aborted) throw stopped();
      try {
        return this.#produce(client, message); // what it settles with is told already, and has let another try
      } catch (thrown) {
        if ((thrown as Partial<RdError>).code === RD.queueFull) await this.#turn(true);
        else {
          this.#waiting.shift()?.(); // this message has not used its turn
          throw kafkaError(thrown, `topic ${message.topic}`);
        }
      }
    }
  }

  /** @throws as `send`; then there is no transaction */
  async begin(): Promise<void> {
    await this.#ask((client, done) => client.beginTransaction(done));
  }

  /**
   * What was sent since `begin` is in its topics, and the offsets are the group's.
   * @throws IovError where it is not, or nobody knows
   */
  async commit(marks: readonly Mark[], consumer: RdConsumer): Promise<void> {
    await this.#ask((client, done, ms) => client.sendOffsetsToTransaction(marks, consumer, ms, done));
    await this.#ask((client, done, ms) => client.commitTransaction(ms, done));
  }

  /** What was sent since `begin` will be read by nobody. */
  async abort(): Promise<void> {
    await this.#ask((client, done, ms) => client.abortTransaction(ms, done));
  }

  /** What has not been delivered by now fails. Idempotent; within its deadline. */
  close(): Promise<void> {
    this.#closed ??= this.#leave().finally(() => this.#connection.left(this));
    return this.#closed;
  }

  async #leave(): Promise<void> {
    this.#leaving.abort();
    clearInterval(this.#polling);
    this.#failAll(stopped());
    const client = await this.#reached?.catch(() => undefined);
    if (client) await this.#disconnect(client);
  }

  async #disconnect(client: RdProducer): Promise<void> {
    await this.#asking;
    await this.#connection.disconnect(client);
  }

  async #ask(ask: (client: RdProducer, done: RdDone<void>, timeoutMs: number) => void): Promise<void> {
    this.#reached ??= this.#begin();
    const client = await this.#reached;
    if (this.#leaving.signal.aborted) throw stopped();
    await this.#answer((done, timeoutMs) => ask(client, done, timeoutMs));
  }

  #answer(ask: (done: RdDone<void>, timeoutMs: number) => void): Promise<void> {
    const answer = asked<void>((done) => ask(done, this.#options.transactions?.timeoutMs ?? 0));
    this.#asking = answer.catch(() => undefined);
    return answer;
  }

  async #begin(): Promise<RdProducer> {
    const client = await this.#connection.reach(() => this.#make(), poll, this.#leaving.signal, this);
    this.#poll(client, IDLE_MS);
    if (this.#options.transactions) await this.#initialise(client);
    return client;
  }

  /** Their coordinator may still be on its way up. */
  async #initialise(client: RdProducer): Promise<void> {
    const { retryDelayMsMin, retryDelayMsMax } = this.#connection.options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#answer((done, timeoutMs) => client.initTransactions(timeoutMs, done));
      } catch (thrown) {
        if (!(thrown as RdError).isRetriable || this.#leaving.signal.aborted) {
          this.#reached = undefined;
          void this.#disconnect(client);
          throw kafkaError(thrown, 'transactions');
        }
        this.#connection.trouble(kafkaError(thrown, 'transactions'), this);
        const bounds = { delayMsMin: retryDelayMsMin, delayMsMax: retryDelayMsMax };
        await backOff(attempt, bounds, this.#leaving.signal);
      }
    }
  }

  #poll(client: RdProducer, everyMs: number): void {
    clearInterval(this.#polling);
    if (!this.#leaving.signal.aborted) this.#polling = setInterval(() => poll(client), everyMs);
  }

  #make(): RdProducer {
    const { deliveryTimeoutMs, lingerMs, compression, queueMessagesMax, queueBytesMax, messageBytesMax, transactions } =
      this.#options;
    const settings = {
      ...this.#connection.settings,
      'enable.idempotence': true,
      'message.timeout.ms': deliveryTimeoutMs,
      ...(transactions && this.#transactional(transactions.timeoutMs)),
      'linger.ms': lingerMs,
      'compression.codec': compression,
      'queue.buffering.max.messages': queueMessagesMax,
      // a message that is larger than the whole queue would wait for room without end
      'queue.buffering.max.kbytes': Math.ceil(Math.max(queueBytesMax, messageBytesMax) / 1024),
      'message.max.bytes': messageBytesMax,
      'topic.metadata.propagation.max.ms': TOPIC_MS,
      dr_cb: true,
    };
    const client = new this.#connection.lib.Producer(settings, { partitioner: 'murmur2_random' }); // as Java clients do
    client.on('delivery-report', (error, { opaque }) => this.#delivered(client, opaque, error));
    client.on('event.error', (event) => {
      const error = eventError(event);
      if (error?.code === RD.fatal) this.#replace(client, error);
    });
    return client;
  }

  /**
   * The name is new each time: a predecessor's partitions are fenced by the generation of the consumer group (KIP-447), and what
   * it left open ends by its timeout.
   */
  #transactional(timeoutMs: number): RdSettings {
    return {
      'transactional.id': randomUUID(),
      'transaction.timeout.ms': timeoutMs,
      // librdkafka takes no longer ones than the transaction's
      'message.timeout.ms': Math.min(this.#options.deliveryTimeoutMs, timeoutMs),
      'socket.timeout.ms': Math.min(this.#connection.options.requestTimeoutMs, timeoutMs),
    };
  }

  #produce(client: RdProducer, { topic, key, value, headers }: Outgoing): Promise<void> {
    this.#count += 1;
    const number = this.#count;
    client.produce(topic, null, value, key, null, number, headers);
    if (this.#due.size === 0) this.#poll(client, DUE_MS);
    return new Promise((resolve, reject) => {
      this.#due.set(number, (error) => (error ? reject(error) : resolve()));
    });
  }

  #delivered(client: RdProducer, number: number, error: RdError | null): void {
    const settle = this.#due.get(number);
    this.#due.delete(number);
    if (error) {
      const failure = kafkaError(error, 'delivering');
      if (failure.retryable) this.#connection.trouble(failure, this);
      settle?.(failure);
    } else {
      this.#connection.well(this);
      settle?.();
    }
    if (this.#due.size === 0) this.#poll(client, IDLE_MS);
    this.#waiting.shift()?.();
  }

  /** After a fatal error a producer does nothing more. */
  #replace(client: RdProducer, error: RdError): void {
    this.#reached = undefined;
    this.#failAll(kafkaError(error, 'the producer has to begin anew'));
    void this.#disconnect(client);
  }

  #failAll(error: IovError): void {
    for (const settle of this.#due.values()) settle(error);
    this.#due.clear();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Until a message has left the queue. What has had its turn, and found it full again, is the first in line. */
  async #turn(isFirst = false): Promise<void> {
    if (this.#due.size === 0) return new Promise((resolve) => void setImmediate(resolve)); // the room is about to be freed
    await new Promise<void>((resolve) => {
      if (isFirst) this.#waiting.unshift(resolve);
      else this.#waiting.push(resolve);
    });
  }
}

function poll(client: RdProducer): void {
  try {
    client.poll();
  } catch {
    // not connected yet, or not any more: whoever waits for a report is told by `close`
  }
}

function stopped(): IovError {
  return new IovError('STOPPED', 'stopped before Kafka had taken the message');
}
