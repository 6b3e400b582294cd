import { type FileHandle, open } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Upload } from '../contract/connection.js';
import { IovError } from '../contract/error.js';
import { SftpStatusError } from './sftpFailures.js';
import type { SftpSession } from './sftpSession.js';

/** A file on its way from the outbox to a directory of the server. */
export interface DeliveryOptions {
  localPath: string;
  bytes: number;
  directory: string;
  name: string;
  /** Concurrent writes. */
  window: number;
  chunkBytes: number;
  /** The ledger says that these very bytes were uploading: an attempt of an earlier run may have come to the end. */
  resumed: boolean;
  /** Another machine may have delivered it, and its note may be lost: what has its name and its size is this file. */
  maybeThere: boolean;
  /** Called once, when the `.tmp` is there and before its first byte goes out. */
  onUploading(): Promise<void>;
  /** Called whenever the server has taken more of it. */
  onStep?: (() => void) | undefined;
}

const NO_SUCH_FILE = 2;
const PERMISSION_DENIED = 3;

/**
 * Upload as `.tmp`, fsync, compare the size, rename (notice 6.2.1.1). It remembers from attempt to attempt how far it came,
 * so that a rename whose reply was lost is settled by looking, and a whole file is not sent twice.
 *
 * Where an attempt may have come as far as its rename, what a `.tmp` holds is written over, not truncated: a rename that the
 * server carries out late, in the middle of the next attempt, still finds a whole file, for these are the same bytes.
 *
 * A final name of the right size may as well be an earlier content's. It counts where a rename of these bytes may have got
 * through, and no `.tmp` is left: so there is one from before the ledger says `uploading` until the rename.
 */
export class Delivery {
  readonly remotePath: string;
  readonly #tmpPath: string;
  readonly #options: DeliveryOptions;
  /** For people who watch: what the server has taken in this attempt. */
  readonly progress: Upload;
  #announced = false;
  #uploaded = false;
  #maybeRenamed: boolean;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.remotePath = posix.join(options.directory, options.name);
    this.#tmpPath = `${this.remotePath}.tmp`;
    this.#maybeRenamed = options.resumed || options.maybeThere;
    this.progress = { name: options.name, bytes: options.bytes, sentBytes: 0, attempt: 0 };
  }

  /** One attempt on one session, from where the last one broke. */
  async attempt(session: SftpSession): Promise<void> {
    this.progress.attempt += 1;
    if (this.#maybeRenamed && (await this.#isOver(session))) return;
    const whole = this.#uploaded && (await session.stat(this.#tmpPath))?.size === this.#options.bytes;
    if (!whole) await this.#upload(session);
    this.#uploaded = true;
    this.#maybeRenamed = true;
    await this.#rename(session);
  }

  #isOver(session: SftpSession): Promise<boolean> {
    return this.#options.maybeThere ? this.#isThere(session) : this.#isDelivered(session);
  }

  /** The final name has the size and the `.tmp` is gone: a rename came to its end, whatever we heard of it. */
  async #isDelivered(session: SftpSession): Promise<boolean> {
    const final = await session.stat(this.remotePath);
    return final?.size === this.#options.bytes && (await session.stat(this.#tmpPath)) === undefined;
  }

  /** The final name has the size; a `.tmp` beside it is of no use any more. */
  async #isThere(session: SftpSession): Promise<boolean> {
    if ((await session.stat(this.remotePath))?.size !== this.#options.bytes) return false;
    await session.remove(this.#tmpPath);
    return true;
  }

  async #upload(session: SftpSession): Promise<void> {
    const { bytes, localPath } = this.#options;
    const local = await openLocal(localPath, bytes);
    try {
      const handle = await this.#openRemote(session);
      try {
        if (!this.#announced) await this.#options.onUploading();
        this.#announced = true;
        await this.#writeAll(session, local, handle);
        await session.fsync(handle);
      } catch (error) {
        await session.closeHandle(handle).catch(() => undefined); // the first error is the one to tell
        throw error;
      }
      await session.closeHandle(handle);
    } finally {
      await local.close();
    }
    const size = (await session.stat(this.#tmpPath))?.size;
    if (size === bytes) return;
    throw new IovError(
      'SFTP_FAILED',
      `${this.#tmpPath}: expected ${bytes} bytes after the upload, the server has ${size ?? 'no such file'}`,
    );
  }

  async #openRemote(session: SftpSession): Promise<Buffer> {
    const left = await session.stat(this.#tmpPath);
    try {
      const isOthers = left !== undefined && (left.size > this.#options.bytes || !this.#maybeRenamed);
      return await session.openForWriting(this.#tmpPath, isOthers);
    } catch (error) {
      const status = error instanceof SftpStatusError ? error.status : undefined;
      const { directory } = this.#options;
      if (status === NO_SUCH_FILE) {
        throw refused(error, `the directory ${directory} does not exist there; create it, or mend \`directory\``);
      }
      if (status === PERMISSION_DENIED) {
        throw refused(error, `this login may not write into ${directory}; grant it, or mend \`directory\``);
      }
      throw error;
    }
  }

  /** Keeps `window` writes under way; each lane has one buffer, so a file costs window × chunkBytes of memory. */
  async #writeAll(session: SftpSession, local: FileHandle, handle: Buffer): Promise<void> {
    const { bytes, window, chunkBytes } = this.#options;
    let next = 0;
    this.progress.sentBytes = 0;
    const lane = async () => {
      const buffer = Buffer.allocUnsafe(chunkBytes);
      while (next < bytes) {
        const position = next;
        const length = Math.min(chunkBytes, bytes - position);
        next += length;
        try {
          await readFully(local, buffer, length, position);
          await session.write(handle, buffer, length, position);
          this.progress.sentBytes += length;
          this.#options.onStep?.();
        } catch (error) {
          next = bytes; // the other lanes end, so that nothing is pending when the handle is closed
          throw error;
        }
      }
    };
    const lanes = Array.from({ length: Math.min(window, Math.ceil(bytes / chunkBytes)) }, lane);
    const failed = (await Promise.allSettled(lanes)).find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #rename(session: SftpSession): Promise<void> {
    try {
      await session.rename(this.#tmpPath, this.remotePath);
    } catch (error) {
      if (!(error instanceof SftpStatusError)) throw error; // no reply: the next attempt looks
      // it came to its end, or whoever had its lane has been faster, on a server that does not replace
      if (await this.#isOver(session)) return;
      const there = await session.stat(this.remotePath);
      if (!there) throw error;
      throw refused(
        error,
        `a file of that name is there already (${there.size} bytes) and the server does not replace it; move it away`,
      );
    }
  }
}

function refused(error: unknown, advice: string): IovError {
  const said = IovError.from(error);
  return new IovError('SFTP_REFUSED', `${said.message}: ${advice}`, { cause: error });
}

async function openLocal(path: string, bytes: number): Promise<FileHandle> {
  let local: FileHandle;
  try {
    local = await open(path, 'r');
  } catch (cause) {
    throw new IovError('FILE_UNREADABLE', `cannot read the file to deliver: ${IovError.from(cause).message}`, {
      cause,
      retryable: false,
    });
  }
  const { size } = await local.stat();
  if (size === bytes) return local;
  await local.close();
  throw new IovError('FILE_UNREADABLE', `${path}: expected ${bytes} bytes to deliver, the file has ${size}`, {
    retryable: false,
  });
}

async function readFully(local: FileHandle, buffer: Buffer, length: number, position: number): Promise<void> {
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await local.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0)
      throw new IovError('FILE_UNREADABLE', 'the file to deliver became shorter while it was read', {
        retryable: false,
      });
    filled += bytesRead;
  }
}
