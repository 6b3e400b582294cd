import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { PackedFile } from '../contract/file.js';
import type { Item } from '../contract/item.js';
import { Receipt } from '../contract/receipt.js';
import type { Effect } from '../contract/store.js';
import { toldName } from '../notice/fileName.js';
import { maskNumbers } from '../notice/mask.js';
import { digestOf } from './plainFile.js';

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

/**
 * What a source of files knows of those that it gives: which are under way, and which have been handled. A file is handled
 * when it has arrived or has failed for good; the ledger remembers it until it changes. What is not handled comes again at
 * the next start.
 */
export class ReceivedFiles {
  readonly #context: Context;
  readonly #release: (file: SeenFile) => Promise<boolean>;
  readonly #underWay = new Set<string>();
  readonly #settling = new Set<Promise<void>>();

  /** @param release what becomes of a file that has arrived; tells whether it stays, and has to be remembered */
  constructor(context: Context, release: (file: SeenFile) => Promise<boolean>) {
    this.#context = context;
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
      receipt: new Receipt((error) => this.#settle(file, error)),
      effects: [],
      raw: Buffer.from(JSON.stringify(value)), // where it lies: `dead retry` takes it up from there
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

  #settle(file: SeenFile, error: IovError | undefined): void {
    if (error?.retryable) return; // not handled: it comes again when the run begins anew
    const noting = this.#finish(file, error).catch((thrown: unknown) => {
      const reason = IovError.from(thrown).message;
      this.#context.log.error(
        { file: toldOf(file), reason },
        'a handled file cannot be noted; it comes again at the next start',
      );
    });
    const settling = noting.finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
  }

  async #finish(file: SeenFile, error: IovError | undefined): Promise<void> {
    // A failed file is never removed: its dead letter names it, and `dead retry` needs its bytes.
    if (error || (await this.#isToBeRemembered(file))) await this.#context.store.commit([this.#remembered(file)]);
    this.#underWay.delete(file.key);
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
