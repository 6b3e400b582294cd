import { setImmediate as turn } from 'node:timers/promises';
import { IovError } from '../contract/error.js';
import type { Held, Receipt } from '../contract/receipt.js';
import type { Batch, Committed, Committer } from './committer.js';
import type { KafkaConnection } from './kafkaConnection.js';
import { kafkaError } from './kafkaFailures.js';
import { KafkaProducer, type Outgoing, type ProducerOptions } from './kafkaProducer.js';

export interface TransactionOptions extends ProducerOptions {
  transactions: { everyMs: number; timeoutMs: number };
  /** Writes of one transaction. */
  concurrency: number;
}

/** The messages of one item. */
interface Write extends Held {
  readonly messages: readonly Outgoing[];
  isOver: boolean;
  failed(error: IovError): void;
}

/**
 * Writes of a pipeline whose source and sink are Kafka, each transaction with the offsets of what it was made of. Nothing is
 * produced before all that came of a message is here, and all messages before it in its partition are done or here: what is
 * read again has then not been written. The consumer commits nothing by itself; a commit beside a transaction under way would
 * take the place of the transaction's offsets, which count from when they were sent.
 */
export class KafkaTransactions implements Committer {
  readonly #connection: KafkaConnection;
  readonly #pipeline: string;
  readonly #options: TransactionOptions;
  readonly #producer: KafkaProducer;
  readonly #waiting = new Map<Held, Write>();
  #consumer: Committed | undefined;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  /** Once writes have failed the pipeline begins anew, with other transactions. */
  #failure: IovError | undefined;
  #steps = 0;

  constructor(connection: KafkaConnection, pipeline: string, options: TransactionOptions) {
    this.#connection = connection;
    this.#pipeline = pipeline;
    this.#options = options;
    this.#producer = new KafkaProducer(connection, options);
    connection.committers.set(pipeline, this);
  }

  /** Rises with each attempt of a transaction. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * Resolves when the transaction with these messages has been committed.
   * @throws IovError as a producer, MESSAGE_TOO_LARGE for this write alone
   */
  write(messages: readonly Outgoing[], receipt: Receipt): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      const over = (settle: () => void) => {
        write.isOver = true;
        this.#waiting.delete(write);
        settle();
      };
      const write: Write = {
        messages,
        isOver: false,
        arrived: () => over(resolve),
        failed: (error) => over(() => reject(error)),
      };
      this.#waiting.set(write, write);
      receipt.hold([write]);
    });
  }

  follow(consumer: Committed): void {
    this.#consumer = consumer;
  }

  soon(): void {
    if (this.#waiting.size < this.#options.concurrency) this.#later();
    else this.#begin();
  }

  async commit(): Promise<void> {
    await this.#round;
    this.#begin();
    await this.#round;
  }

  async idle(): Promise<void> {
    await this.#round;
  }

  /** What has not been committed fails. Idempotent. */
  async close(): Promise<void> {
    if (this.#connection.committers.get(this.#pipeline) === this) this.#connection.committers.delete(this.#pipeline);
    this.#failure ??= new IovError('STOPPED', 'stopped before Kafka had taken the message');
    await this.#round;
    this.#fail(this.#failure);
    await this.#producer.close();
    this.#connection.left(this);
  }

  #later(): void {
    if (!this.#failure) this.#timer ??= setTimeout(() => this.#begin(), this.#options.transactions.everyMs);
  }

  /** One at a time; what comes meanwhile is the next one's. */
  #begin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#round || this.#failure) return;
    this.#round = this.#once().then((isDone) => {
      this.#round = undefined;
      if (this.#waiting.size === 0) return;
      if (isDone) this.soon();
      else this.#later(); // all that waits does so for others
    });
  }

  /** @returns whether there was anything to commit */
  async #once(): Promise<boolean> {
    const batch = this.#consumer?.batch(this.#options.concurrency);
    if (!batch) return false;
    this.#steps += 1;
    try {
      await this.#transaction(batch);
    } catch (thrown) {
      await this.#producer.abort().catch(() => undefined); // what is left open ends by its timeout
      const error = kafkaError(thrown, `a transaction of ${this.#pipeline}`);
      if (batch.writes.length > 0) this.#fail(error);
      else this.#connection.trouble(error, this); // the next one takes these offsets along
    }
    await turn(); // receipts have settled
    return true;
  }

  async #transaction(batch: Batch): Promise<void> {
    const writes = batch.writes.flatMap((held) => this.#waiting.get(held) ?? []);
    await this.#producer.begin();
    const { sent, refused, failures } = await this.#produce(writes);
    if (refused.size === 0 && failures.length === 0 && batch.isOurs()) {
      await this.#producer.commit(batch.marks, batch.client);
      this.#connection.well(this);
      batch.committed();
      for (const write of writes) write.arrived();
      return;
    }
    await this.#producer.abort();
    await sent; // what still waited has been given up
    // the others come again, once these are dead letters
    for (const [write, error] of refused) write.failed(error);
    if (refused.size === 0 && failures[0]) throw failures[0];
  }

  /** Resolves when all is delivered, or the first cannot be: librdkafka would not send the others before it is told to give up. */
  async #produce(writes: readonly Write[]) {
    const refused = new Map<Write, IovError>();
    const failures: IovError[] = [];
    let giveUp: (() => void) | undefined;
    const givenUp = new Promise<void>((resolve) => {
      giveUp = resolve;
    });
    const send = async (write: Write, message: Outgoing) => {
      try {
        await this.#producer.send(message);
      } catch (thrown) {
        const error = IovError.from(thrown, `topic ${message.topic}`);
        if (error.retryable) failures.push(error);
        else refused.set(write, error);
        giveUp?.();
      }
    };
    const sent = Promise.all(writes.flatMap((write) => write.messages.map((message) => send(write, message))));
    await Promise.race([sent, givenUp]);
    return { sent, refused, failures };
  }

  #fail(error: IovError): void {
    this.#failure ??= error;
    clearTimeout(this.#timer);
    for (const write of [...this.#waiting.values()]) write.failed(error);
  }
}
