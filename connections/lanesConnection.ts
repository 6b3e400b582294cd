import type { Connection } from '../contract/connection.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { KafkaConnection } from './kafkaConnection.js';
import { Guard } from './lanesGuard.js';
import { LanesMember, type MemberOptions } from './lanesMember.js';

export interface LanesOptions extends MemberOptions {
  /** The connection `kafka` that they are shared by. */
  on: string;
  marginMs: number;
  guardMs: number;
  takeOverMs: number;
}

/** Who has connections that lanes are needed for. */
export interface LaneUser {
  /**
   * Begins nothing new and closes its connections, each when what it does is done, all of them at once when `hurry` aborts.
   * Resolves when they are closed.
   */
  vacate(hurry: AbortSignal): Promise<void>;
  /** While it vacates: something is still being done on one of its connections. */
  readonly isBusy: boolean;
  /** Lanes have come. */
  grown(): void;
}

const NONE: ReadonlySet<number> = new Set();

/**
 * The lanes that this process holds, under a lease. It holds them from a while after Kafka has assigned them until they are
 * revoked or the lease runs out; monotonic time throughout, so that no clock need agree with another.
 */
export class Lanes implements Connection {
  readonly #options: LanesOptions;
  readonly #context: Pick<Context, 'log' | 'place' | 'connection'>;
  readonly #users = new Set<LaneUser>();
  readonly #waiting = new Set<() => void>();
  readonly #guard: Guard;
  #member: LanesMember | undefined;
  #joining: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #count = 0;
  /** Undefined while the group is handing them out. */
  #assigned: ReadonlySet<number> | undefined;
  #usableFromMs = Number.POSITIVE_INFINITY;
  #leaseEndsMs = Number.NEGATIVE_INFINITY;
  #usable: NodeJS.Timeout | undefined;
  #leaseEnds: NodeJS.Timeout | undefined;

  constructor(options: LanesOptions, context: Pick<Context, 'log' | 'place' | 'connection'>) {
    this.#options = options;
    this.#context = context;
    this.#guard = new Guard(options.guardMs, context.log);
  }

  /** Joins the group, in the background: lanes come when they come, and what needs them waits. */
  async open(): Promise<void> {
    const kafka = this.#context.connection<KafkaConnection>(this.#options.on);
    this.#member ??= new LanesMember(kafka, this.#options, {
      assigned: (lanes, count) => this.#assign(lanes, count),
      revoking: () => this.#revoke(),
      renewed: (askedAtMs) => this.#renew(askedAtMs),
    });
    const { log } = this.#context;
    this.#joining ??= this.#guard.start().then(() => this.#member?.join());
    this.#joining.catch((thrown: unknown) => {
      const { code, message } = IovError.from(thrown, this.#context.place);
      log.error({ code, alarm: 'lanesFailed' }, message);
    });
  }

  /** Lets the lanes go, once what uses them has closed its connections. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#leave();
    return this.#closed;
  }

  /** How many lanes there are in the cluster; 0 while that is not known yet. */
  get count(): number {
    return this.#count;
  }

  /** Those that work may begin on now. */
  get held(): ReadonlySet<number> {
    return this.#isKnown ? (this.#assigned ?? NONE) : NONE;
  }

  /** The lane of a file, by its number in its window. */
  laneOf(sequence: number): number {
    return (sequence - 1) % this.#count;
  }

  /** Why nothing may be sent now, asked before each piece; undefined where the lease holds. */
  refusal(): IovError | undefined {
    if (performance.now() < this.#leaseEndsMs) return undefined;
    return new IovError('LANE_LOST', `${this.#context.place}: the lease on the lanes has run out`);
  }

  /**
   * What is held, once that is known: waits while lanes are handed out, and while the lease cannot be renewed.
   * @throws IovError STOPPED
   */
  async settled(signal: AbortSignal): Promise<ReadonlySet<number>> {
    while (!this.#isKnown) {
      if (signal.aborted || this.#closed)
        throw new IovError('STOPPED', `${this.#context.place}: stopped while waiting for lanes`);
      await this.changed(signal);
    }
    return this.held;
  }

  /** Resolves when lanes have come or gone, or the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      if (signal.aborted) return resolve();
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** @returns leaves again */
  join(user: LaneUser): () => void {
    this.#users.add(user);
    return () => this.#users.delete(user);
  }

  /** Whoever holds nothing needs no lease. */
  get #isKnown(): boolean {
    if (this.#closed || !this.#assigned) return false;
    const nowMs = performance.now();
    return this.#assigned.size === 0 || (nowMs >= this.#usableFromMs && nowMs < this.#leaseEndsMs);
  }

  #assign(lanes: ReadonlySet<number>, count: number): void {
    this.#assigned = lanes;
    this.#count = count;
    this.#usableFromMs = performance.now() + this.#options.takeOverMs;
    this.#context.log.info({ lanes: [...lanes].sort((one, other) => one - other), of: count }, 'lanes assigned');
    clearTimeout(this.#usable);
    this.#usable = setTimeout(() => this.#tell(), this.#options.takeOverMs + 1);
  }

  #renew(askedAtMs: number): void {
    const { sessionTimeoutMs, marginMs } = this.#options;
    const wasOut = performance.now() >= this.#leaseEndsMs;
    this.#leaseEndsMs = askedAtMs + sessionTimeoutMs - marginMs;
    clearTimeout(this.#leaseEnds);
    this.#leaseEnds = setTimeout(() => this.#runOut(), Math.max(0, this.#leaseEndsMs - performance.now()) + 1);
    if (wasOut) this.#tell();
  }

  #runOut(): void {
    if (!this.refusal()) return;
    const { log, place } = this.#context;
    log.warn({ place, code: 'LANE_LOST' }, 'the lease on the lanes has run out; nothing is sent until it is renewed');
    void this.#vacated(AbortSignal.abort());
    this.#tell();
  }

  async #revoke(): Promise<void> {
    this.#assigned = undefined;
    clearTimeout(this.#usable);
    clearTimeout(this.#leaseEnds); // what is below ends no later
    const leftMs = Math.max(0, Math.min(this.#options.revokeMs, this.#leaseEndsMs - performance.now()));
    const hurry = new AbortController();
    const { log, place } = this.#context;
    const late = setTimeout(() => {
      if ([...this.#users].some(({ isBusy }) => isBusy))
        log.warn(
          { place, code: 'LANE_LOST' },
          'the time to let the lanes go has run out; what is under way is broken off',
        );
      hurry.abort();
    }, leftMs);
    await this.#vacated(hurry.signal);
    clearTimeout(late);
    clearTimeout(this.#leaseEnds);
    this.#leaseEndsMs = Number.NEGATIVE_INFINITY;
    this.#tell();
  }

  async #vacated(hurry: AbortSignal): Promise<void> {
    await Promise.all([...this.#users].map((user) => user.vacate(hurry)));
  }

  async #leave(): Promise<void> {
    await this.#revoke();
    await this.#member?.leave();
    await this.#guard.stop(); // joining waits for it, without end
    await this.#joining?.catch(() => undefined);
  }

  #tell(): void {
    for (const wake of [...this.#waiting]) wake();
    if (this.held.size > 0) for (const user of this.#users) user.grown();
  }
}
