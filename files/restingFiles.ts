import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { likeAny } from './globs.js';
import { GoneFiles } from './goneFiles.js';
import { fingerprintOf, type SeenFile, toldOf } from './receivedFiles.js';
import { StaleFiles } from './staleFiles.js';

export interface RestOptions {
  match: string[];
  except: string[];
  pollMs: number;
  waitingMax: number;
  staleTmpMs: number;
}

/** How files are known. */
export interface Keys {
  /** What the ledger puts before their keys. */
  prefix: string;
  /** How many folders a key names: one where each of several senders has their own, `oem1/a.bin`. */
  folders: 0 | 1;
}

/** What a look has found. */
export interface Look {
  /** Files that nobody writes to any more, in order. */
  atRest: SeenFile[];
  /** How many more there are, which have changed since the look before or have come since. */
  restless: number;
}

/**
 * Tells of every regular file of a place; of some of them again, where it has to begin anew.
 * @param overlook told with what the keys of files begin that could not be looked at
 */
export type List = (
  see: (file: SeenFile) => void,
  signal: AbortSignal,
  overlook: (part: string) => void,
) => Promise<void>;

const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
const SUFFIX = '.tmp';
/** At most a fifth of the time is spent looking in vain, however many handled files lie there. */
const PAUSE_BY_LOOK = 4;
/** But a look that took long because the server was away is not waited for. */
const PAUSE_BY_LOOK_MS_MAX = 30_000;

/**
 * Looks at a place again and again, and tells which of its files are complete: those whose size and time were the same in two
 * looks and whose name does not end in `.tmp`. Memory is bounded by `waitingMax`, whatever the place holds: a look keeps in
 * mind only files that are not known already, of these the first in order.
 */
export class RestingFiles {
  readonly #options: RestOptions;
  readonly #context: Context;
  readonly #isKnown: (file: SeenFile) => boolean;
  readonly #order: (a: SeenFile, b: SeenFile) => number;
  readonly #isWanted: (name: string) => boolean;
  readonly #stale: StaleFiles;
  readonly #gone: GoneFiles;
  /** Files that the last look has found for the first time, or changed. */
  #restless: ReadonlyMap<string, SeenFile> = new Map();
  /** What could not be read, so that it is told once. */
  readonly #told = new Set<string>();
  #oddNames = 0;

  /** @param isKnown whether a file is under way, or has been handled as it is now */
  constructor(
    options: RestOptions,
    context: Context,
    isKnown: (file: SeenFile) => boolean,
    order: (a: SeenFile, b: SeenFile) => number,
    { prefix, folders }: Keys,
  ) {
    this.#options = options;
    this.#context = context;
    this.#isKnown = isKnown;
    this.#order = order;
    const [matches, isElsewhere] = [likeAny(options.match), likeAny(options.except)];
    this.#isWanted = (name) => matches(name) && !isElsewhere(name);
    this.#stale = new StaleFiles(context, options.staleTmpMs, options.waitingMax);
    this.#gone = new GoneFiles(context, prefix, (key) => {
      const parts = key.split('/');
      return parts.length === folders + 1 && PLAIN.test(parts.at(-1) ?? '');
    });
  }

  /** Look by look, until `stop`; what a look has found is taken before the next. */
  async *looks(list: List, stop: AbortSignal): AsyncGenerator<Look> {
    while (!stop.aborted) {
      const beganMs = performance.now();
      const look = await this.#look(list, stop);
      const lookMs = performance.now() - beganMs;
      yield look;
      const restMs = look.atRest.length > 0 ? 0 : Math.min(PAUSE_BY_LOOK * lookMs, PAUSE_BY_LOOK_MS_MAX);
      const pauseMs = Math.max(this.#options.pollMs, restMs);
      await pause(pauseMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  /** Tells once of a file that cannot be read as it is now. */
  tellOnce(file: SeenFile, { code, message }: IovError): void {
    const sight = `${file.key} ${fingerprintOf(file)}`;
    if (this.#told.has(sight)) return;
    if (this.#told.size >= this.#options.waitingMax) this.#told.clear();
    this.#told.add(sight);
    const { log, pipeline } = this.#context;
    const fields = { pipeline, file: toldOf(file), code, reason: message, alarm: 'fileUnreadable' };
    log.error(fields, 'a file cannot be taken; it is tried again at each look');
  }

  /** Tells once of what bears the name of a file that is wanted, and is none. */
  tellNoFile(name: string): void {
    if (!PLAIN.test(name) || !this.#isWanted(name)) return;
    const problem = new IovError('FILE_UNREADABLE', 'expected a plain file, got a folder, a link or a pipe');
    this.tellOnce({ key: name, name, path: '', bytes: 0, mtimeMs: 0 }, problem);
  }

  async #look(list: List, stop: AbortSignal): Promise<Look> {
    const { waitingMax } = this.#options;
    const atRest = new Map<string, SeenFile>();
    const oddNames = new Set<string>();
    let restless = new Map<string, SeenFile>();
    const see = (file: SeenFile) => {
      const { key, name } = file;
      this.#gone.see(key);
      if (name.startsWith('.')) return;
      if (!PLAIN.test(name)) return void (oddNames.size < waitingMax && oddNames.add(key));
      const isTmp = name.endsWith(SUFFIX);
      if (!this.#isWanted(isTmp ? name.slice(0, -SUFFIX.length) : name)) return;
      if (isTmp) return this.#stale.see(file);
      if (this.#isKnown(file)) return;
      const before = this.#restless.get(key);
      if (before && fingerprintOf(before) === fingerprintOf(file)) return void atRest.set(key, file);
      restless.set(key, file);
      if (restless.size >= 2 * waitingMax) restless = this.#firstOf(restless);
    };
    this.#gone.beginLook();
    try {
      await list(see, stop, (part) => this.#gone.overlook(part));
    } catch (thrown) {
      if (stop.aborted) return { atRest: [], restless: 0 };
      throw thrown;
    }
    if (!stop.aborted) await this.#gone.endLook(); // broken off, it has not found all
    this.#restless = this.#firstOf(restless);
    this.#stale.endLook();
    this.#tellOddNames(oddNames.size);
    return { atRest: [...atRest.values()].sort(this.#order), restless: restless.size };
  }

  /** Those that are kept in mind; the others have their turn later. */
  #firstOf(files: Map<string, SeenFile>): Map<string, SeenFile> {
    const { waitingMax } = this.#options;
    if (files.size <= waitingMax) return files;
    const first = [...files.values()].sort(this.#order).slice(0, waitingMax);
    return new Map(first.map((file) => [file.key, file]));
  }

  /** Without the names: what somebody calls a file by mistake may be a person. */
  #tellOddNames(count: number): void {
    const { log, pipeline } = this.#context;
    if (count > this.#oddNames)
      log.warn({ pipeline, files: count }, 'files are passed over: their names hold more than letters, digits, . _ -');
    this.#oddNames = count;
  }
}
