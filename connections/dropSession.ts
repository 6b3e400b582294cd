import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { type Drop, type DropFolder, DropWriter, Refusal, STATUS } from './dropFolder.js';
import type { Attributes, FileEntry, SFTPWrapper } from './ssh2.js';

export interface DropSessionHooks {
  openHandlesMax: number;
  /** Called at every request: the sender is alive. */
  onRequest(): void;
  /** Whether there is room for another file; a rename is put off otherwise. */
  hasRoom(): boolean;
  onDrop(drop: Drop): void;
  /** Bytes of writes that have come and not reached the disk; the caller pauses the socket above its bound. */
  onPending(bytes: number): void;
  onFault(error: Error): void;
}

type Handle = DropWriter | { names: AsyncGenerator<[string, Stats]> };

// pflags of OPEN (draft-ietf-secsh-filexfer-02 section 6.3)
const READ = 1;
const WRITE = 2;
const APPEND = 4;
const TRUNC = 16;
const EXCL = 32;
/** Names in one reply to READDIR. */
const NAMES_A_REPLY = 100;

/**
 * Answers the SFTP requests of one sender: it may write `.tmp` files, rename them, remove them, and list its own names.
 * Reading, links, directories and extensions have no answer but a refusal.
 */
export class DropSession {
  readonly #sftp: SFTPWrapper;
  readonly #folder: DropFolder;
  readonly #hooks: DropSessionHooks;
  readonly #handles = new Map<number, Handle>();
  #lastHandle = 0;
  /** Handles open or being opened. */
  #open = 0;
  #isClosed = false;

  constructor(sftp: SFTPWrapper, folder: DropFolder, hooks: DropSessionHooks) {
    this.#sftp = sftp;
    this.#folder = folder;
    this.#hooks = hooks;
    sftp.on('REALPATH', (id, path) => this.#answer(id, async () => sftp.name(id, [entry(folder.resolve(path))])));
    sftp.on('STAT', (id, path) => this.#answer(id, async () => sftp.attrs(id, attributes(await folder.stat(path)))));
    sftp.on('LSTAT', (id, path) => this.#answer(id, async () => sftp.attrs(id, attributes(await folder.stat(path)))));
    sftp.on('FSTAT', (id, handle) =>
      this.#answer(id, async () => sftp.attrs(id, attributes(await this.#writer(handle).stat()))),
    );
    sftp.on('OPEN', (id, path, flags) => this.#answer(id, () => this.#openFile(id, path, flags)));
    sftp.on('OPENDIR', (id, path) => this.#answer(id, () => this.#openDirectory(id, path)));
    sftp.on('READDIR', (id, handle) => this.#answer(id, () => this.#readDirectory(id, handle)));
    sftp.on('WRITE', (id, handle, position, bytes) => this.#confirm(id, () => this.#write(handle, position, bytes)));
    sftp.on('CLOSE', (id, handle) => this.#confirm(id, () => this.#close(handle)));
    sftp.on('REMOVE', (id, path) => this.#confirm(id, () => folder.removeTmp(path)));
    sftp.on('RENAME', (id, from, to) => this.#confirm(id, () => this.#rename(from, to)));
    // Times and modes mean nothing here, but clients that set them after an upload need a yes.
    sftp.on('FSETSTAT', (id, handle, attrs) => this.#confirm(id, async () => accept(attrs, this.#writer(handle))));
    sftp.on('SETSTAT', (id, path, attrs) => this.#confirm(id, async () => accept(attrs, await folder.stat(path))));
    for (const event of ['READ', 'MKDIR', 'RMDIR', 'READLINK', 'SYMLINK']) {
      sftp.on(event, (id: number) => this.#answer(id, () => refuse('this is a drop box: files go in, nothing else')));
    }
  }

  /** Gives up what the sender left open; its `.tmp` files stay. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const handles = [...this.#handles.values()];
    this.#handles.clear();
    await Promise.allSettled(handles.map((handle) => this.#giveUp(handle)));
  }

  /** Every request is answered once: by its handler, or with the reason why not. */
  #answer(id: number, work: () => Promise<unknown>): void {
    this.#hooks.onRequest();
    work().catch((error: NodeJS.ErrnoException) => {
      if (error instanceof Refusal) return this.#sftp.status(id, error.status, error.message);
      if (error.code === 'ENOENT') return this.#sftp.status(id, STATUS.NO_SUCH_FILE, 'no such file');
      if (error.code === 'EEXIST') return this.#sftp.status(id, STATUS.FAILURE, 'the file exists');
      this.#hooks.onFault(error); // a full disk or the like: ours to mend; the sender tries again
      this.#sftp.status(id, STATUS.FAILURE, 'the drop box cannot do that now');
    });
  }

  /** Answers OK once the work is done. */
  #confirm(id: number, work: () => Promise<void>): void {
    this.#answer(id, async () => {
      await work();
      this.#sftp.status(id, STATUS.OK);
    });
  }

  async #openFile(id: number, path: string, flags: number): Promise<void> {
    if (flags & (READ | APPEND) || !(flags & WRITE)) await refuse('files can be written here, not read or appended to');
    await this.#give(id, () => this.#folder.openTmp(path, (flags & TRUNC) !== 0, (flags & EXCL) !== 0));
  }

  async #openDirectory(id: number, path: string): Promise<void> {
    if (this.#folder.nameOf(path) !== undefined) throw new Refusal(STATUS.NO_SUCH_FILE, 'no such directory');
    await this.#give(id, async () => ({ names: this.#folder.entries() }));
  }

  async #give(id: number, open: () => Promise<Handle>): Promise<void> {
    if (this.#open >= this.#hooks.openHandlesMax) {
      throw new Refusal(STATUS.FAILURE, `expected at most ${this.#hooks.openHandlesMax} open files a connection`);
    }
    this.#open += 1;
    const handle = await open().catch((error: unknown) => {
      this.#open -= 1;
      throw error;
    });
    if (this.#isClosed) return this.#giveUp(handle); // its sender went while it was opened
    this.#lastHandle += 1;
    this.#handles.set(this.#lastHandle, handle);
    const name = Buffer.alloc(4);
    name.writeUInt32BE(this.#lastHandle);
    this.#sftp.handle(id, name);
  }

  async #write(handle: Buffer, position: number, bytes: Buffer): Promise<void> {
    const writer = this.#writer(handle);
    this.#hooks.onPending(bytes.length);
    try {
      await writer.write(position, bytes);
    } finally {
      this.#hooks.onPending(-bytes.length);
    }
  }

  async #readDirectory(id: number, handle: Buffer): Promise<void> {
    const directory = this.#handle(handle);
    if (directory instanceof DropWriter) throw new Refusal(STATUS.FAILURE, 'not a directory handle');
    const names: FileEntry[] = [];
    while (names.length < NAMES_A_REPLY) {
      const next = await directory.names.next();
      if (next.done) break;
      names.push(entry(...next.value));
    }
    if (names.length === 0) this.#sftp.status(id, STATUS.EOF);
    else this.#sftp.name(id, names);
  }

  async #close(handle: Buffer): Promise<void> {
    const found = this.#handle(handle);
    this.#handles.delete(handle.readUInt32BE(0));
    await this.#giveUp(found);
  }

  async #giveUp(handle: Handle): Promise<void> {
    this.#open -= 1;
    if (handle instanceof DropWriter) await this.#folder.close(handle);
    else await handle.names.return(undefined);
  }

  async #rename(from: string, to: string): Promise<void> {
    if (!this.#hooks.hasRoom()) throw new Refusal(STATUS.FAILURE, 'too many files wait to be handled; try again later');
    const drop = await this.#folder.complete(from, to);
    if (drop) this.#hooks.onDrop(drop);
  }

  #writer(handle: Buffer): DropWriter {
    const found = this.#handle(handle);
    if (found instanceof DropWriter) return found;
    throw new Refusal(STATUS.FAILURE, 'not a file handle');
  }

  #handle(handle: Buffer): Handle {
    const found = handle.length === 4 ? this.#handles.get(handle.readUInt32BE(0)) : undefined;
    if (!found) throw new Refusal(STATUS.FAILURE, 'no such handle');
    return found;
  }
}

async function refuse(message: string): Promise<never> {
  throw new Refusal(STATUS.PERMISSION_DENIED, message);
}

/** @throws Refusal where a size is to be set: what is in a file comes by writing alone */
function accept(attrs: Partial<Attributes>, _existing: unknown): void {
  if (attrs.size !== undefined) throw new Refusal(STATUS.PERMISSION_DENIED, 'sizes cannot be set here');
}

function attributes(stats: Stats): Attributes {
  const mode = stats.isDirectory() ? constants.S_IFDIR | 0o700 : constants.S_IFREG | 0o200;
  const [atime, mtime] = [Math.floor(stats.atimeMs / 1000), Math.floor(stats.mtimeMs / 1000)];
  return { mode, uid: 0, gid: 0, size: stats.size, atime, mtime };
}

/** One name; with `stats`, as `ls -l` shows it. */
function entry(filename: string, stats?: Stats): FileEntry {
  if (!stats) return { filename, longname: filename, attrs: {} as Attributes };
  const time = stats.mtime.toISOString().slice(0, 16).replace('T', ' ');
  return { filename, longname: `--w------- 1 0 0 ${stats.size} ${time} ${filename}`, attrs: attributes(stats) };
}
