import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { IovError } from '../contract/error.js';
import { syncDirectory, writeFully } from '../files/plainFile.js';
import type { RemoteStat, SftpSession } from './sftpSession.js';

/** A file on its way from the server to this machine. */
export interface FetchOptions {
  remotePath: string;
  /** As it was listed. */
  seen: RemoteStat;
  localPath: string;
  /** Concurrent reads. */
  window: number;
  chunkBytes: number;
}

/** Read into `.tmp`, fsync, compare size and time on both sides, rename: the mirror of a delivery. */
export class Fetch {
  readonly #options: FetchOptions;

  constructor(options: FetchOptions) {
    this.#options = options;
  }

  /**
   * One attempt on one session, from the beginning.
   * @returns whether the file is here; not where it is gone or is another one than was seen
   */
  async attempt(session: SftpSession): Promise<boolean> {
    const { remotePath, localPath } = this.#options;
    const handle = await session.openForReading(remotePath);
    const isHere = handle !== undefined && (await this.#from(session, handle));
    if (!isHere) await rm(tmpOf(localPath), { force: true }); // also what an attempt before has brought of it
    return isHere;
  }

  async #from(session: SftpSession, handle: Buffer): Promise<boolean> {
    try {
      return (await this.#isAsSeen(session, handle)) && (await this.#take(session, handle));
    } finally {
      await session.closeHandle(handle).catch(() => undefined);
    }
  }

  async #take(session: SftpSession, handle: Buffer): Promise<boolean> {
    const { localPath } = this.#options;
    const tmp = tmpOf(localPath);
    const local = await onDisk(tmp, () => open(tmp, 'w', 0o600));
    let isWhole: boolean;
    try {
      isWhole = (await this.#readAll(session, handle, local)) && (await this.#isAsSeen(session, handle));
      if (isWhole) await onDisk(tmp, () => local.sync());
    } finally {
      await local.close();
    }
    if (isWhole) await onDisk(localPath, () => putUnderName(tmp, localPath));
    return isWhole;
  }

  /** Keeps `window` reads under way; each lane has one buffer, so a file costs window × chunkBytes of memory. */
  async #readAll(session: SftpSession, handle: Buffer, local: FileHandle): Promise<boolean> {
    const { window, chunkBytes, localPath } = this.#options;
    const { size } = this.#options.seen;
    let next = 0;
    let isWhole = true;
    const lane = async () => {
      const buffer = Buffer.allocUnsafe(chunkBytes);
      while (next < size && isWhole) {
        let position = next;
        const end = Math.min(size, position + chunkBytes);
        next = end;
        try {
          while (position < end && isWhole) {
            const came = await session.read(handle, buffer, end - position, position);
            isWhole &&= came > 0; // else it became shorter while it was read
            await onDisk(localPath, () => writeFully(local, buffer.subarray(0, came), position));
            position += came;
          }
        } catch (error) {
          next = size; // the other lanes end, so that nothing is pending when the handle is closed
          throw error;
        }
      }
    };
    const lanes = Array.from({ length: Math.min(window, Math.ceil(size / chunkBytes)) }, lane);
    const failed = (await Promise.allSettled(lanes)).find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    return isWhole;
  }

  async #isAsSeen(session: SftpSession, handle: Buffer): Promise<boolean> {
    const { size, mtimeMs } = await session.statHandle(handle);
    return size === this.#options.seen.size && mtimeMs === this.#options.seen.mtimeMs;
  }
}

const tmpOf = (localPath: string) => `${localPath}.tmp`;

async function putUnderName(tmp: string, path: string): Promise<void> {
  await rename(tmp, path);
  await syncDirectory(dirname(path));
}

/** A full disk, or rights that are missing here, are ours to mend: the fetch waits for it. */
async function onDisk<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    throw new IovError('FILE_UNREADABLE', `writing ${path}: ${(cause as Error).message}`, { cause });
  }
}
