import { TOPIC_NAME } from '../connections/kafka.js';
import type { KafkaConnection } from '../connections/kafkaConnection.js';
import { headersOf } from '../connections/kafkaHeaders.js';
import type { KafkaProducer, Outgoing } from '../connections/kafkaProducer.js';
import type { KafkaTransactions } from '../connections/kafkaTransactions.js';
import { backOff } from '../contract/backOff.js';
import { defineSink, type Sink } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item, Lines } from '../contract/item.js';
import { type Static, Type } from '../contract/schema.js';
import type { Tags } from '../contract/tags.js';

const bounded = (value: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: value, minimum, maximum, description });

const Options = Type.Object(
  {
    on: Type.String({ connection: 'kafka', description: 'The cluster, under `connections:`.' }),
    topic: Type.String({ pattern: TOPIC_NAME, description: 'Where messages go; it must be there.' }),
    key: Type.Union([Type.Literal('iccid'), Type.Literal('requestId'), Type.Literal('code'), Type.Literal('none')], {
      default: 'iccid',
      description: 'What chooses the partition: messages alike in it keep their order. Without it, any partition.',
    }),
    concurrency: bounded(1_024, 1, 100_000, 'Items under way at once.'),
    deliveryTimeoutMs: bounded(120_000, 1_000, 3_600_000, 'For one attempt, from the queue to the last replica.'),
    lingerMs: bounded(5, 0, 10_000, 'How long messages wait for others to go with them.'),
    compression: Type.Union([Type.Literal('none'), Type.Literal('gzip'), Type.Literal('snappy'), Type.Literal('lz4')], {
      default: 'lz4',
      description: 'Of batches of messages.',
    }),
    queueMessagesMax: bounded(100_000, 1, 10_000_000, 'Messages in the client; more wait.'),
    queueBytesMax: bounded(67_108_864, 1_024, 1_073_741_824, 'Bytes in the client; more wait.'),
    messageBytesMax: bounded(1_000_000, 1_000, 100_000_000, 'A larger message fails for good.'),
    retry: Type.Object(
      {
        attemptsMax: bounded(10, 1, 1_000_000, 'Attempts for one message; after the last the pipeline starts anew.'),
        delayMsMin: bounded(200, 1, 60_000, 'First bound of the delay, which doubles.'),
        delayMsMax: bounded(30_000, 1, 3_600_000, 'Last bound of the delay.'),
      },
      { additionalProperties: false, default: {}, description: 'How a message is sent again that was not delivered.' },
    ),
    transactions: Type.Optional(
      Type.Object(
        {
          everyMs: bounded(
            1_000,
            1,
            60_000,
            'What comes within it is one transaction, of at most `concurrency` items. node-rdkafka 3.6 keeps 138 bytes of memory for each partition in each transaction until the process ends: at 1,000 that is 12 MB a day for each partition that is always busy.',
          ),
          timeoutMs: bounded(
            10_000,
            1_000,
            900_000,
            'For each step of a transaction. After a crash readers and the next owner of the partitions wait so long for what was left open, until the brokers take it back; they allow at most `transaction.max.timeout.ms`.',
          ),
        },
        {
          additionalProperties: false,
          description:
            'Exactly once from topic to topic: records are committed together with the offsets of the messages that they were made of. For a source `kafka` on the same connection, and without operators that store something.',
        },
      ),
    ),
  },
  { additionalProperties: false },
);
type Options = Omit<Static<typeof Options>, 'transactions'>;

export const spec = defineSink({
  name: 'kafka',
  summary: 'Produces each record to a Kafka topic; it has arrived when the brokers have it.',
  description: [
    'An idempotent producer: within an attempt nothing is doubled or swapped, and every in-sync replica has a message before it counts as arrived. A message whose attempt ran out is sent again, and may then be in the topic twice. What is known about an item (RequestID, Code, OperType, ICCID, PlatformID) goes along as headers. What operators want stored with an item is stored once it has been delivered.',
    'With `transactions` whoever reads with `isolation.level=read_committed`, as our own source does, finds each record once, whatever is killed, frozen or handed over. A transaction takes a message with all that came of it, and only once all before it in its partition are done; the generation of the group fences a process whose partitions went to another. Where a transaction fails, the pipeline starts anew from what is committed. Dead letters and a replay that are sent through the pipeline have no offsets: they go as without `transactions`.',
  ].join('\n\n'),
  takes: ['bytes'],
  options: Options,
  examples: [
    { title: 'For the daemons that archive', yaml: 'on: bus\ntopic: accepted' },
    { title: 'Vehicles by their maker', yaml: 'on: bus\ntopic: vehicles\nkey: code\nlingerMs: 50' },
    { title: 'Exactly once, from a source `kafka` on `bus`', yaml: 'on: bus\ntopic: checked\ntransactions: {}' },
  ],
  async create(options, context) {
    const connection = context.connection<KafkaConnection>(options.on);
    const { transactions, ...plain } = options;
    // what stands in for the source commits nothing
    if (transactions && !context.run) {
      const { KafkaTransactions } = await import('../connections/kafkaTransactions.js');
      const made = new KafkaTransactions(connection, context.pipeline, { ...plain, transactions });
      return new TransactionalSink(plain, made);
    }
    const { KafkaProducer } = await import('../connections/kafkaProducer.js');
    return new KafkaSink(plain, context, new KafkaProducer(connection, plain));
  },
});

/** Records of one block that are under way at once. */
const BLOCK_RECORDS_MAX = 1_000;

class KafkaSink implements Sink {
  readonly concurrency: number;
  readonly #options: Options;
  readonly #context: Context;
  readonly #producer: KafkaProducer;
  readonly #stop = new AbortController();
  #attempts = 0;

  constructor(options: Options, context: Context, producer: KafkaProducer) {
    this.#options = options;
    this.#context = context;
    this.concurrency = options.concurrency;
    this.#producer = producer;
  }

  get steps(): number {
    return this.#attempts;
  }

  async write({ value: lines, tags, effects }: Item): Promise<void> {
    const common = commonOf(this.#options, tags);
    let sending: Promise<void>[] = [];
    try {
      for await (const value of (lines as Lines).read(0, (lines as Lines).count)) {
        sending.push(this.#deliver({ ...common, value }));
        if (sending.length < BLOCK_RECORDS_MAX) continue;
        await allOf(sending);
        sending = [];
      }
      await allOf(sending);
    } finally {
      await Promise.allSettled(sending); // reading may fail while some are on their way
    }
    if (effects.length > 0) await this.#context.store.commit(effects);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#producer.close();
  }

  async #deliver(message: Outgoing): Promise<void> {
    const { retry } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      this.#attempts += 1;
      try {
        return await this.#producer.send(message);
      } catch (thrown) {
        const error = IovError.from(thrown, `topic ${message.topic}`);
        if (!error.retryable || error.code === 'STOPPED' || attempt >= retry.attemptsMax) throw error;
        await backOff(attempt, retry, this.#stop.signal);
      }
    }
  }
}

/** Holds items back until a transaction takes them. */
class TransactionalSink implements Sink {
  /** The source's bounds hold: an item that is late may be what all the others wait for. */
  readonly concurrency = Number.POSITIVE_INFINITY;
  readonly #options: Options;
  readonly #transactions: KafkaTransactions;

  constructor(options: Options, transactions: KafkaTransactions) {
    this.#options = options;
    this.#transactions = transactions;
  }

  get steps(): number {
    return this.#transactions.steps;
  }

  async write({ value: lines, tags, effects, receipt }: Item): Promise<void> {
    if (effects.length > 0 || !receipt.canHold) {
      const got = effects.length > 0 ? 'one with something to store' : 'one that knows no transactions';
      throw new IovError('CONFIG_INVALID', `\`transactions\`: expected an item of a source kafka, got ${got}`);
    }
    const common = commonOf(this.#options, tags);
    const messages: Outgoing[] = [];
    for await (const value of (lines as Lines).read(0, (lines as Lines).count)) messages.push({ ...common, value });
    await this.#transactions.write(messages, receipt);
  }

  close(): Promise<void> {
    return this.#transactions.close();
  }
}

/** What the records of an item have in common as messages. */
function commonOf({ topic, key }: Options, tags: Tags): Omit<Outgoing, 'value'> {
  return { topic, key: key === 'none' ? null : (tags[key] ?? null), headers: headersOf(tags) };
}

/** Waits for all, so that none is left behind that fails unheard. */
async function allOf(sending: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(sending)).find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
}
