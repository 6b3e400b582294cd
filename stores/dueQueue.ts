import type { Clock } from '../contract/context.js';
import type { DueFile, DueFileFilter, Store } from '../contract/store.js';

/** A due file whose turn it is. */
export interface Turn {
  file: DueFile;
  /** How often it has failed since this process began. */
  failures: number;
}

interface Known {
  failures: number;
  /** When its turn comes again, by the machine's time; never while it is under way. */
  atMs: number;
  /** By the pipelines' clock: its deadline, where that has yet to be noticed. */
  dueAtMs: number;
}

export interface DueQueueOptions {
  content: DueFileFilter['content'];
  codes?: ReadonlySet<string> | undefined;
  pollMs: number;
  /** Failed files remembered with the time of their next turn. */
  waitingMax: number;
  /** When those beyond `waitingMax` are looked up again. */
  againMs: number;
}

const PAGE = 500;
/** Past its deadline a file is looked at so often, until its expiry has been noted. */
const EXPIRY_LOOK_MS = 1_000;
const NEVER = Number.POSITIVE_INFINITY;

/**
 * Whose turn it is among the open due files. New ones are paged through by a cursor, oldest first; what has failed waits for
 * its time. The two take turns, so that neither holds up the other. Memory is bounded: failed files beyond `waitingMax` are
 * forgotten, and found again by a walk from the oldest on. The ledger has the last word on each file, when its turn comes.
 */
export class DueQueue {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #options: DueQueueOptions;
  /** Under way, ready or waiting, by name. */
  readonly #known = new Map<string, Known>();
  /** Names whose turn has come again. */
  readonly #ready: string[] = [];
  readonly #fresh = new Walk();
  #walk: Walk | undefined;
  #walkAtMs = NEVER;
  #lookAtMs = 0;
  #oldFirst = false;

  constructor(store: Store, clock: Clock, options: DueQueueOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
  }

  /** How long there is nothing to do; 0 where `next` may be asked at once. */
  get restMs(): number {
    const { names, isAtEnd } = this.#fresh;
    const isBusy = this.#ready.length > 0 || this.#walk !== undefined || names.length > 0 || !isAtEnd;
    return isBusy ? 0 : Math.max(0, this.#lookAtMs - performance.now());
  }

  /** The next file, which is under way until `again` or `done`; undefined where there is none for now. */
  next(): Turn | undefined {
    this.#look();
    this.#oldFirst = !this.#oldFirst;
    const name = this.#oldFirst ? (this.#old() ?? this.#new()) : (this.#new() ?? this.#old());
    if (name === undefined) return undefined;
    const file = this.#store.dueFile(name);
    if (file?.state !== 'open') {
      this.#known.delete(name); // it has been seen to in another way
      return undefined;
    }
    const { failures } = this.#known.get(name) ?? { failures: 0 };
    this.#known.set(name, { failures, atMs: NEVER, dueAtMs: NEVER });
    return { file, failures };
  }

  /** Its turn comes again after so long, and at its deadline. */
  again({ file, failures }: Turn, afterMs: number): void {
    const now = performance.now();
    if (this.#known.size > this.#options.waitingMax) {
      this.#known.delete(file.name);
      this.#walkAtMs = Math.min(this.#walkAtMs, now + this.#options.againMs);
      return;
    }
    const isLate = file.dueAt <= this.#clock.now();
    const [atMs, dueAtMs] = isLate ? [now + EXPIRY_LOOK_MS, NEVER] : [now + afterMs, file.dueAt];
    this.#known.set(file.name, { failures: failures + 1, atMs, dueAtMs });
  }

  done({ file }: Turn): void {
    this.#known.delete(file.name);
  }

  /** Every `pollMs`: what is new, and whose time has come. */
  #look(): void {
    const now = performance.now();
    if (now < this.#lookAtMs) return;
    this.#lookAtMs = now + this.#options.pollMs;
    this.#fresh.isAtEnd = false;
    const time = this.#clock.now();
    for (const [name, known] of this.#known) {
      if (known.atMs > now && known.dueAtMs > time) continue;
      this.#known.set(name, { ...known, atMs: NEVER, dueAtMs: NEVER });
      this.#ready.push(name);
    }
    if (this.#walk || now < this.#walkAtMs) return;
    this.#walkAtMs = NEVER;
    this.#walk = new Walk(this.#fresh.afterId);
  }

  #new(): string | undefined {
    return this.#step(this.#fresh);
  }

  #old(): string | undefined {
    const ready = this.#ready.shift();
    if (ready !== undefined || !this.#walk) return ready;
    const name = this.#step(this.#walk);
    if (this.#walk.isAtEnd && this.#walk.names.length === 0) this.#walk = undefined;
    return name;
  }

  /** One name, reading a page at most; other people's files are passed over here, so that the cursor leaves them behind. */
  #step(walk: Walk): string | undefined {
    const { content, codes } = this.#options;
    if (walk.names.length === 0 && !walk.isAtEnd) {
      const page = this.#store.dueFiles({ content, state: 'open', afterId: walk.afterId, limit: PAGE });
      walk.afterId = page.at(-1)?.id ?? walk.afterId;
      walk.isAtEnd = page.length < PAGE || walk.afterId >= walk.upToId;
      const own = page.filter(
        ({ id, code, name }) => id <= walk.upToId && !this.#known.has(name) && (codes?.has(code) ?? true),
      );
      walk.names = own.map(({ name }) => name).reverse();
    }
    const name = walk.names.pop();
    return name !== undefined && this.#known.has(name) ? undefined : name;
  }
}

/** A way through the open files by their ids. */
class Walk {
  readonly upToId: number;
  afterId = 0;
  /** No more pages for now. */
  isAtEnd = false;
  /** Of the page read last, the next one at the end. */
  names: string[] = [];

  constructor(upToId: number = NEVER) {
    this.upToId = upToId;
  }
}
