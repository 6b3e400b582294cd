import { setMaxListeners } from 'node:events';
import { posix } from 'node:path';
import { type BackOffBounds, backOff } from '../contract/backOff.js';
import type { Connection, Upload } from '../contract/connection.js';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { NameTurns } from '../files/nameTurns.js';
import type { Lanes } from './lanesConnection.js';
import { Delivery } from './sftpDelivery.js';
import { Fetch } from './sftpFetch.js';
import { type PoolMember, SftpPool } from './sftpPool.js';
import type { RemoteEntry, RemoteStat, SftpSession } from './sftpSession.js';

export interface SftpSettings extends PoolMember, BackOffBounds {
  window: number;
  chunkBytes: number;
  alarmAfterAttempts: number;
}

/** Something done with a file of the server, as log lines name it. */
interface Doing {
  /** Of a file in a window, whose lane must be ours. */
  sequence?: number | undefined;
  /** `delivering`, for messages. */
  verb: string;
  name: string;
  broke: string;
  stuck: string;
  /** Called at each attempt. */
  onStep?: (() => void) | undefined;
}

/** Greatest number of entries of one directory; a server that goes on and on would hold the connection for ever. */
const ENTRIES_MAX = 1_000_000;

/** Final paths that are being delivered to, over all pipelines of the process: two files of one name have one `.tmp`. */
const turns = new NameTurns();

/**
 * What the connection `sftp` is to sinks and sources: deliveries, listings and fetches that are tried again until they
 * succeed, are refused, or are stopped. Each uses one connection at a time.
 */
export class SftpConnection implements Connection {
  #settings: SftpSettings;
  readonly #log: Log;
  readonly #lanes: (() => Lanes) | undefined;
  readonly #deliveries = new Set<Delivery>();
  #pool: SftpPool | undefined;

  /** @param lanes finds those that the connections are shared by, once they are there */
  constructor(settings: SftpSettings, log: Log, lanes?: () => Lanes) {
    this.#settings = settings;
    this.#log = log;
    this.#lanes = lanes;
  }

  /** How many deliveries are worth starting at once: the cap of the server's pool. */
  get concurrency(): number {
    return Math.max(1, this.#pool?.size ?? this.#settings.connections);
  }

  get usage(): { open: number; max: number } {
    return { open: this.#pool?.taken ?? 0, max: this.concurrency };
  }

  get uploads(): readonly Upload[] {
    return [...this.#deliveries].map(({ progress }) => progress).filter(({ attempt }) => attempt > 0);
  }

  async open(): Promise<void> {
    if (this.#pool) return;
    if (this.#lanes) this.#settings = { ...this.#settings, lanes: this.#lanes() };
    this.#pool = SftpPool.join(this.#settings);
  }

  /**
   * Brings a local file to `directory/name` on the server, under that name only once it is complete.
   * @param options.onStep called at each attempt, also one that finds no server, and as bytes are taken
   * @param options.resumed whether an earlier run was uploading these very bytes, and may have come to the end; asked when no
   *   other file of that name is on its way any more
   * @param options.again no other machine has sent it, or it is to be sent once more; else, where lanes are shared, what is
   *   there under its name and with its size is this file
   * @param options.sequence of a file in a window: where lanes are shared it is delivered only while its lane is ours
   * @throws IovError SFTP_REFUSED (no such directory, no permission, wrong key or host key), FILE_UNREADABLE, LANE_LOST, STOPPED
   */
  async deliver(
    file: { localPath: string; bytes: number },
    directory: string,
    name: string,
    options: {
      resumed?(): boolean;
      again?: boolean;
      sequence?: number | undefined;
      onUploading(): Promise<void>;
      onStep?(): void;
      signal: AbortSignal;
    },
  ): Promise<{ remotePath: string }> {
    const { signal, onUploading, onStep, sequence, resumed = () => false, again = false } = options;
    const { host, port, username, window, chunkBytes, lanes } = this.#settings;
    const doing = {
      verb: 'delivering',
      name,
      sequence,
      onStep,
      broke: 'a delivery broke; it is tried again',
      stuck: 'a file cannot be delivered; it is tried again',
    };
    const deliver = async () => {
      const knows = { resumed: resumed(), maybeThere: lanes !== undefined && !again };
      const delivery = new Delivery({ ...file, directory, name, window, chunkBytes, ...knows, onUploading, onStep });
      this.#deliveries.add(delivery);
      try {
        await this.#persist(doing, signal, (session) => delivery.attempt(session));
      } finally {
        this.#deliveries.delete(delivery);
      }
      return { remotePath: delivery.remotePath };
    };
    return turns.alone(`${host}:${port}:${username}:${posix.join(directory, name)}`, deliver, signal);
  }

  /**
   * Tells every regular file of a directory; where the connection breaks, it begins anew and tells some of them again.
   * @throws IovError SFTP_REFUSED (no such directory, no permission, wrong key or host key), STOPPED
   */
  async list(directory: string, see: (file: RemoteEntry) => void, signal: AbortSignal): Promise<void> {
    const doing = {
      verb: 'listing',
      name: directory,
      broke: 'a listing broke; it is tried again',
      stuck: 'a directory cannot be listed; it is tried again',
    };
    await this.#persist(doing, signal, async (session) => {
      const handle = await session.openDirectory(directory);
      try {
        let entries = 0;
        for (let page = await session.readDirectory(handle); page; page = await session.readDirectory(handle)) {
          entries += Math.max(1, page.length); // one without a regular file counts, too
          if (entries > ENTRIES_MAX)
            throw new IovError('SFTP_FAILED', `listing ${directory}: expected at most ${ENTRIES_MAX} files`);
          page.forEach(see);
        }
      } finally {
        await session.closeHandle(handle).catch(() => undefined);
      }
    });
  }

  /**
   * Brings a file of the server to `localPath`, under that name only once it is complete and on the disk.
   * @param seen as it was listed: what has changed since is not fetched
   * @returns false where it is gone or has changed
   * @throws IovError SFTP_REFUSED (no permission, wrong key or host key), STOPPED
   */
  fetch(remotePath: string, seen: RemoteStat, localPath: string, signal: AbortSignal): Promise<boolean> {
    const { window, chunkBytes } = this.#settings;
    const fetch = new Fetch({ remotePath, seen, localPath, window, chunkBytes });
    const doing = {
      verb: 'fetching',
      name: posix.basename(remotePath),
      broke: 'a fetch broke; it is tried again',
      stuck: 'a file cannot be fetched; it is tried again',
    };
    return this.#persist(doing, signal, (session) => fetch.attempt(session));
  }

  /**
   * Removes a file of the server, unless it is gone or has changed since it was seen.
   * @throws IovError SFTP_REFUSED, STOPPED
   */
  async remove(remotePath: string, seen: RemoteStat, signal: AbortSignal): Promise<void> {
    const doing = {
      verb: 'removing',
      name: posix.basename(remotePath),
      broke: 'a removal broke; it is tried again',
      stuck: 'a file cannot be removed; it is tried again',
    };
    await this.#persist(doing, signal, async (session) => {
      const there = await session.stat(remotePath);
      if (there?.size === seen.size && there.mtimeMs === seen.mtimeMs) await session.remove(remotePath);
    });
  }

  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.leave(this.#settings);
  }

  /** Whatever may pass is tried again with back-off, without end, and alarms at every `alarmAfterAttempts`. */
  async #persist<Result>(
    doing: Doing,
    signal: AbortSignal,
    work: (session: SftpSession) => Promise<Result>,
  ): Promise<Result> {
    if (!this.#pool) throw new IovError('INTERNAL', `connection sftp: ${doing.verb} before it was opened`);
    setMaxListeners(0, signal); // one listener for each that is under way
    for (let attempt = 1; ; attempt += 1) {
      doing.onStep?.();
      await this.#hold(doing, signal);
      try {
        return await this.#pool.use(this.#settings, signal, work);
      } catch (thrown) {
        await this.#takeBreath(doing, attempt, IovError.from(thrown, `${doing.verb} ${doing.name}`), signal);
      }
    }
  }

  /** Waits while lanes are being handed out; then those of this process must be the right ones. */
  async #hold({ verb, name, sequence }: Doing, signal: AbortSignal): Promise<void> {
    const { lanes, connections } = this.#settings;
    if (!lanes) return;
    const held = await lanes.settled(signal);
    if (lanes.count > connections)
      throw new IovError('SFTP_REFUSED', `${verb} ${name}: expected at most ${connections} lanes, got ${lanes.count}`);
    if (sequence !== undefined && !held.has(lanes.laneOf(sequence)))
      throw new IovError('LANE_LOST', `${verb} ${name}: its lane has gone to another process`);
  }

  /** Waits before the next attempt, or throws what another attempt cannot mend. */
  async #takeBreath(doing: Doing, attempt: number, error: IovError, signal: AbortSignal): Promise<void> {
    const { verb, name, broke, stuck } = doing;
    if (signal.aborted) throw new IovError('STOPPED', `${verb} ${name}: stopped`, { cause: error });
    if (!error.retryable || error.code === 'STOPPED' || error.code === 'INTERNAL') throw error;
    const fields = { file: name, attempt, code: error.code, reason: error.message };
    if (error.code === 'LANE_LOST') this.#log.debug(fields, broke);
    else if (attempt % this.#settings.alarmAfterAttempts === 0)
      this.#log.error({ ...fields, alarm: 'deliveryStuck' }, stuck);
    else this.#log.warn(fields, broke);
    await backOff(attempt, this.#settings, signal);
  }
}
