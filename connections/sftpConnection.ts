import { setMaxListeners } from 'node:events';
import type { Connection } from '../contract/connection.js';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { type BackOffBounds, backOff } from './backOff.js';
import { Delivery } from './sftpDelivery.js';
import { type PoolMember, SftpPool } from './sftpPool.js';

export interface SftpSettings extends PoolMember, BackOffBounds {
  window: number;
  chunkBytes: number;
  alarmAfterAttempts: number;
}

/** What the connection `sftp` is to sinks: deliveries that are tried again until they succeed, are refused, or are stopped. */
export class SftpConnection implements Connection {
  readonly #settings: SftpSettings;
  readonly #log: Log;
  #pool: SftpPool | undefined;

  constructor(settings: SftpSettings, log: Log) {
    this.#settings = settings;
    this.#log = log;
  }

  /** How many deliveries are worth starting at once: the cap of the server's pool. */
  get concurrency(): number {
    return this.#pool?.size ?? this.#settings.connections;
  }

  async open(): Promise<void> {
    this.#pool ??= SftpPool.join(this.#settings);
  }

  /**
   * Brings a local file to `directory/name` on the server, under that name only once it is complete.
   * Whatever may pass is tried again with back-off, without end, and alarms at every `alarmAfterAttempts`.
   * @throws IovError SFTP_REFUSED (no such directory, no permission, wrong key or host key), FILE_UNREADABLE, STOPPED
   */
  async deliver(
    file: { localPath: string; bytes: number },
    directory: string,
    name: string,
    options: { resumed?: boolean; onUploading(): Promise<void>; signal: AbortSignal },
  ): Promise<{ remotePath: string }> {
    if (!this.#pool) throw new IovError('INTERNAL', 'connection sftp: deliver was called before open');
    const { signal, onUploading, resumed = false } = options;
    const { window, chunkBytes } = this.#settings;
    setMaxListeners(0, signal); // one listener a delivery under way
    const delivery = new Delivery({ ...file, directory, name, window, chunkBytes, resumed, onUploading });
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#pool.use(this.#settings, signal, (session) => delivery.attempt(session));
        return { remotePath: delivery.remotePath };
      } catch (thrown) {
        await this.#takeBreath(name, attempt, IovError.from(thrown, `delivering ${name}`), signal);
      }
    }
  }

  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.leave(this.#settings);
  }

  /** Waits before the next attempt, or throws what another attempt cannot mend. */
  async #takeBreath(name: string, attempt: number, error: IovError, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new IovError('STOPPED', `delivering ${name}: stopped`, { cause: error });
    if (!error.retryable || error.code === 'STOPPED' || error.code === 'INTERNAL') throw error;
    const fields = { file: name, attempt, code: error.code, reason: error.message };
    if (attempt % this.#settings.alarmAfterAttempts === 0)
      this.#log.error(fields, 'a file cannot be delivered; it is tried again');
    else this.#log.warn(fields, 'a delivery broke; it is tried again');
    await backOff(attempt, this.#settings, signal);
  }
}
