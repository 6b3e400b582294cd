import { setTimeout as pause } from 'node:timers/promises';
import { backOff } from '../contract/backOff.js';
import type { Connection } from '../contract/connection.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Committer } from './committer.js';
import { kafkaError } from './kafkaFailures.js';
import {
  asked,
  eventError,
  RD,
  type RdClient,
  type RdConsumer,
  type RdError,
  type RdKafka,
  type RdMetadata,
  type RdProducer,
  type RdSettings,
} from './rdkafka.js';

const SERVE_MS = 50;
/** A topic or partition that is new is seen so soon; the default is five minutes. */
const METADATA_MS = 10_000;
/** What a producer has not delivered by the time it is closed has failed, and is not waited for. */
const FLUSH_MS = 1;
/** For one question whether a broker is there: it holds up one of libuv's four threads. */
const ANSWER_MS = 1_000;
const AWAY = 'KAFKA_UNREACHABLE';

export interface KafkaOptions {
  brokers: readonly string[];
  clientId: string;
  /** PEM. */
  tls?: { ca?: string; cert?: string; key?: string };
  sasl?: { mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; username: string; password: string };
  connectTimeoutMs: number;
  requestTimeoutMs: number;
  closeTimeoutMs: number;
  retryDelayMsMin: number;
  retryDelayMsMax: number;
}

/** A consumer, producer or range over this connection. */
interface KafkaClient {
  close(): Promise<void>;
}

/** A Kafka cluster as its consumers and producers share it: settings, patience, and what is told of its state. */
export class KafkaConnection implements Connection {
  readonly lib: RdKafka;
  readonly options: KafkaOptions;
  /** Sinks that commit for their pipeline's source, by the name of the pipeline. */
  readonly committers = new Map<string, Committer>();
  readonly #context: Pick<Context, 'log' | 'place'>;
  readonly #clients = new Map<object, () => Promise<void>>();
  /**
   * What is wrong now, and has been told, by the client that it is wrong for. Under this connection itself stands what has no
   * client of its own, or none any more: whoever is well next stands for that.
   */
  readonly #troubles = new Map<object, Set<string>>();
  /** Clients that are being asked whether their brokers are back. */
  readonly #asking = new Set<RdClient>();

  constructor(lib: RdKafka, options: KafkaOptions, context: Pick<Context, 'log' | 'place'>) {
    this.lib = lib;
    this.options = options;
    this.#context = context;
  }

  /** Closes what its owner has left open. */
  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((close) => close()));
  }

  /** A client that is closed with this. */
  joined(client: KafkaClient): void {
    this.#clients.set(client, () => client.close());
  }

  /** One that has closed itself. */
  left(client: object): void {
    this.#clients.delete(client);
    const troubles = this.#troubles.get(client) ?? [];
    this.#troubles.delete(client);
    for (const trouble of troubles) this.#note(trouble, this);
  }

  /** Of every client, in librdkafka's words. */
  get settings(): RdSettings {
    const { brokers, clientId, tls, sasl, requestTimeoutMs, connectTimeoutMs } = this.options;
    const { retryDelayMsMin, retryDelayMsMax } = this.options;
    return {
      'bootstrap.servers': brokers.join(','),
      'client.id': clientId,
      'security.protocol': `${sasl ? 'sasl_' : ''}${tls ? 'ssl' : 'plaintext'}`,
      ...(tls?.ca !== undefined && { 'ssl.ca.pem': tls.ca }),
      ...(tls?.cert !== undefined && { 'ssl.certificate.pem': tls.cert }),
      ...(tls?.key !== undefined && { 'ssl.key.pem': tls.key }),
      ...(sasl && {
        'sasl.mechanism': sasl.mechanism,
        'sasl.username': sasl.username,
        'sasl.password': sasl.password,
      }),
      'socket.timeout.ms': requestTimeoutMs,
      'socket.connection.setup.timeout.ms': Math.max(1_000, connectTimeoutMs),
      'socket.keepalive.enable': true,
      'reconnect.backoff.ms': Math.min(retryDelayMsMin, retryDelayMsMax),
      'reconnect.backoff.max.ms': retryDelayMsMax,
      'topic.metadata.refresh.interval.ms': METADATA_MS,
      log_level: 0,
    };
  }

  /**
   * A client that has reached the cluster: made anew and tried again, without end.
   * @param serve lets a client tell its events, among them why it cannot log in
   * @param owner whose troubles those of the client are
   * @throws IovError STOPPED
   */
  async reach<Client extends RdConsumer | RdProducer>(
    make: () => Client,
    serve: (client: Client) => void,
    signal: AbortSignal,
    owner: object = this,
  ): Promise<Client> {
    const { retryDelayMsMin, retryDelayMsMax } = this.options;
    const bounds = { delayMsMin: retryDelayMsMin, delayMsMax: retryDelayMsMax };
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const client = make();
      client.on('event.error', (event) => {
        const error = eventError(event);
        if (!error) return;
        this.trouble(error, owner);
        if (error.code === RD.allBrokersDown) void this.#untilAnswered(client, owner);
      });
      const serving = setInterval(() => serve(client), SERVE_MS);
      try {
        await this.#connect(client);
        this.well(owner);
        if (!signal.aborted) return client;
        await this.disconnect(client);
      } catch (thrown) {
        this.trouble(thrown, owner);
        await backOff(attempt, bounds, signal);
      } finally {
        clearInterval(serving);
      }
    }
    throw new IovError('STOPPED', `${this.#context.place}: stopped before the cluster was reached`);
  }

  /** Resolves when the cluster has been left, or has not let go within its deadline. */
  disconnect(client: RdConsumer | RdProducer): Promise<void> {
    return new Promise((resolve) => {
      const late = setTimeout(resolve, this.options.closeTimeoutMs);
      const done = () => {
        clearTimeout(late);
        resolve();
      };
      try {
        if ('produce' in client) client.disconnect(FLUSH_MS, done);
        else client.disconnect(done);
      } catch {
        done(); // not connected any more
      }
    });
  }

  /** Told once, until all are well again. */
  trouble(thrown: unknown, client: object): void {
    const { code, message } = kafkaError(thrown, this.#context.place);
    const trouble = code === AWAY ? code : message;
    const isTold = [...this.#troubles.values()].some((known) => known.has(trouble));
    this.#note(trouble, client);
    if (!isTold) this.#context.log.warn({ code, reason: message }, 'Kafka cannot be used; trying on');
  }

  /** A sign of life of one client: a message, an offset taken, a delivery. It says nothing of the others’ brokers. */
  well(client: object): void {
    if (this.#troubles.size === 0) return;
    this.#troubles.delete(client);
    this.#troubles.delete(this);
    if (this.#troubles.size === 0) this.#context.log.info({ place: this.#context.place }, 'Kafka can be used again');
  }

  #note(trouble: string, client: object): void {
    this.#troubles.set(client, (this.#troubles.get(client) ?? new Set()).add(trouble));
  }

  /** A client that has nothing to send or to read gives no sign of life by itself. */
  async #untilAnswered(client: RdClient, owner: object): Promise<void> {
    if (this.#asking.has(client)) return;
    this.#asking.add(client);
    const { retryDelayMsMax } = this.options;
    while (client.isConnected() && this.#troubles.get(owner)?.has(AWAY)) {
      await pause(retryDelayMsMax, undefined, { ref: false });
      const given = { allTopics: false, timeout: ANSWER_MS };
      const answer = asked<RdMetadata>((done) => client.getMetadata(given, done));
      await answer.then(
        () => this.#answered(owner),
        () => undefined,
      );
    }
    this.#asking.delete(client);
  }

  /** Some broker is there again; what else is wrong is so still. */
  #answered(owner: object): void {
    const troubles = this.#troubles.get(owner);
    troubles?.delete(AWAY);
    if (troubles?.size === 0) this.well(owner);
  }

  #connect(client: RdClient): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error: RdError | undefined | null) => (error ? reject(error) : resolve());
      client.connect({ allTopics: false, timeout: this.options.connectTimeoutMs }, done);
    });
  }
}
