import type { Stats } from 'node:fs';
import { lstat, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Context } from '../contract/context.js';
import { IovError, reasonOf } from '../contract/error.js';
import type { PackedFile } from '../contract/file.js';
import type { Item } from '../contract/item.js';
import { Receipt } from '../contract/receipt.js';
import type { Effect } from '../contract/store.js';
import { toldName } from '../notice/fileName.js';
import { maskNumbers } from '../notice/mask.js';
import { REFUSED } from './fileOptions.js';
import { digestOf } from './plainFile.js';
import { setAside } from './refusedFiles.js';

/** A file as a source sees it. */
export interface SeenFile {
  /** Names it within its source: `oem1/HT_CMD-7_LSV1.bin`. */
  key: string;
  name: string;
  /** Where it lies: on this machine, or on a server. */
  path: string;
  bytes: number;
  mtimeMs: number;
}

/** Size and time: another content under the same name is another file. */
export const fingerprintOf = ({ bytes, mtimeMs }: SeenFile) => `${bytes}:${mtimeMs}`;

/** What messages and dead letters call it: its key, without the numbers in a name that is none of the notice's. */
export function toldOf({ key, name }: SeenFile): string {
  return key.slice(0, key.length - name.length) + toldName(name, maskNumbers(name));
}

export const statsOf = (path: string): Promise<Stats | undefined> => lstat(path).catch(() => undefined);

/** Whether a file of this machine lies there as it was seen: it may have gone since, or another have come in its place. */
export async function isAsSeen(file: SeenFile): Promise<boolean> {
  const stats = await statsOf(file.path);
  return (
    stats !== undefined && fingerprintOf({ ...file, bytes: stats.size, mtimeMs: stats.mtimeMs }) === fingerprintOf(file)
  );
}

/** What becomes of a file of this machine that has arrived; one that has changed since is another file, which comes again. */
export async function releaseHere(file: SeenFile, handled: 'keep' | 'remove'): Promise<boolean> {
  if (!(await isAsSeen(file))) return false;
  if (handled === 'keep') return true;
  await rm(file.path, { force: true });
  return false;
}

/** A file that was given as an item. */
interface Given {
  file: SeenFile;
  value: PackedFile;
  origin: string;
}

/**
 * What a source of files knows of those that it gives: which are under way, and which have been handled. A file is handled
 * when it has arrived, and the ledger remembers it until it changes, or when it has failed for good, and is moved out of the
 * way. What is not handled comes again at the next start.
 */
export class ReceivedFiles {
  readonly #context: Context;
  readonly #refusedMax: number;
  readonly #release: (file: SeenFile) => Promise<boolean>;
  readonly #underWay = new Set<string>();
  readonly #settling = new Set<Promise<void>>();

  /**
   * @param refusedMax how many refused files are kept of a folder
   * @param release what becomes of a file that is handled; tells whether it stays, and has to be remembered
   */
  constructor(context: Context, refusedMax: number, release: (file: SeenFile) => Promise<boolean>) {
    this.#context = context;
    this.#refusedMax = refusedMax;
    this.#release = release;
  }

  isUnderWay(file: SeenFile): boolean {
    return this.#underWay.has(file.key);
  }

  isHandled(file: SeenFile): boolean {
    const { store, pipeline } = this.#context;
    return store.position(pipeline, file.key)?.fingerprint === fingerprintOf(file);
  }

  /**
   * @param path where it lies on this machine
   * @throws IovError FILE_UNREADABLE where it cannot be read, is no plain file, or has another size than was seen
   */
  async item(file: SeenFile, path: string, origin: string): Promise<Item<PackedFile>> {
    const { name, bytes } = file;
    const found = await digestOf(path);
    if (found.bytes !== bytes)
      throw new IovError('FILE_UNREADABLE', `${toldOf(file)}: had ${bytes} bytes, and now has ${found.bytes}`);
    const value = { name, path, ...found };
    this.#underWay.add(file.key);
    return {
      value,
      tags: {},
      origin,
      receipt: new Receipt((error) => this.#settle({ file, value, origin }, error)),
      effects: [],
      raw: rawOf(value), // where it lies: `dead retry` takes it up from there
    };
  }

  /** Becomes a dead letter without having been an item. */
  async refuse(file: SeenFile, origin: string, error: IovError): Promise<void> {
    const { pipeline, log, store } = this.#context;
    log.warn({ pipeline, origin, code: error.code }, error.message);
    const letter = { pipeline, origin, code: error.code, reason: error.message, tags: {} };
    await store.commit([(transaction) => transaction.addDeadLetter(letter), this.#remembered(file)]);
  }

  /** Resolves once what has settled is noted. */
  async close(): Promise<void> {
    await Promise.all(this.#settling);
  }

  #settle(given: Given, error: IovError | undefined): void {
    if (error?.retryable) return; // not handled: it comes again when the run begins anew
    const noting = this.#finish(given, error).catch((thrown: unknown) => {
      const reason = IovError.from(thrown).message;
      this.#context.log.error(
        { file: toldOf(given.file), reason },
        'a handled file cannot be noted; it comes again at the next start',
      );
    });
    const settling = noting.finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
  }

  async #finish(given: Given, error: IovError | undefined): Promise<void> {
    const { file, origin } = given;
    const { pipeline, store } = this.#context;
    if (!error) await store.commit([(transaction) => transaction.deadLetterMended(pipeline, origin)]);
    const isDone = !error || (await this.#isSetAside(given, error));
    if (!isDone || (await this.#isToBeRemembered(file))) await store.commit([this.#remembered(file)]);
    this.#underWay.delete(file.key);
  }

  /**
   * A refused file makes room for a right one under its name, and its letter says where it is: `dead retry` needs its bytes.
   * @returns false where it has to stay
   */
  async #isSetAside({ file, value, origin }: Given, error: IovError): Promise<boolean> {
    const { path } = value;
    if (path === file.path && !(await isAsSeen(file))) return true; // its sender was quicker
    const { clock, log, pipeline, store } = this.#context;
    const told = (where: string) => `${REFUSED}/${toldOf({ ...file, key: basename(where) })}`;
    const note = (where: string) => {
      const reason = where === path ? reasonOf(error) : `${reasonOf(error)}; it is kept as ${told(where)}`;
      const letter = { pipeline, origin, reason, raw: rawOf({ ...value, path: where }) };
      return store.commit([(transaction) => transaction.deadLetterMoved(letter)]);
    };
    try {
      const removed = await setAside(path, { atMs: clock.now(), filesMax: this.#refusedMax, note });
      if (removed > 0) log.warn({ pipeline, files: removed }, 'the oldest refused files were removed to make room');
      return true;
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException; // its message has a path in it, and that may hold a number
      log.error({ pipeline, file: toldOf(file), code }, 'a refused file cannot be moved: its name stays taken');
      return false;
    }
  }

  async #isToBeRemembered(file: SeenFile): Promise<boolean> {
    try {
      return await this.#release(file);
    } catch (thrown) {
      const error = IovError.from(thrown);
      if (error.code === 'STOPPED') throw error;
      this.#context.log.error({ file: toldOf(file), code: error.code }, `a handled file stays: ${error.message}`);
      return true;
    }
  }

  #remembered(file: SeenFile): Effect {
    const position = { offset: file.bytes, line: 0, fingerprint: fingerprintOf(file) };
    return (transaction) => transaction.setPosition(this.#context.pipeline, file.key, position);
  }
}

const rawOf = (file: PackedFile) => Buffer.from(JSON.stringify(file));
