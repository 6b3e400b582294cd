import { IovError } from '../contract/error.js';
import type { Held } from '../contract/receipt.js';
import { Assignment, type Partition } from './assignment.js';
import type { Batch, Committed, Committer } from './committer.js';
import type { KafkaConnection } from './kafkaConnection.js';
import { kafkaError, OVERTAKEN } from './kafkaFailures.js';
import { Offsets, type Step } from './offsets.js';
import {
  askCommitted,
  askedUntil,
  keyOf,
  type Mark,
  type Message,
  type Place,
  RD,
  type RdConsumer,
  type RdError,
  type RdWatermarks,
  serve,
} from './rdkafka.js';

export interface GroupOptions {
  group: string;
  topics: readonly string[];
  from: 'earliest' | 'latest';
  sessionTimeoutMs: number;
  pollIntervalMsMax: number;
  handOverMs: number;
  commitMs: number;
  prefetchBytesMax: number;
}

/** A message on its way: settled once, by `settle`. */
export interface Taken {
  message: Message;
  partition: Readonly<Partition>;
  step: Step;
}

/** After a full queue fetching goes on so soon; the default of a second leaves a fast reader without messages. */
const QUEUE_FULL_MS = 10;
const MIB = 1_048_576;
/** Of one answer of a broker, as librdkafka has it. */
const FETCH_BYTES_MAX = 50 * MIB;

/**
 * A member of a consumer group that gives messages when asked, and commits what has settled. The group's assignor is eager:
 * partitions are handed over together, once what is under way has settled, or has had its time.
 */
export class KafkaConsumer implements Committed {
  readonly #connection: KafkaConnection;
  readonly #options: GroupOptions;
  readonly #committer: Committer | undefined;
  readonly #assignment = new Assignment();
  readonly #leaving = new AbortController();
  #client: RdConsumer | undefined;
  #committing: NodeJS.Timeout | undefined;
  #handingOver: Promise<void> | undefined;
  #polling: Promise<unknown> = Promise.resolve();
  /** Where partitions end, told while what lies before is on its way to us. */
  #ends: Mark[] = [];
  #onSettled: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  /** @param committer commits in place of this, where there is one */
  constructor(connection: KafkaConnection, options: GroupOptions, committer?: Committer) {
    this.#connection = connection;
    this.#options = options;
    this.#committer = committer;
    committer?.follow(this);
    connection.joined(this);
  }

  /**
   * Reaches the cluster and joins the group.
   * @throws IovError STOPPED
   */
  async join(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#leaving.signal]);
    const client = await this.#connection.reach(() => this.#make(), serve, either, this);
    client.on('offset.commit', (error, marks) => this.#committed(error, marks));
    client.on('partition.eof', (end) => this.#ends.push(end));
    client.subscribe(this.#options.topics);
    this.#client = client;
    const commit = () => (this.#committer ? this.#committer.soon() : this.#commit());
    this.#committing = setInterval(commit, this.#options.commitMs);
  }

  /**
   * What has come by now, at most `max` messages; librdkafka fetches ahead up to its bound.
   * @throws IovError KAFKA_REFUSED where this member cannot go on
   */
  async poll(max: number): Promise<Taken[]> {
    await this.#handingOver;
    const client = this.#client;
    if (!client || this.#closed) return [];
    const polled = new Promise<Message[]>((resolve, reject) => {
      client.consume(max, (error, messages) => (error ? reject(error) : resolve(messages)));
    });
    this.#polling = polled.catch(() => undefined);
    try {
      const messages = await polled;
      if (messages.length > 0) this.#connection.well(this);
      const taken = messages.flatMap((message) => this.#taken(message));
      // a partition may end in what is given to nobody: transactions' marks, what they took back, what was compacted away
      for (const end of this.#ends.splice(0)) this.#assignment.get(end)?.offsets.ended(end.offset);
      return taken;
    } catch (thrown) {
      const { group } = this.#options;
      if ((thrown as RdError).code === RD.fatal)
        throw new IovError('KAFKA_REFUSED', `group ${group}: ${String(thrown)}`);
      this.#connection.trouble(kafkaError(thrown, `group ${group}`), this);
      return [];
    }
  }

  /** The message is handled for good; its offset may be committed. */
  settle({ partition, step }: Taken): void {
    partition.offsets.settle(step);
    this.#onSettled?.();
  }

  /** Whether what comes of messages may be held back, to be committed together with their offsets. */
  get canHold(): boolean {
    return this.#committer !== undefined;
  }

  /** All that came of the message and has not settled is held back. What is not ours any more somebody else reads again. */
  hold({ partition, step }: Taken, writes: readonly Held[]): void {
    step.held = writes;
    if (!partition.isLost) this.#committer?.soon();
    else for (const write of writes) write.arrived();
  }

  batch(writesMax: number): Batch | undefined {
    const client = this.#client;
    const batch = client && this.#assignment.batch(writesMax);
    if (!batch) return undefined;
    const committed = () => {
      batch.committed();
      this.#onSettled?.();
    };
    return { ...batch, client, committed };
  }

  /** Commits what has settled and leaves the group. Idempotent; within its deadline. */
  close(): Promise<void> {
    this.#closed ??= this.#leave().finally(() => this.#connection.left(this));
    return this.#closed;
  }

  async #leave(): Promise<void> {
    this.#leaving.abort();
    this.#onSettled?.();
    clearInterval(this.#committing);
    await this.#handingOver;
    await this.#polling;
    if (this.#committer) await this.#committer.commit();
    else this.#commit();
    if (this.#client) await this.#connection.disconnect(this.#client); // waits for the commit
  }

  #make(): RdConsumer {
    const { group, from, sessionTimeoutMs, pollIntervalMsMax, prefetchBytesMax } = this.#options;
    const settings = {
      ...this.#connection.settings,
      'group.id': group,
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'enable.partition.eof': true,
      'partition.assignment.strategy': 'roundrobin',
      'session.timeout.ms': sessionTimeoutMs,
      'heartbeat.interval.ms': Math.ceil(sessionTimeoutMs / 10),
      'max.poll.interval.ms': Math.max(pollIntervalMsMax, sessionTimeoutMs),
      'queued.max.messages.kbytes': Math.ceil(prefetchBytesMax / 1024),
      'fetch.queue.backoff.ms': QUEUE_FULL_MS,
      'fetch.max.bytes': Math.min(Math.max(prefetchBytesMax, MIB), FETCH_BYTES_MAX),
      'message.max.bytes': MIB, // no bound on what is fetched: a larger message comes alone
      rebalance_cb: (error: RdError, places: readonly Place[]) => this.#rebalance(error, places),
      offset_commit_cb: true,
    };
    const client = new this.#connection.lib.KafkaConsumer(settings, { 'auto.offset.reset': from });
    client.setDefaultConsumeTimeout(0); // libuv has four threads for all files and names: none of them may wait here
    return client;
  }

  #taken(message: Message): Taken[] {
    const partition = this.#assignment.get(message);
    if (!partition) return []; // given away while it was on its way to us
    return [{ message, partition, step: partition.offsets.begin(message.offset) }];
  }

  #rebalance(error: RdError, places: readonly Place[]): void {
    if (error.code === RD.assignPartitions) this.#assign(places);
    else {
      this.#handingOver ??= this.#handOver().finally(() => {
        this.#handingOver = undefined;
      });
    }
  }

  #assign(places: readonly Place[]): void {
    const ours = this.#assignment.add(places);
    if (this.#options.from === 'latest') void this.#assignAtEnds(ours);
    else this.#tell((client) => client.assign(places));
  }

  /**
   * A group that begins at the end commits where that is. What came before its first message had settled would else be passed
   * over after a restart, and whoever waits for the group would wait until each partition has a new message.
   */
  async #assignAtEnds(partitions: readonly Partition[]): Promise<void> {
    try {
      await this.#beginAtEnds(partitions);
    } catch (thrown) {
      if (this.#leaving.signal.aborted) return;
      this.#connection.trouble(kafkaError(thrown, `group ${this.#options.group}`), this); // librdkafka finds the end itself
    }
    if (partitions.some((partition) => this.#assignment.get(partition) !== partition)) return; // gone meanwhile
    const from = partitions.map(({ topic, partition, offsets: { next } }) => {
      return { topic, partition, ...(next !== undefined && { offset: next }) };
    });
    this.#tell((client) => client.assign(from));
  }

  async #beginAtEnds(partitions: readonly Partition[]): Promise<void> {
    const client = this.#client;
    if (!client || partitions.length === 0) return;
    const ms = this.#connection.options.requestTimeoutMs;
    const committed = await askCommitted(client, partitions, ms);
    for (const partition of partitions) {
      if (committed.has(keyOf(partition))) continue;
      const { highOffset } = await askedUntil<RdWatermarks>(ms, (done, leftMs) =>
        client.queryWatermarkOffsets(partition.topic, partition.partition, leftMs, done),
      );
      partition.offsets = new Offsets(highOffset);
    }
  }

  async #handOver(): Promise<void> {
    this.#committer?.soon();
    await this.#allSettled();
    if (!this.#committer) this.#commit();
    this.#assignment.lose();
    // a transaction takes the generation of the group that it finds: it must have found the one that these were ours in
    await this.#committer?.idle();
    for (const write of this.#assignment.clear()) write.arrived();
    this.#ends = []; // they may come back, and are read again from where they had settled
    this.#tell((client) => client.unassign());
  }

  /** Nothing is under way any more, or it has had its time, or this member leaves. */
  async #allSettled(): Promise<void> {
    const isBusy = () => this.#assignment.isBusy || (this.#committer !== undefined && this.#assignment.isBehind);
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, this.#options.handOverMs);
      this.#onSettled = () => {
        if (isBusy() && !this.#leaving.signal.aborted) return;
        clearTimeout(late);
        resolve();
      };
      this.#onSettled();
    });
    this.#onSettled = undefined;
  }

  #commit(): void {
    const marks = this.#assignment.settled();
    if (marks.length > 0) this.#tell((client) => client.commit(marks));
  }

  #committed(error: RdError | undefined, marks: readonly Mark[]): void {
    if (!error) this.#connection.well(this);
    else {
      if (!OVERTAKEN.has(error.code))
        this.#connection.trouble(kafkaError(error, `committing ${this.#options.group}`), this);
      this.#assignment.refused(marks);
    }
  }

  /** A client that is closing takes no more orders. */
  #tell(order: (client: RdConsumer) => void): void {
    try {
      if (this.#client) order(this.#client);
    } catch (thrown) {
      if (!this.#leaving.signal.aborted)
        this.#connection.trouble(kafkaError(thrown, `group ${this.#options.group}`), this);
    }
  }
}
