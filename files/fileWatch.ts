import { setTimeout as pause } from 'node:timers/promises';
import { Type } from 'typebox';
import type { Source } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { fileOptions } from './fileOptions.js';
import { GLOB, likeAny } from './globs.js';
import { fingerprintOf, ReceivedFiles, type SeenFile, toldOf } from './receivedFiles.js';
import { StaleFiles } from './staleFiles.js';

/** Where files arrive: a directory of this machine, or of a server. */
export interface Place {
  /** For origins: `sftp HT_CMD-7_LSV1.bin`. */
  prefix: string;
  /** How many files are brought at once. */
  concurrency: number;
  open(): Promise<void>;
  /** Tells of every regular file; of some of them again, where it has to begin anew. */
  list(see: (file: SeenFile) => void, signal: AbortSignal): Promise<void>;
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
  fileBytesMax: count('Greatest file; a larger one becomes a dead letter.', 1_000_000_000, 1, 1_000_000_000_000),
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
  'counts as handled when it has arrived at the sink or has become a dead letter; the ledger then remembers its size and',
  'time, so that other content under the same name comes again. What was not handled comes again after a restart.',
].join('\n');

export interface WatchOptions {
  match: string[];
  except: string[];
  pollMs: number;
  fileBytesMax: number;
  waitingMax: number;
  staleTmpMs: number;
}

const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
const SUFFIX = '.tmp';
/** At most a fifth of the time is spent looking in vain, however many handled files lie there. */
const PAUSE_BY_LOOK = 4;
/** But a look that took long because the server was away is not waited for. */
const PAUSE_BY_LOOK_MS_MAX = 30_000;
/** How long files that have just arrived may take to be released when the source closes. */
const RELEASE_MS = 5_000;

/**
 * Looks at a place again and again and gives what has come to rest. Memory is bounded by `waitingMax`, whatever the place
 * holds: a look keeps in mind only files that are neither handled nor under way, for the ledger knows the others.
 */
export class FileWatch implements Source {
  readonly #place: Place;
  readonly #options: WatchOptions;
  readonly #context: Context;
  readonly #isWanted: (name: string) => boolean;
  readonly #received: ReceivedFiles;
  readonly #stale: StaleFiles;
  readonly #closing = new AbortController();
  readonly #releasing = new AbortController();
  /** Fingerprints of files that the last look has found for the first time, or changed. */
  #restless = new Map<string, string>();
  /** What could not be read, so that it is told once. */
  readonly #told = new Set<string>();
  #oddNames = 0;

  constructor(place: Place, options: WatchOptions, context: Context) {
    this.#place = place;
    this.#options = options;
    this.#context = context;
    const [matches, isElsewhere] = [likeAny(options.match), likeAny(options.except)];
    this.#isWanted = (name) => matches(name) && !isElsewhere(name);
    this.#received = new ReceivedFiles(context, (file) => place.release(file, this.#releasing.signal));
    this.#stale = new StaleFiles(context, options.staleTmpMs, options.waitingMax);
  }

  open(): Promise<void> {
    return this.#place.open();
  }

  async *read(signal: AbortSignal): AsyncGenerator<Item> {
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    while (!stop.aborted) {
      const beganMs = performance.now();
      const files = await this.#look(stop);
      const lookMs = performance.now() - beganMs;
      yield* this.#items(files, stop);
      const { pollMs } = this.#options;
      const restMs = files.length > 0 ? 0 : Math.min(PAUSE_BY_LOOK * lookMs, PAUSE_BY_LOOK_MS_MAX);
      const pauseMs = Math.max(pollMs, restMs);
      await pause(pauseMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const timer = setTimeout(() => this.#releasing.abort(), RELEASE_MS);
    await this.#received.close();
    clearTimeout(timer);
  }

  /** What has come to rest since the look before, oldest first. */
  async #look(stop: AbortSignal): Promise<SeenFile[]> {
    const restless = new Map<string, string>();
    const atRest = new Map<string, SeenFile>();
    const oddNames = new Set<string>();
    const see = (file: SeenFile) => {
      const { key, name } = file;
      if (name.startsWith('.')) return;
      if (!PLAIN.test(name)) return void (oddNames.size < this.#options.waitingMax && oddNames.add(key));
      const isTmp = name.endsWith(SUFFIX);
      if (!this.#isWanted(isTmp ? name.slice(0, -SUFFIX.length) : name)) return;
      if (isTmp) return this.#stale.see(file);
      if (this.#received.isUnderWay(file) || this.#received.isHandled(file)) return;
      const fingerprint = fingerprintOf(file);
      if (this.#restless.get(key) === fingerprint) atRest.set(key, file);
      else if (restless.size < this.#options.waitingMax) restless.set(key, fingerprint);
    };
    try {
      await this.#place.list(see, stop);
    } catch (thrown) {
      if (stop.aborted) return [];
      throw thrown;
    }
    this.#restless = restless;
    this.#stale.endLook();
    this.#tellOddNames(oddNames.size);
    return [...atRest.values()].sort((a, b) => a.mtimeMs - b.mtimeMs || (a.key < b.key ? -1 : 1));
  }

  /** Without the names: what somebody calls a file by mistake may be a person. */
  #tellOddNames(count: number): void {
    const { log, pipeline } = this.#context;
    if (count > this.#oddNames)
      log.warn({ pipeline, files: count }, 'files are passed over: their names hold more than letters, digits, . _ -');
    this.#oddNames = count;
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
      if (!stop.aborted) this.#tellOnce(file, IovError.from(thrown));
      return undefined;
    }
  }

  #tellOnce(file: SeenFile, { code, message }: IovError): void {
    const sight = `${file.key} ${fingerprintOf(file)}`;
    if (this.#told.has(sight)) return;
    if (this.#told.size >= this.#options.waitingMax) this.#told.clear();
    this.#told.add(sight);
    const { log, pipeline } = this.#context;
    const fields = { pipeline, file: toldOf(file), code, reason: message, alarm: 'fileUnreadable' };
    log.error(fields, 'a file cannot be taken; it is tried again at each look');
  }
}
