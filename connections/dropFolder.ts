import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, opendir, rename, unlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { NameTurns } from '../files/nameTurns.js';
import { sync, syncDirectory, writeFully } from '../files/plainFile.js';

/** SFTP status codes that a drop box answers (draft-ietf-secsh-filexfer-02 section 7). */
export const STATUS = { OK: 0, EOF: 1, NO_SUCH_FILE: 2, PERMISSION_DENIED: 3, FAILURE: 4 } as const;

/** What a sender is told when a request is refused. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A file that has received its final name. */
export interface Drop {
  username: string;
  name: string;
  path: string;
  bytes: number;
  mtimeMs: number;
}

export interface DropFolderOptions {
  username: string;
  /** Local directory of this login alone. */
  directory: string;
  /** Under which path the sender sees it. */
  shownAt: string;
  fileBytesMax: number;
}

/** Plain names only: no separator, nothing hidden, nothing that a shell or a terminal would take amiss. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
const SUFFIX = '.tmp';

/** A `.tmp` file that a sender is writing. */
export class DropWriter {
  readonly name: string;
  readonly #file: FileHandle;
  readonly #bytesMax: number;
  readonly #pending = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(name: string, file: FileHandle, bytesMax: number) {
    this.name = name;
    this.#file = file;
    this.#bytesMax = bytesMax;
  }

  async write(position: number, bytes: Buffer): Promise<void> {
    if (this.#closing) throw new Refusal(STATUS.FAILURE, `${this.name} is being written anew by a later request`);
    if (position + bytes.length > this.#bytesMax) {
      throw new Refusal(STATUS.FAILURE, `${this.name}: expected at most ${this.#bytesMax} bytes`);
    }
    const writing = writeFully(this.#file, bytes, position);
    this.#pending.add(writing);
    try {
      await writing;
    } finally {
      this.#pending.delete(writing);
    }
  }

  stat(): Promise<Stats> {
    return this.#file.stat();
  }

  /** Waits for the writes under way; whatever comes after is refused. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#pending).then(() => this.#file.close());
    return this.#closing;
  }
}

/** What one login may see and do: its own directory, flat; `.tmp` files to write, and names to give them once. */
export class DropFolder {
  readonly username: string;
  readonly shownAt: string;
  readonly #directory: string;
  readonly #bytesMax: number;
  /** A name has one writer, the latest: a connection that died unnoticed cannot change a file behind its successor's back. */
  readonly #writers = new Map<string, DropWriter>();
  readonly #turns = new NameTurns();

  constructor(options: DropFolderOptions) {
    this.username = options.username;
    this.shownAt = options.shownAt;
    this.#directory = options.directory;
    this.#bytesMax = options.fileBytesMax;
  }

  async make(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
  }

  /** The path as the sender means it: absolute, `.` and `..` resolved, starting from its directory. */
  resolve(path: string): string {
    return posix.resolve(this.shownAt, path);
  }

  /** The file name that a path means; undefined for the directory itself. Anything else does not exist for this login. */
  nameOf(path: string): string | undefined {
    const full = this.resolve(path);
    if (full === this.shownAt) return undefined;
    const name = posix.basename(full);
    if (posix.dirname(full) === this.shownAt && NAME.test(name)) return name;
    throw new Refusal(STATUS.NO_SUCH_FILE, 'no such file');
  }

  async stat(path: string): Promise<Stats> {
    const name = this.nameOf(path);
    const stats = await lstat(name === undefined ? this.#directory : join(this.#directory, name));
    if (name !== undefined && !stats.isFile()) throw new Refusal(STATUS.NO_SUCH_FILE, 'no such file');
    return stats;
  }

  async openTmp(path: string, truncate: boolean, exclusive: boolean): Promise<DropWriter> {
    const name = this.#tmpName(path);
    return this.#turns.alone(name, async () => {
      await this.#revoke(name);
      const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_TRUNC, O_EXCL } = constants;
      const flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | (truncate ? O_TRUNC : 0) | (exclusive ? O_EXCL : 0);
      const file = await open(join(this.#directory, name), flags, 0o600);
      const writer = new DropWriter(name, file, this.#bytesMax);
      this.#writers.set(name, writer);
      return writer;
    });
  }

  async close(writer: DropWriter): Promise<void> {
    if (this.#writers.get(writer.name) === writer) this.#writers.delete(writer.name);
    await writer.close();
  }

  async removeTmp(path: string): Promise<void> {
    const name = this.#tmpName(path);
    await this.#turns.alone(name, async () => {
      await this.#revoke(name);
      await unlink(join(this.#directory, name));
    });
  }

  /**
   * Gives a `.tmp` its final name (notice 6.1.3.1), once it is on the disk. The same bytes under that name once more are
   * taken as a repeated delivery: nothing new comes of them.
   * @returns the file, or undefined where it was there already
   */
  async complete(from: string, to: string): Promise<Drop | undefined> {
    const tmpName = this.#tmpName(from);
    const name = tmpName.slice(0, -SUFFIX.length);
    if (this.nameOf(to) !== name)
      throw new Refusal(STATUS.PERMISSION_DENIED, `expected ${tmpName} to be renamed to ${name}`);
    return this.#turns.alone(tmpName, async () => {
      await this.#revoke(tmpName);
      const tmp = join(this.#directory, tmpName);
      const final = join(this.#directory, name);
      await sync(tmp);
      const there = await lstat(final).catch(() => undefined);
      if (there) {
        if (!(await equal(tmp, final)))
          throw new Refusal(STATUS.FAILURE, `${name} has been received already, with other content`);
        await unlink(tmp);
        return undefined;
      }
      await rename(tmp, final);
      try {
        await syncDirectory(this.#directory);
      } catch (thrown) {
        await rename(final, tmp); // whoever finds it under its name takes it for received, and nobody would handle it
        throw thrown;
      }
      return this.#drop(name);
    });
  }

  /** Files under their final names. */
  async *drops(): AsyncGenerator<Drop> {
    for await (const [name] of this.entries()) {
      if (!name.endsWith(SUFFIX)) yield await this.#drop(name);
    }
  }

  /** Names and sizes, as the sender sees them. */
  async *entries(): AsyncGenerator<[name: string, stats: Stats]> {
    for await (const entry of await opendir(this.#directory)) {
      if (!entry.isFile() || !NAME.test(entry.name)) continue;
      const stats = await lstat(join(this.#directory, entry.name)).catch(() => undefined);
      if (stats) yield [entry.name, stats];
    }
  }

  /** Ends the writing of a name; a failure shows at the sync, or is written over. */
  async #revoke(name: string): Promise<void> {
    await this.#writers
      .get(name)
      ?.close()
      .catch(() => undefined);
    this.#writers.delete(name);
  }

  async #drop(name: string): Promise<Drop> {
    const path = join(this.#directory, name);
    const { size, mtimeMs } = await lstat(path);
    return { username: this.username, name, path, bytes: size, mtimeMs };
  }

  #tmpName(path: string): string {
    const name = this.nameOf(path);
    if (name?.endsWith(SUFFIX) && name.length > SUFFIX.length) return name;
    throw new Refusal(
      STATUS.PERMISSION_DENIED,
      `expected a name that ends in ${SUFFIX}: upload NAME${SUFFIX}, then rename it to NAME`,
    );
  }
}

async function equal(path: string, other: string): Promise<boolean> {
  const files = await Promise.all([path, other].map((each) => open(each, constants.O_RDONLY | constants.O_NOFOLLOW)));
  const [a, b] = files as [FileHandle, FileHandle];
  try {
    const [sizeA, sizeB] = [(await a.stat()).size, (await b.stat()).size];
    if (sizeA !== sizeB) return false;
    const [left, right] = [Buffer.alloc(65_536), Buffer.alloc(65_536)];
    for (let position = 0; position < sizeA; ) {
      const { bytesRead } = await a.read(left, 0, left.length, position);
      if (bytesRead === 0) return false;
      await b.read(right, 0, bytesRead, position);
      if (left.compare(right, 0, bytesRead, 0, bytesRead) !== 0) return false;
      position += bytesRead;
    }
    return true;
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}
