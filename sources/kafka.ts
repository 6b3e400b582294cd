import { TOPIC_NAME } from '../connections/kafka.js';
import type { KafkaConnection } from '../connections/kafkaConnection.js';
import type { KafkaConsumer, Taken } from '../connections/kafkaConsumer.js';
import { tracedBy } from '../connections/kafkaHeaders.js';
import { originOf, type Reading, readMessage, tagsOf } from '../connections/kafkaMessage.js';
import { defineSource, type Source } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { type Held, Receipt } from '../contract/receipt.js';
import { type Static, Type } from '../contract/schema.js';
import { withoutPlace } from '../contract/tags.js';

const bounded = (value: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: value, minimum, maximum, description });

const Options = Type.Object(
  {
    on: Type.String({ connection: 'kafka', description: 'The cluster, under `connections:`.' }),
    topics: Type.Array(Type.String({ pattern: TOPIC_NAME }), {
      minItems: 1,
      maxItems: 100,
      description: 'What is read.',
      examples: [['registrations']],
    }),
    group: Type.String({
      pattern: TOPIC_NAME,
      description:
        'The consumer group: processes of one group share the partitions, and its offsets are kept by Kafka.',
      examples: ['iovpipe-accounts'],
    }),
    from: Type.Union([Type.Literal('earliest'), Type.Literal('latest')], {
      default: 'earliest',
      description: 'Where a group begins that Kafka has no offsets of.',
    }),
    as: Type.Union([Type.Literal('record'), Type.Literal('message'), Type.Literal('bytes')], {
      default: 'record',
      description:
        'What a value is: a plain record (table 8, 11, 12), a message (table 7, 10), or `bytes`: a record that our own `order` has made before a `kafka` sink, which is passed on as it is, its tags in the headers.',
    }),
    authenticated: Type.Boolean({
      default: false,
      description:
        'Nobody but our own daemons writes these topics: the header PlatformID counts as authenticated, so that a RequestID that comes again is known again.',
    }),
    messageBytesMax: bounded(1_048_576, 1, 104_857_600, 'A larger value is a dead letter.'),
    inFlightMax: bounded(10_000, 1, 1_000_000, 'Messages taken and not yet settled; beyond it nothing is asked for.'),
    inFlightBytesMax: bounded(
      67_108_864,
      1,
      1_073_741_824,
      'Bytes of values taken and not yet settled, reckoned ahead by the sizes seen lately; one message is always let through.',
    ),
    prefetchBytesMax: bounded(16_777_216, 1_024, 1_073_741_824, 'Bytes that the client fetches ahead.'),
    pollMs: bounded(20, 1, 10_000, 'How often is looked for messages at least, while there are none.'),
    commitMs: bounded(1_000, 1, 60_000, 'How often the offsets of what has settled are committed.'),
    handOverMs: bounded(
      5_000,
      0,
      300_000,
      'How long what is under way may take to settle when partitions go to another process; what has not is read by that one again.',
    ),
    sessionTimeoutMs: bounded(
      45_000,
      1_000,
      1_800_000,
      'A process that has not been heard of for so long has left the group.',
    ),
    pollIntervalMsMax: bounded(
      300_000,
      1_000,
      86_400_000,
      'A process that has not asked for messages for so long (its sink stands still) gives its partitions up.',
    ),
  },
  { additionalProperties: false },
);
type Options = Static<typeof Options>;

export const spec = defineSource({
  name: 'kafka',
  summary: 'Reads JSON messages from Kafka topics, as a member of a consumer group.',
  description: [
    'At least once: the offset that Kafka keeps is the lowest that has not arrived, so a message that was under way when the process was killed, or when its partition went elsewhere, is read again. Archive and join know it again and store nothing twice: by the RequestID of its platform where that is authenticated, else by its place, `topic NAME` and `PARTITION/OFFSET`.',
    'A value that is no JSON object in UTF-8, or is too large, goes to the dead letters as `topic/partition/offset`, and so does an item that fails for good. One that may succeed later stops the run, which begins again at it. The tags come from the value (RequestID, Code, OperType, ICCID), else from headers of the same names.',
    'An archive in ClickHouse knows the records of a topic by their position, and takes the broker’s timestamp for the time of acceptance: let the topic have `message.timestamp.type=LogAppendTime`, one topic a pipeline, and no other pipeline write records of the same kind from another topic.',
  ].join('\n\n'),
  gives: 'record',
  givesFor: ({ as }) => as,
  failuresGoTo: 'deadLetters',
  lasts: 'run',
  options: Options,
  examples: [
    { title: 'Card data from the CRM', yaml: 'on: bus\ntopics: [cards]\ngroup: iovpipe-cards' },
    {
      title: 'Registrations from a car maker’s own topic',
      yaml: 'on: bus\ntopics: [registrations]\ngroup: iovpipe-accounts\nas: message',
    },
    {
      title: 'What our intake daemons have accepted',
      yaml: 'on: bus\ntopics: [accepted]\ngroup: iovpipe-archive\nas: bytes\nauthenticated: true',
    },
  ],
  async create(options, context) {
    const { KafkaConsumer } = await import('../connections/kafkaConsumer.js');
    const connection = context.connection<KafkaConnection>(options.on);
    const committer = connection.committers.get(context.pipeline);
    return new KafkaSource(options, context, new KafkaConsumer(connection, options, committer));
  },
});

/** One poll brings at most so many, so that the event loop has its turn in between. */
const POLL_MESSAGES_MAX = 500;

class KafkaSource implements Source {
  readonly #options: Options;
  readonly #context: Context;
  readonly #consumer: KafkaConsumer;
  readonly #reading: Reading;
  readonly #refusing = new Set<Promise<void>>();
  /** Taken and not pulled yet; they count as in flight. */
  #ready: Taken[] = [];
  #inFlight = 0;
  #inFlightBytes = 0;
  /** Of the values seen lately the largest: how many may fit is reckoned by it. */
  #sizeExpected = Number.POSITIVE_INFINITY;
  /** Until the next look where nothing had come: doubles up to `pollMs`. */
  #quietMs = 1;
  #failure: IovError | undefined;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(options: Options, context: Context, consumer: KafkaConsumer) {
    this.#options = options;
    this.#context = context;
    this.#reading = { ...options, positions: options.topics.length === 1 };
    this.#consumer = consumer;
  }

  async *read(signal: AbortSignal): AsyncGenerator<Item> {
    const stop = () => this.#wake?.();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await this.#consumer.join(signal);
      while (!signal.aborted && !this.#closed) {
        if (this.#failure) throw this.#failure;
        const taken = this.#ready.shift();
        const item = taken && this.#item(taken);
        if (item) yield item;
        if (!taken) await this.#take();
      }
    } catch (thrown) {
      if (!signal.aborted && !this.#closed) throw thrown;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await Promise.all(this.#refusing);
    await this.#consumer.close();
  }

  /** Asks for as many messages as there is room for; rests where there is none, or none have come. */
  async #take(): Promise<void> {
    const room = this.#room();
    if (room < 1) return this.#rest(undefined);
    const taken = await this.#consumer.poll(room);
    let largest = 0;
    for (const { message } of taken) {
      this.#inFlight += 1;
      this.#inFlightBytes += message.size;
      largest = Math.max(largest, message.size);
    }
    this.#ready = taken;
    if (taken.length === 0) {
      await this.#rest(this.#quietMs);
      this.#quietMs = Math.min(this.#options.pollMs, 2 * this.#quietMs);
      return;
    }
    this.#quietMs = 1;
    if (this.#sizeExpected === Number.POSITIVE_INFINITY) this.#sizeExpected = largest;
    else this.#sizeExpected = Math.max(largest, this.#sizeExpected * 0.9);
  }

  #room(): number {
    const { inFlightMax, inFlightBytesMax } = this.#options;
    const least = this.#inFlight === 0 ? 1 : 0;
    const fitting = Math.floor((inFlightBytesMax - this.#inFlightBytes) / Math.max(1, this.#sizeExpected));
    return Math.min(POLL_MESSAGES_MAX, inFlightMax - this.#inFlight, Math.max(least, fitting));
  }

  /** Until something settles or the source ends; for so long at most. */
  async #rest(atMostMs: number | undefined): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      const timer = atMostMs === undefined ? undefined : setTimeout(resolve, atMostMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** Undefined for what goes no further: a partition that is not ours any more, a value that cannot be read. */
  #item(taken: Taken): Item | undefined {
    const { message, partition } = taken;
    if (partition.isLost) {
      this.#settled(taken, undefined);
      return undefined;
    }
    const origin = originOf(message);
    try {
      const settle = (error: IovError | undefined) => this.#settled(taken, error);
      const hold = this.#consumer.canHold ? (writes: readonly Held[]) => this.#consumer.hold(taken, writes) : undefined;
      const receipt = new Receipt(settle, hold);
      return { origin, receipt, effects: [], ...readMessage(message, this.#reading), ...tracedBy(message.headers) };
    } catch (thrown) {
      this.#refuse(taken, IovError.from(thrown, origin));
      return undefined;
    }
  }

  /** A value that is no record: a dead letter, written here since no item comes of it. */
  #refuse(taken: Taken, { code, message: reason }: IovError): void {
    const { pipeline, store, log } = this.#context;
    const origin = originOf(taken.message);
    const tags = withoutPlace(tagsOf(taken.message, this.#reading));
    log.warn({ pipeline, origin, code }, reason);
    const { value } = taken.message;
    const raw = value && value.length <= this.#options.messageBytesMax ? { raw: value } : {};
    const refused = store
      .commit([(transaction) => transaction.addDeadLetter({ pipeline, origin, code, reason, tags, ...raw })])
      .then(
        () => this.#settled(taken, undefined),
        (thrown: unknown) => this.#settled(taken, IovError.from(thrown)),
      )
      .finally(() => this.#refusing.delete(refused));
    this.#refusing.add(refused);
  }

  #settled(taken: Taken, error: IovError | undefined): void {
    this.#inFlight -= 1;
    this.#inFlightBytes -= taken.message.size;
    // what may go well later is not handled: the run stops, and begins again with it
    if (error?.retryable) this.#failure ??= error;
    else this.#consumer.settle(taken);
    this.#wake?.();
  }
}
