import { setTimeout as pause } from 'node:timers/promises';
import { IovError } from '../contract/error.js';
import type { Lanes, LaneUser } from './lanesConnection.js';
import { type SftpServer, SftpSession } from './sftpSession.js';

/** What one `connections:` entry asks of the pool of its server. */
export interface PoolMember extends SftpServer {
  connections: number;
  /** Where a cluster shares the connections: one for each lane that this process holds. */
  lanes?: Lanes;
  idleTimeoutMs: number;
  replaceAfterMs: number;
}

/** Resolves with a session that was handed on, or with undefined: a place is yours, open a connection. */
interface Waiter {
  resolve(session: SftpSession | undefined): void;
  reject(error: IovError): void;
}

const pools = new Map<string, SftpPool>();

/**
 * The connections to one server (host, port, login), for all pipelines of the process: never more than the smallest
 * `connections` of the entries that name it. A place is taken from the first packet until the socket has closed, and for
 * `replaceAfterMs` longer: the server may not have noticed yet that a connection broke, and it counts as well.
 * Where lanes go, all connections are closed before they are given up.
 */
export class SftpPool implements LaneUser {
  readonly #key: string;
  readonly #members = new Set<PoolMember>();
  readonly #sessions = new Set<SftpSession>();
  readonly #idle = new Map<SftpSession, NodeJS.Timeout>();
  readonly #waiting: Waiter[] = [];
  /** Connections being made. */
  readonly #opening = new Map<AbortController, Promise<unknown>>();
  #places = 0;
  #leaveLanes: (() => void) | undefined;

  private constructor(key: string) {
    this.#key = key;
  }

  /** @throws IovError CONFIG_INVALID where two entries name one server and login with different keys, or lanes */
  static join(member: PoolMember): SftpPool {
    const key = `${member.host}:${member.port}:${member.username}`;
    const pool = pools.get(key) ?? new SftpPool(key);
    for (const other of pool.#members) {
      for (const name of ['privateKey', 'password', 'hostKey', 'lanes'] as const) {
        if (other[name] === member[name]) continue;
        throw new IovError(
          'CONFIG_INVALID',
          `sftp ${key}: two connections name this server and login with a different ${name}; give both the same`,
        );
      }
    }
    pool.#members.add(member);
    pool.#leaveLanes ??= member.lanes?.join(pool);
    pools.set(key, pool);
    return pool;
  }

  /** Leaves the pool; the last member closes its connections. */
  async leave(member: PoolMember): Promise<void> {
    if (!this.#members.delete(member) || this.#members.size > 0) return;
    pools.delete(this.#key);
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#stopped());
    await Promise.all([...this.#sessions].map((session) => session.end()));
    this.#leaveLanes?.();
  }

  /** The most connections that may be open now. */
  get size(): number {
    const members = [...this.#members];
    return Math.min(...members.map(({ connections, lanes }) => Math.min(connections, lanes?.held.size ?? connections)));
  }

  /** Places that are taken now: a connection, or one that the server may still count. */
  get taken(): number {
    return this.#places;
  }

  /** Gives a session to `work` alone, and takes it back however that ends; an abort breaks it. */
  async use<Result>(
    member: PoolMember,
    signal: AbortSignal,
    work: (session: SftpSession) => Promise<Result>,
  ): Promise<Result> {
    if (!this.#members.has(member)) throw this.#stopped();
    const session = await this.#acquire(member, signal);
    const abort = () => void session.end();
    signal.addEventListener('abort', abort, { once: true });
    try {
      if (signal.aborted) abort();
      return await work(session);
    } finally {
      signal.removeEventListener('abort', abort);
      this.#release(session, member.idleTimeoutMs);
    }
  }

  grown(): void {
    while (this.#places < this.size && this.#waiting.length > 0) {
      this.#places += 1;
      this.#waiting.shift()?.resolve(undefined);
    }
  }

  async vacate(hurry: AbortSignal): Promise<void> {
    for (const [session, timer] of this.#idle) {
      clearTimeout(timer);
      this.#idle.delete(session);
      void this.#endLost(session);
    }
    const breakOff = () => {
      for (const session of this.#sessions) void this.#endLost(session);
      for (const opening of this.#opening.keys()) opening.abort();
    };
    hurry.addEventListener('abort', breakOff, { once: true });
    if (hurry.aborted) breakOff();
    await Promise.allSettled([...[...this.#sessions].map(({ closed }) => closed), ...this.#opening.values()]);
    hurry.removeEventListener('abort', breakOff);
  }

  get isBusy(): boolean {
    return this.#opening.size > 0 || [...this.#sessions].some(({ broken }) => !broken);
  }

  async #acquire(member: PoolMember, signal: AbortSignal): Promise<SftpSession> {
    for (const [session, timer] of this.#idle) {
      clearTimeout(timer);
      this.#idle.delete(session);
      if (!session.broken) return session;
    }
    if (this.#places < this.size) this.#places += 1;
    else {
      const session = await this.#wait(signal);
      if (session) return session;
    }
    return this.#open(member, signal);
  }

  /** Opens a connection on a place that the caller has taken. */
  async #open(member: PoolMember, signal: AbortSignal): Promise<SftpSession> {
    const vacated = new AbortController();
    const opening = this.#opened(member, AbortSignal.any([signal, vacated.signal]));
    this.#opening.set(vacated, opening);
    try {
      return await opening;
    } catch (error) {
      throw vacated.signal.aborted ? this.#lost() : error;
    } finally {
      this.#opening.delete(vacated);
    }
  }

  /** Rejects only when there is no connection any more: one that was opened in vain has been closed. */
  async #opened(member: PoolMember, signal: AbortSignal): Promise<SftpSession> {
    const mayGoOn = () => member.lanes === undefined || this.#places <= this.size;
    let session: SftpSession;
    try {
      if (!mayGoOn()) throw this.#lost();
      session = await SftpSession.open(member, signal);
    } catch (error) {
      void this.#freePlace(member.replaceAfterMs);
      throw error;
    }
    this.#sessions.add(session);
    void session.closed.then(() => this.#closed(session, member.replaceAfterMs));
    if (mayGoOn()) return session;
    await this.#endLost(session);
    throw this.#lost();
  }

  /** While there is time the server closes its end, too, before anybody else gets the lane. */
  async #endLost(session: SftpSession): Promise<void> {
    if ([...this.#members].some(({ lanes }) => lanes?.refusal())) session.drop(this.#lost());
    else void session.end(this.#lost());
    await session.closed;
  }

  #closed(session: SftpSession, replaceAfterMs: number): void {
    this.#sessions.delete(session);
    clearTimeout(this.#idle.get(session));
    this.#idle.delete(session);
    void this.#freePlace(replaceAfterMs);
  }

  async #freePlace(afterMs: number): Promise<void> {
    if (this.#members.size > 0) await pause(afterMs);
    const next = this.#places > this.size ? undefined : this.#waiting.shift();
    if (next) next.resolve(undefined);
    else this.#places -= 1;
  }

  #wait(signal: AbortSignal): Promise<SftpSession | undefined> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve: settled(resolve), reject: settled(reject) };
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(this.#stopped());
      };
      function settled<Value>(settle: (value: Value) => void): (value: Value) => void {
        return (value) => {
          signal.removeEventListener('abort', abort);
          settle(value);
        };
      }
      if (signal.aborted) return reject(this.#stopped());
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  #release(session: SftpSession, idleTimeoutMs: number): void {
    if (session.broken) return; // its place is free once the socket has closed
    if (this.#places > this.size) return void session.end(); // an entry with a smaller cap has joined
    const next = this.#waiting.shift();
    if (next) next.resolve(session);
    else this.#idle.set(session, setTimeout(() => void session.end(), idleTimeoutMs).unref());
  }

  #lost(): IovError {
    return new IovError('LANE_LOST', `sftp ${this.#key}: lanes went to another process`);
  }

  #stopped(): IovError {
    return new IovError('STOPPED', `sftp ${this.#key}: stopped`);
  }
}
