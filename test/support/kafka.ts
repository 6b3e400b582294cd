import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { spec } from '../../connections/kafka.js';
import type { KafkaConnection } from '../../connections/kafkaConnection.js';
import { loadRdKafka, type Mark, type Message, type Place } from '../../connections/rdkafka.js';
import { keptLog } from './bareContext.js';
import { freePort } from './freePort.js';
import { optionsOf } from './options.js';
import { within } from './within.js';

const run = promisify(execFile);
const STARTED_MS = 120_000;
const ASKED_MS = 20_000;

/** A real broker, and what tests ask of it themselves. */
export interface Kafka {
  brokers: string;
  /** Its listener with TLS and SASL (PLAIN, `iovpipe`, `secret`), where it was started here with a certificate; else empty. */
  secureBrokers: string;
  /** Creates a topic, by default with a name of its own. */
  topic(partitions?: number, name?: string): Promise<string>;
  /** Produces to a topic, each value to a partition in turn, or as said. */
  produce(topic: string, messages: readonly Produced[]): Promise<void>;
  /** Everything in a topic now, by partition and offset. */
  contents(topic: string, partitions?: number): Promise<Message[]>;
  /** What a group has committed; -1001 where nothing. */
  committed(group: string, topic: string, partitions?: number): Promise<number[]>;
  /** Of the broker; undefined for one that was offered. */
  control?: {
    signal(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void>;
    /** Ends it at once. */
    kill(): Promise<void>;
    /** Starts it again, on the same ports and with the same data. */
    again(): Promise<void>;
  };
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

/** Of the package, what only tests use. */
interface Admin {
  createTopic(topic: object, timeoutMs: number, done: (error?: Error) => void): void;
  disconnect(): void;
}
interface TestConsumer {
  connect(options: object, done: (error?: Error) => void): void;
  committed(
    places: readonly Place[],
    timeoutMs: number,
    done: (error: Error | null, marks: (Place & { offset?: number })[]) => void,
  ): void;
  queryWatermarkOffsets(
    topic: string,
    partition: number,
    timeoutMs: number,
    done: (error: Error | null, marks: { lowOffset: number; highOffset: number }) => void,
  ): void;
  assign(marks: readonly Mark[]): void;
  unassign(): void;
  setDefaultConsumeTimeout(ms: number): void;
  consume(count: number, done: (error: Error | null, messages: Message[]) => void): void;
  disconnect(done: () => void): void;
}
interface TestProducer {
  connect(options: object, done: (error?: Error) => void): void;
  produce(
    topic: string,
    partition: number,
    value: Uint8Array | null,
    key: string | null,
    at: number | null,
    opaque: null,
    headers: object[],
  ): void;
  flush(timeoutMs: number, done: (error?: Error) => void): void;
  poll(): void;
  disconnect(done: () => void): void;
}
interface TestLibrary {
  AdminClient: { create(settings: object): Admin };
  KafkaConsumer: new (settings: object, topicSettings: object) => TestConsumer;
  Producer: new (settings: object, topicSettings: object) => TestProducer;
}

/**
 * Starts a broker, or takes the one that IOVPIPE_KAFKA_BROKERS names; every topic has a name of its own.
 * @param certificate for its secure listener: key and certificate, PEM
 * @returns undefined where none is to be had, or node-rdkafka is not built; under CI that is an error
 */
export async function startKafka(certificate?: string): Promise<Kafka | undefined> {
  try {
    const library = (await loadRdKafka()) as unknown as TestLibrary;
    const offered = process.env.IOVPIPE_KAFKA_BROKERS;
    if (offered) return { ...client(library, offered), secureBrokers: '', stop: async () => undefined };
    return await start(library, certificate);
  } catch (error) {
    if (process.env.CI) throw error;
    return undefined;
  }
}

async function start(library: TestLibrary, certificate?: string): Promise<Kafka> {
  const directory = await mkdtemp(join(tmpdir(), 'iovpipe-kafka-'));
  if (certificate !== undefined) await writeFile(join(directory, 'server.pem'), certificate, { mode: 0o600 });
  const script = await scriptPath();
  const [port, secure, controller] = [await freePort(), await freePort(), await freePort()];
  const signal = async (name: NodeJS.Signals) =>
    void process.kill(Number(await readFile(join(directory, 'kafka.pid'), 'utf8')), name);
  const stop = async () => {
    await run(script, ['stop', directory]);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await run(script, ['start', directory, ...[port, secure, controller].map(String)]);
    await listening(port, directory);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ...client(library, `127.0.0.1:${port}`),
    secureBrokers: `127.0.0.1:${secure}`,
    control: {
      signal,
      kill: () => signal('SIGKILL'),
      again: async () => {
        await run(script, ['again', directory]);
        await listening(port, directory);
      },
    },
    stop,
  };
}

/** The script stands beside the sources; tests run compiled, one folder deeper. */
async function scriptPath(): Promise<string> {
  const path = fileURLToPath(new URL('../../../test/services/kafka.sh', import.meta.url));
  await access(path);
  return path;
}

/** Resolves when the broker takes connections; rejects with its last words where it does not come up. */
async function listening(port: number, directory: string): Promise<void> {
  const endsAt = performance.now() + STARTED_MS;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isUp = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isUp) return;
    const pid = Number(await readFile(join(directory, 'kafka.pid'), 'utf8'));
    if (performance.now() > endsAt || !isAlive(pid)) {
      throw new Error(`Kafka did not start: ${(await readFile(join(directory, 'kafka.log'), 'utf8')).slice(-2_000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

type Client = Pick<Kafka, 'brokers' | 'topic' | 'produce' | 'contents' | 'committed'>;

function client(library: TestLibrary, brokers: string): Client {
  const settings = { 'bootstrap.servers': brokers, log_level: 0 };
  const places = (topic: string, partitions: number) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  const consuming = <Result>(group: string, work: (consumer: TestConsumer) => Promise<Result>) => {
    const consumer = new library.KafkaConsumer({ ...settings, 'group.id': group, 'enable.auto.commit': false }, {});
    return using(consumer, work);
  };
  return {
    brokers,
    topic: async (partitions = 1, name = `test-${randomUUID()}`) => {
      const admin = library.AdminClient.create(settings);
      const topic = { topic: name, num_partitions: partitions, replication_factor: 1 };
      await asked('a topic', (done) => admin.createTopic(topic, ASKED_MS, done));
      admin.disconnect();
      return name;
    },
    produce: (topic, messages) =>
      using(new library.Producer(settings, {}), async (producer) => {
        for (const [index, { value, partition, key = null, headers = {}, timestamp = null }] of messages.entries()) {
          const bytes = typeof value === 'string' ? Buffer.from(value) : value && Buffer.from(value);
          const pairs = Object.entries(headers).map(([name, text]) => ({ [name]: text }));
          producer.produce(topic, partition ?? -1, bytes, key, timestamp, null, pairs);
          if (index % 10_000 === 9_999) await asked('a flush', (done) => producer.flush(ASKED_MS, done));
        }
        await asked('a flush', (done) => producer.flush(ASKED_MS, done));
      }),
    contents: (topic, partitions = 1) =>
      consuming(`contents-${randomUUID()}`, async (consumer) => {
        consumer.setDefaultConsumeTimeout(1_000);
        const found: Message[] = [];
        for (const place of places(topic, partitions)) {
          const { lowOffset, highOffset } = await asked<{ lowOffset: number; highOffset: number }>('offsets', (done) =>
            consumer.queryWatermarkOffsets(topic, place.partition, ASKED_MS, done),
          );
          consumer.assign([{ ...place, offset: lowOffset }]);
          const of: Message[] = [];
          while ((of.at(-1)?.offset ?? lowOffset - 1) < highOffset - 1) {
            of.push(...(await asked<Message[]>('messages', (done) => consumer.consume(1_000, done))));
          }
          found.push(...of);
        }
        return found;
      }),
    committed: (group, topic, partitions = 1) =>
      consuming(group, async (consumer) => {
        const marks = await asked<(Place & { offset?: number })[]>('committed offsets', (done) =>
          consumer.committed(places(topic, partitions), ASKED_MS, done),
        );
        return marks.map(({ offset = -1001 }) => offset);
      }),
  };
}

async function using<
  Client extends { connect: TestConsumer['connect']; disconnect: TestConsumer['disconnect'] },
  Result,
>(client: Client, work: (client: Client) => Promise<Result>): Promise<Result> {
  await asked('the broker', (done) => client.connect({ allTopics: false, timeout: ASKED_MS }, done));
  try {
    return await work(client);
  } finally {
    await new Promise<void>((resolve) => client.disconnect(resolve));
  }
}

function asked<Result = void>(
  what: string,
  ask: (done: (error?: Error | null, result?: Result) => void) => void,
): Promise<Result> {
  const answer = new Promise<Result>((resolve, reject) => {
    ask((error, result) => (error ? reject(error) : resolve(result as Result)));
  });
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
