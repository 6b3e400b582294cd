import { backOff } from '../contract/backOff.js';
import { IovError } from '../contract/error.js';
import type { KafkaConnection } from './kafkaConnection.js';
import { kafkaError, OVERTAKEN } from './kafkaFailures.js';
import { asked, type Place, RD, type RdConsumer, type RdError, type RdMetadata, serve } from './rdkafka.js';

export interface MemberOptions {
  topic: string;
  group: string;
  sessionTimeoutMs: number;
  renewMs: number;
  revokeMs: number;
}

/** What becomes of the lanes, told as it happens. */
export interface LanesHolder {
  /** The group has assigned us these lanes, of so many. */
  assigned(lanes: ReadonlySet<number>, count: number): void;
  /** Lanes are going elsewhere; resolves when we may let them go. */
  revoking(): Promise<void>;
  /** The broker still knew us as the holder of these lanes at some time after this one (monotonic). */
  renewed(askedAtMs: number): void;
}

/** The notice allows no more connections (7.3). */
const LANES_MAX = 20;
const POLL_MS = 100;

/**
 * A member of the consumer group whose partitions are the lanes. It reads nothing; what it commits is always the same, and
 * the broker’s answer is what the lease rests on: a broker takes a commit only from a member of the present generation, and
 * counts it as a sign of life (KIP-62; measured, test/connections/lanesLease.test.ts).
 */
export class LanesMember {
  readonly #kafka: KafkaConnection;
  readonly #options: MemberOptions;
  readonly #holder: LanesHolder;
  readonly #leaving = new AbortController();
  #client: RdConsumer | undefined;
  #places: readonly Place[] = [];
  /** Counts assignments and revocations: what was asked before one of them says nothing after it. */
  #epoch = 0;
  #asked: { atMs: number; epoch: number } | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #isPolling = false;
  #turning: NodeJS.Timeout | undefined;
  #revoking: Promise<void> | undefined;

  constructor(kafka: KafkaConnection, options: MemberOptions, holder: LanesHolder) {
    this.#kafka = kafka;
    this.#options = options;
    this.#holder = holder;
  }

  /** Reaches the cluster and joins the group; tries without end. Resolves early where it leaves first. */
  async join(): Promise<void> {
    const { signal } = this.#leaving;
    const { topic, renewMs } = this.#options;
    try {
      const client = await this.#kafka.reach(() => this.#make(), serve, signal, this);
      this.#client = client;
      await this.#lanesOf(client); // nobody subscribes to what is not as it should be
      client.on('offset.commit', (error) => this.#answered(error));
      client.subscribe([topic]);
      this.#turning = setInterval(() => this.#turn(), Math.min(POLL_MS, renewMs / 2));
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }

  /** Leaves the group, within its deadline; whoever holds connections has closed them before. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    this.#epoch += 1;
    if (this.#client) await this.#kafka.disconnect(this.#client);
    clearInterval(this.#turning);
    this.#kafka.left(this);
  }

  #make(): RdConsumer {
    const { group, sessionTimeoutMs, revokeMs } = this.#options;
    const settings = {
      ...this.#kafka.settings,
      'group.id': group,
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'partition.assignment.strategy': 'roundrobin',
      'session.timeout.ms': sessionTimeoutMs,
      'heartbeat.interval.ms': Math.ceil(sessionTimeoutMs / 10),
      // A rebalance that waits for us must not give our lanes away before a lease renewed just before it began has run out.
      'max.poll.interval.ms': 2 * sessionTimeoutMs + revokeMs,
      rebalance_cb: (error: RdError, places: readonly Place[]) => this.#rebalance(error, places),
      offset_commit_cb: true,
    };
    const client = new this.#kafka.lib.KafkaConsumer(settings, { 'auto.offset.reset': 'latest' });
    client.setDefaultConsumeTimeout(0);
    return client;
  }

  /** How many lanes there are: partitions of the topic. Waits until somebody has created it as it should be. */
  async #lanesOf(client: RdConsumer): Promise<number> {
    const { topic } = this.#options;
    const { signal } = this.#leaving;
    const { connectTimeoutMs, retryDelayMsMin, retryDelayMsMax } = this.#kafka.options;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        const { topics } = await asked<RdMetadata>((done) =>
          client.getMetadata({ topic, timeout: connectTimeoutMs }, done),
        );
        const count = topics.find(({ name }) => name === topic)?.partitions.length ?? 0;
        if (count >= 1 && count <= LANES_MAX) return count;
        const rule = `expected a topic ${topic} with 1 to ${LANES_MAX} partitions, as many as connections are allowed`;
        throw new IovError('KAFKA_REFUSED', `${rule}, got ${count === 0 ? 'none' : count}`);
      } catch (thrown) {
        this.#kafka.trouble(kafkaError(thrown, `topic ${topic}`), this);
        await backOff(attempt, { delayMsMin: retryDelayMsMin, delayMsMax: retryDelayMsMax }, signal);
      }
    }
    throw new IovError('STOPPED', `topic ${topic}: stopped before its partitions were counted`);
  }

  #rebalance(error: RdError, places: readonly Place[]): void {
    this.#epoch += 1;
    if (error.code === RD.assignPartitions) {
      this.#places = places;
      this.#askedAtMs = Number.NEGATIVE_INFINITY;
      this.#tell((client) => client.assign(places));
      void this.#handOut(places, this.#epoch);
    } else {
      this.#places = [];
      this.#revoking ??= this.#holder
        .revoking()
        .then(() => void this.#tell((client) => client.unassign()))
        .finally(() => {
          this.#revoking = undefined;
        });
    }
  }

  /** Lanes may have been added: all who share them have to count alike, or a file has two lanes, or none. */
  async #handOut(places: readonly Place[], epoch: number): Promise<void> {
    const count = this.#client && (await this.#lanesOf(this.#client).catch(() => undefined));
    if (count === undefined || epoch !== this.#epoch) return; // it leaves, or they have gone elsewhere meanwhile
    this.#holder.assigned(new Set(places.map(({ partition }) => partition)), count);
  }

  /** Lets librdkafka tell what it has to tell, and renews the lease when it is time; one commit is under way at a time. */
  #turn(): void {
    this.#poll();
    const nowMs = performance.now();
    if (this.#places.length === 0 || this.#asked || nowMs - this.#askedAtMs < this.#options.renewMs) return;
    this.#asked = { atMs: nowMs, epoch: this.#epoch };
    this.#askedAtMs = nowMs;
    const marks = this.#places.map(({ topic, partition }) => ({ topic, partition, offset: 0 }));
    if (!this.#tell((client) => client.commit(marks))) this.#asked = undefined;
  }

  #poll(): void {
    if (this.#isPolling) return;
    this.#isPolling = true;
    const polled = this.#tell((client) =>
      client.consume(1, (error) => {
        this.#isPolling = false;
        if (error) this.#kafka.trouble(kafkaError(error, `group ${this.#options.group}`), this);
      }),
    );
    if (!polled) this.#isPolling = false;
  }

  #answered(error: RdError | undefined): void {
    const asked = this.#asked;
    this.#asked = undefined;
    if (!error) {
      this.#kafka.well(this);
      if (asked?.epoch === this.#epoch) this.#holder.renewed(asked.atMs);
    } else if (!OVERTAKEN.has(error.code)) {
      this.#kafka.trouble(kafkaError(error, `renewing the lanes of ${this.#options.group}`), this);
    }
  }

  /** False where the client takes no orders: it is closing, or is not there yet. */
  #tell(order: (client: RdConsumer) => void): boolean {
    try {
      if (this.#client) order(this.#client);
      return this.#client !== undefined;
    } catch (thrown) {
      if (!this.#leaving.signal.aborted) this.#kafka.trouble(kafkaError(thrown, `group ${this.#options.group}`), this);
      return false;
    }
  }
}
