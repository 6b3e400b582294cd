import { setTimeout as pause } from 'node:timers/promises';
import { IovError } from '../contract/error.js';
import { type SftpServer, SftpSession } from './sftpSession.js';

/** What one `connections:` entry asks of the pool of its server. */
export interface PoolMember extends SftpServer {
  connections: number;
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
 */
export class SftpPool {
  readonly #key: string;
  readonly #members = new Set<PoolMember>();
  readonly #sessions = new Set<SftpSession>();
  readonly #idle = new Map<SftpSession, NodeJS.Timeout>();
  readonly #waiting: Waiter[] = [];
  #places = 0;

  private constructor(key: string) {
    this.#key = key;
  }

  /** @throws IovError CONFIG_INVALID where two entries name one server and login with different keys */
  static join(member: PoolMember): SftpPool {
    const key = `${member.host}:${member.port}:${member.username}`;
    const pool = pools.get(key) ?? new SftpPool(key);
    for (const other of pool.#members) {
      for (const name of ['privateKey', 'password', 'hostKey'] as const) {
        if (other[name] === member[name]) continue;
        throw new IovError(
          'CONFIG_INVALID',
          `sftp ${key}: two connections name this server and login with a different ${name}; give both the same`,
        );
      }
    }
    pool.#members.add(member);
    pools.set(key, pool);
    return pool;
  }

  /** Leaves the pool; the last member closes its connections. */
  async leave(member: PoolMember): Promise<void> {
    if (!this.#members.delete(member) || this.#members.size > 0) return;
    pools.delete(this.#key);
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#stopped());
    await Promise.all([...this.#sessions].map((session) => session.end()));
  }

  /** The most connections that may be open now. */
  get size(): number {
    return Math.min(...[...this.#members].map((member) => member.connections));
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
    try {
      const session = await SftpSession.open(member, signal);
      this.#sessions.add(session);
      void session.closed.then(() => this.#vacate(session, member.replaceAfterMs));
      return session;
    } catch (error) {
      void this.#freePlace(member.replaceAfterMs);
      throw error;
    }
  }

  #vacate(session: SftpSession, replaceAfterMs: number): void {
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

  #stopped(): IovError {
    return new IovError('STOPPED', `sftp ${this.#key}: stopped`);
  }
}
