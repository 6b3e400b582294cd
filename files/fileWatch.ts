import type { Source } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { Type } from '../contract/schema.js';
import { fileOptions } from './fileOptions.js';
import { GLOB } from './globs.js';
import { ReceivedFiles, type SeenFile, toldOf } from './receivedFiles.js';
import { type Keys, type List, RestingFiles, type RestOptions } from './restingFiles.js';

/** Where files arrive: a directory of this machine, or of a server. */
export interface Place {
  /** For origins: `sftp HT_CMD-7_LSV1.bin`. */
  prefix: string;
  /** How many folders a file's key names. */
  folders: Keys['folders'];
  /** How many files are brought at once. */
  concurrency: number;
  open(): Promise<void>;
  list: List;
  /** Its path on this machine, once it is there; undefined where it is gone or has changed. */
  bring(file: SeenFile, signal: AbortSignal): Promise<string | undefined>;
  /** What becomes of a file that has arrived; whether it stays in its place. */
  release(file: SeenFile, signal: AbortSignal): Promise<boolean>;
}

const count = (description: string, value: number, minimum: number, maximum: number) =>
  Type.Integer({ description, default: value, minimum, maximum });

/** Options of every source that watches a place. */
export const watchOptions = {
  match: Type.Array(Type.String({ pattern: GLOB }), {
    description: 'Names that are taken; `*` stands for any characters, `?` for one.',
    default: ['*'],
    minItems: 1,
    maxItems: 100,
    examples: [['KH_*.bin', 'HT_*.bin']],
  }),
  pollMs: count('Time between two looks; a look that takes long is followed by a longer pause.', 1_000, 10, 3_600_000),
  fileBytesMax: count(
    'Greatest file; a larger one becomes a dead letter, and stays where it is.',
    1_000_000_000,
    1,
    1_000_000_000_000,
  ),
  waitingMax: count(
    'Files kept in mind from one look to the next; others have their turn later.',
    10_000,
    1,
    1_000_000,
  ),
  ...fileOptions,
};

export const HOW_FILES_ARE_TAKEN = [
  'A file is taken when its size and its time are the same in two looks, and never while its name ends in `.tmp`. Hidden',
  'files, symbolic links, and names with other characters than letters, digits, `.`, `_` and `-` are passed over. A file',
  'counts as handled when it has arrived at the sink; the ledger then remembers its size and time, so that other content',
  'under the same name comes again. One that became a dead letter moves into `refused/` beside it. What was not handled',
  'comes again after a restart.',
].join('\n');

export interface WatchOptions extends RestOptions {
  fileBytesMax: number;
  refusedMax: number;
}

/** How long files that have just arrived may take to be released when the source closes. */
const RELEASE_MS = 5_000;

const oldestFirst = (a: SeenFile, b: SeenFile) => a.mtimeMs - b.mtimeMs || (a.key < b.key ? -1 : 1);

/** Gives what has come to rest in a place, oldest first; the ledger knows what has been handled. */
export class FileWatch implements Source {
  readonly #place: Place;
  readonly #options: WatchOptions;
  readonly #received: ReceivedFiles;
  readonly #resting: RestingFiles;
  readonly #closing = new AbortController();
  readonly #releasing = new AbortController();

  constructor(place: Place, options: WatchOptions, context: Context) {
    this.#place = place;
    this.#options = options;
    const { refusedMax } = options;
    const received = new ReceivedFiles(context, refusedMax, (file) => place.release(file, this.#releasing.signal));
    const isKnown = (file: SeenFile) => received.isUnderWay(file) || received.isHandled(file);
    this.#received = received;
    this.#resting = new RestingFiles(options, context, isKnown, oldestFirst, { prefix: '', folders: place.folders });
  }

  open(): Promise<void> {
    return this.#place.open();
  }

  async *read(signal: AbortSignal): AsyncGenerator<Item> {
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    const list: List = (...look) => this.#place.list(...look);
    for await (const { atRest } of this.#resting.looks(list, stop)) yield* this.#items(atRest, stop);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const timer = setTimeout(() => this.#releasing.abort(), RELEASE_MS);
    await this.#received.close();
    clearTimeout(timer);
  }

  /** Brings some files ahead of their turn, where the place is far away; gives them in order. */
  async *#items(files: readonly SeenFile[], stop: AbortSignal): AsyncGenerator<Item> {
    const ahead: Promise<Item | undefined>[] = [];
    let begun = 0;
    try {
      for (let at = 0; at < files.length && !stop.aborted; at += 1) {
        for (; begun < Math.min(files.length, at + this.#place.concurrency); begun += 1)
          ahead.push(this.#item(files[begun]!, stop));
        const item = await ahead.shift();
        if (item && !stop.aborted) yield item;
      }
    } finally {
      await Promise.all(ahead); // once the reading is over nothing is brought any more
    }
  }

  /** Undefined where there is nothing to give; never rejects. */
  async #item(file: SeenFile, stop: AbortSignal): Promise<Item | undefined> {
    const origin = `${this.#place.prefix}${toldOf(file)}`;
    const { fileBytesMax } = this.#options;
    try {
      if (file.bytes > fileBytesMax) {
        const problem = `${toldOf(file)}: expected at most ${fileBytesMax} bytes, got ${file.bytes}`;
        await this.#received.refuse(file, origin, new IovError('FILE_INVALID', problem));
        return undefined;
      }
      const path = await this.#place.bring(file, stop);
      return path === undefined ? undefined : await this.#received.item(file, path, origin);
    } catch (thrown) {
      if (!stop.aborted) this.#resting.tellOnce(file, IovError.from(thrown));
      return undefined;
    }
  }
}
