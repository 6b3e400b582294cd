import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import type { Test } from 'tap';
import { spec } from '../../connections/kafka.js';
import type { KafkaConnection } from '../../connections/kafkaConnection.js';
import {
  askedUntil,
  loadRdKafka,
  type Message,
  type Place,
  type RdClient,
  type RdConsumer,
  type RdDone,
  type RdKafka,
  type RdMetadata,
  type RdWatermarks,
} from '../../connections/rdkafka.js';
import { freePort } from '../../demo/site.js';
import { keptLog } from './bareContext.js';
import { optionsOf } from './options.js';
import { type Control, ifHere, startService } from './service.js';
import { until } from './until.js';
import { within } from './within.js';

const ASKED_MS = 20_000;
const LOOK_MS = 5;

/** A real broker, and what tests ask of it themselves. */
export interface Kafka {
  brokers: string;
  /** Its listener with TLS and SASL (PLAIN, `iovpipe`, `secret`), where it was started here with a certificate; else empty. */
  secureBrokers: string;
  /** Creates a topic, by default with a name of its own. */
  topic(partitions?: number, name?: string): Promise<string>;
  /** Adds partitions to a topic, so that it has so many. */
  grow(topic: string, partitions: number): Promise<void>;
  /** Produces to a topic, each value to a partition in turn, or as said. */
  produce(topic: string, messages: readonly Produced[]): Promise<void>;
  /** Produces them in a transaction, which stays open until it is told how it ends. */
  transaction(topic: string, messages: readonly Produced[]): Promise<Transaction>;
  /** Everything in a topic now, by partition and offset: what is committed, or also what was taken back or is still open. */
  contents(topic: string, partitions?: number, isolation?: Isolation): Promise<Message[]>;
  /** Counts each message that comes from now on, committed or not. */
  coming(topic: string, partitions?: number): Promise<Coming>;
  /** What a group has committed; -1001 where nothing. */
  committed(group: string, topic: string, partitions?: number): Promise<number[]>;
  /** Of the broker; undefined for one that was offered. */
  control?: Control;
  stop(): Promise<void>;
}

export interface Produced {
  value: string | Uint8Array | null;
  partition?: number;
  key?: string;
  headers?: Record<string, string>;
  /** Ms since 1970; now by default. */
  timestamp?: number;
}

/** Its end is a marker in each partition that it wrote to, which takes an offset and is given to nobody. */
export interface Transaction {
  /** Once; the process waits for it. */
  end(how: 'commit' | 'abort'): Promise<void>;
}

/** Tells `message` for each one. */
export interface Coming extends EventEmitter {
  close(): Promise<void>;
}

type Isolation = 'read_committed' | 'read_uncommitted';

/** Of the package, what only tests use. */
interface Admin {
  createTopic(topic: object, timeoutMs: number, done: RdDone<void>): void;
  createPartitions(topic: string, count: number, timeoutMs: number, done: RdDone<void>): void;
  disconnect(): void;
}
interface TestProducer extends Pick<RdClient, 'connect' | 'disconnect'> {
  produce(
    topic: string,
    partition: number,
    value: Uint8Array | null,
    key: string | null,
    at: number | null,
    opaque: null,
    headers: object[],
  ): void;
  flush(timeoutMs: number, done: RdDone<void>): void;
  initTransactions(timeoutMs: number, done: RdDone<void>): void;
  beginTransaction(done: RdDone<void>): void;
  commitTransaction(timeoutMs: number, done: RdDone<void>): void;
  abortTransaction(timeoutMs: number, done: RdDone<void>): void;
}
interface TestLibrary extends Pick<RdKafka, 'KafkaConsumer'> {
  AdminClient: { create(settings: object): Admin };
  Producer: new (settings: object, topicSettings: object) => TestProducer;
}

/**
 * Starts a broker, or takes the one that IOVPIPE_KAFKA_BROKERS names; every topic has a name of its own.
 * @param certificate for its secure listener: key and certificate, PEM
 * @returns undefined where none is to be had, or node-rdkafka is not built; under CI that is an error
 */
export function startKafka(certificate?: string): Promise<Kafka | undefined> {
  return ifHere(async () => {
    const library = (await loadRdKafka()) as unknown as TestLibrary;
    const offered = process.env.IOVPIPE_KAFKA_BROKERS;
    if (offered) return { ...client(library, offered), secureBrokers: '', stop: async () => undefined };
    return start(library, certificate);
  });
}

/** A broker for a test file, stopped with it, and tests that have it to talk to: without one they are skipped. */
export async function kafkaTests(t: Test, certificate?: string) {
  const kafka = await startKafka(certificate);
  if (kafka) t.teardown(() => kafka.stop());
  const test = (name: string, work: (t: Test, broker: Kafka) => Promise<void>): void => {
    t.test(name, { skip: kafka ? false : 'no Kafka (java, mvn, node-rdkafka)' }, async (t) => {
      if (kafka) await work(t, kafka);
    });
  };
  return { kafka, test };
}

async function start(library: TestLibrary, certificate?: string): Promise<Kafka> {
  const [port, secure, controller] = [await freePort(), await freePort(), await freePort()];
  const { control, stop } = await startService({
    script: 'kafka.sh',
    args: [port, secure, controller],
    files: certificate === undefined ? {} : { 'server.pem': certificate },
    isUp: () => takesConnections(port),
    startedMs: 120_000,
  });
  return { ...client(library, `127.0.0.1:${port}`), secureBrokers: `127.0.0.1:${secure}`, control, stop };
}

async function takesConnections(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isUp = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isUp;
}

type Client = Pick<
  Kafka,
  'brokers' | 'topic' | 'grow' | 'produce' | 'transaction' | 'contents' | 'coming' | 'committed'
>;

function client(library: TestLibrary, brokers: string): Client {
  const settings = { 'bootstrap.servers': brokers, log_level: 0 };
  const places = (topic: string, partitions: number) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  const consuming = <Result>(group: string, work: (consumer: RdConsumer) => Promise<Result>, more: object = {}) => {
    const own = { 'group.id': group, 'enable.auto.commit': false, ...more };
    const consumer = new library.KafkaConsumer({ ...settings, ...own }, {});
    return using(consumer, work);
  };
  /** The controller has made them when it says so; the broker tells of them a moment later. */
  const told = (topic: string, partitions: number) =>
    consuming(`told-${randomUUID()}`, (consumer) =>
      until(`${partitions} partitions of ${topic}`, async () => {
        const given = { topic, timeout: ASKED_MS };
        const answer = asked<RdMetadata>('metadata', (done) => consumer.getMetadata(given, done));
        const { topics } = await answer.catch(() => ({ topics: [] }));
        return topics.find(({ name }) => name === topic)?.partitions.length === partitions;
      }),
    );
  return {
    brokers,
    topic: async (partitions = 1, name = `test-${randomUUID()}`) => {
      const admin = library.AdminClient.create(settings);
      const topic = { topic: name, num_partitions: partitions, replication_factor: 1 };
      await asked('a topic', (done) => admin.createTopic(topic, ASKED_MS, done));
      admin.disconnect();
      await told(name, partitions);
      return name;
    },
    grow: async (topic, partitions) => {
      const admin = library.AdminClient.create(settings);
      await asked('partitions', (done) => admin.createPartitions(topic, partitions, ASKED_MS, done));
      admin.disconnect();
      await told(topic, partitions);
    },
    produce: (topic, messages) =>
      using(new library.Producer(settings, {}), (producer) => produceAll(producer, topic, messages)),
    transaction: async (topic, messages) => {
      const producer = new library.Producer({ ...settings, 'transactional.id': randomUUID() }, {});
      await asked('the broker', (done) => producer.connect({ allTopics: false, timeout: ASKED_MS }, done));
      await asked('transactions', (done) => producer.initTransactions(ASKED_MS, done));
      await asked('a transaction', (done) => producer.beginTransaction(done));
      await produceAll(producer, topic, messages);
      let ended: Promise<void> | undefined;
      const end = async (how: 'commit' | 'abort') => {
        const tell = how === 'commit' ? 'commitTransaction' : 'abortTransaction';
        await asked('its end', (done) => producer[tell](ASKED_MS, done));
        await new Promise<void>((resolve) => producer.disconnect(resolve));
      };
      return {
        end: (how) => {
          ended ??= end(how);
          return ended;
        },
      };
    },
    contents: (topic, partitions = 1, isolation = 'read_committed') => {
      const all = async (consumer: RdConsumer) => {
        consumer.setDefaultConsumeTimeout(20);
        // one that grows has no end, one that ends in a transaction's mark no message there
        const open = new Map<number, number>();
        consumer.on('partition.eof', ({ partition }) => open.delete(partition));
        for (const { partition } of places(topic, partitions)) {
          const { highOffset } = await asked<RdWatermarks>('offsets', (done) =>
            consumer.queryWatermarkOffsets(topic, partition, ASKED_MS, done),
          );
          open.set(partition, highOffset);
        }
        consumer.assign(places(topic, partitions).map((place) => ({ ...place, offset: 0 })));
        const found: Message[] = [];
        while (open.size > 0) {
          for (const message of await asked<Message[]>('messages', (done) => consumer.consume(1_000, done))) {
            found.push(message);
            if (message.offset >= (open.get(message.partition) ?? 0) - 1) open.delete(message.partition);
          }
        }
        found.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
        return found;
      };
      const settings = { 'isolation.level': isolation, 'enable.partition.eof': true, 'fetch.wait.max.ms': 5 };
      return consuming(`contents-${randomUUID()}`, all, settings);
    },
    coming: async (topic, partitions = 1) => {
      const own = {
        'group.id': `coming-${randomUUID()}`,
        'isolation.level': 'read_uncommitted',
        'fetch.wait.max.ms': 5,
      };
      const consumer = new library.KafkaConsumer({ ...settings, ...own }, { 'auto.offset.reset': 'latest' });
      await asked('the broker', (done) => consumer.connect({ allTopics: false, timeout: ASKED_MS }, done));
      consumer.setDefaultConsumeTimeout(0);
      consumer.assign(places(topic, partitions));
      const coming = new EventEmitter();
      const looking = setInterval(() => {
        consumer.consume(1_000, (_error, messages = []) => {
          for (const message of messages) coming.emit('message', message);
        });
      }, LOOK_MS);
      const close = () => {
        clearInterval(looking);
        return new Promise<void>((resolve) => consumer.disconnect(resolve));
      };
      return Object.assign(coming, { close });
    },
    committed: (group, topic, partitions = 1) =>
      consuming(group, async (consumer) => {
        const marks = await asked<readonly (Place & { offset?: number })[]>('committed offsets', (done) =>
          consumer.committed(places(topic, partitions), ASKED_MS, done),
        );
        return marks.map(({ offset = -1001 }) => offset);
      }),
  };
}

async function produceAll(producer: TestProducer, topic: string, messages: readonly Produced[]): Promise<void> {
  for (const [index, { value, partition, key = null, headers = {}, timestamp = null }] of messages.entries()) {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value && Buffer.from(value);
    const pairs = Object.entries(headers).map(([name, text]) => ({ [name]: text }));
    producer.produce(topic, partition ?? -1, bytes, key, timestamp, null, pairs);
    if (index % 10_000 === 9_999) await asked('a flush', (done) => producer.flush(ASKED_MS, done));
  }
  await asked('a flush', (done) => producer.flush(ASKED_MS, done));
}

async function using<Client extends Pick<RdClient, 'connect' | 'disconnect'>, Result>(
  client: Client,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  await asked('the broker', (done) => client.connect({ allTopics: false, timeout: ASKED_MS }, done));
  try {
    return await work(client);
  } finally {
    await new Promise<void>((resolve) => client.disconnect(resolve));
  }
}

function asked<Result = void>(what: string, ask: (done: RdDone<Result>) => void): Promise<Result> {
  const answer = askedUntil<Result>(ASKED_MS, ask);
  return within(ASKED_MS + 10_000, what, answer);
}

/** The connection of a pipeline file, for tests that create a component themselves. */
export async function kafkaConnection(
  brokers: string,
  options: object = {},
  log = keptLog(),
): Promise<KafkaConnection> {
  const context = { log, place: 'connections.bus.kafka' };
  return (await spec.create(optionsOf(spec, { brokers: [brokers], ...options }), context as never)) as KafkaConnection;
}
