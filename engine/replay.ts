import { Offsets } from '../connections/offsets.js';
import type { Source } from '../contract/component.js';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { Receipt } from '../contract/receipt.js';
import type { Store } from '../contract/store.js';
import type { Tags } from '../contract/tags.js';
import { parseStrictJson } from '../notice/strictJson.js';
import { letterOf } from './deadLetters.js';

/** What is to be read of a partition or a file: `from` (included) to `to` (excluded), where that is known. */
export interface Part {
  name: string;
  from: number;
  to?: number;
  /** So many that were asked for are left to the daemon, which has not brought them yet. */
  awaited?: number;
}

/** A message or a line, not looked into yet. */
export interface Entry {
  part: string;
  /** Its number in its part; rising. */
  at: number;
  origin: string;
  bytes: number;
  /** What is known of it where it cannot be read. */
  tags(): Tags;
  /** @throws IovError where it cannot be read */
  open(): Pick<Item, 'value' | 'tags'> & { raw?: Uint8Array };
  raw: Uint8Array | undefined;
}

/** What is replayed: a stretch of a topic, or files. */
export interface Archived {
  /** What it is and its bounds, as they were asked for: under this the ledger keeps how far a replay has come. */
  readonly key: string;
  /** Its parts with the bounds as they lie now. */
  open(signal: AbortSignal): Promise<Part[]>;
  /** In groups, until all has been read or the signal aborts. */
  read(parts: readonly Part[], signal: AbortSignal): AsyncIterable<readonly Entry[]>;
  close(): Promise<void>;
}

/** `sent` counts instead of `fresh` and `seen` where no archive tells which it was. */
export interface Counts {
  read: number;
  fresh: number;
  seen: number;
  sent: number;
  dead: number;
}

export interface ReplayOptions {
  archived: Archived;
  store: Store;
  log: Log;
  pipeline: string;
  /** Whether its sink runs effects once for each item that is new to it, and not for one that it knows. */
  tellsNew: boolean;
  /** Go on where an earlier run of the same replay was broken off. */
  resume: boolean;
  /** Called when the bounds are known, with what an earlier run has done. */
  began(parts: readonly Part[], resumed: boolean): void;
  progress(counts: Counts): void;
}

interface Step {
  settle(): void;
  entry: Entry;
  /** The store has taken something of it. */
  isFresh: boolean;
}

const IN_FLIGHT_MAX = 10_000;
const IN_FLIGHT_BYTES_MAX = 67_108_864;
const NOTED_MS = 1_000;
const DONE = 'done';

/**
 * Stands in for a pipeline's source and gives what was archived, as that source would have given it. How far all has settled is
 * noted in the ledger, so that a replay that was broken off goes on there; what lies between is known again by the archive.
 */
export class ReplaySource implements Source {
  readonly counts: Counts = { read: 0, fresh: 0, seen: 0, sent: 0, dead: 0 };
  readonly #options: ReplayOptions;
  readonly #offsets = new Map<string, Offsets>();
  readonly #keeping = new Set<Promise<void>>();
  #parts: Part[] = [];
  #inFlight = 0;
  #inFlightBytes = 0;
  #isRead = false;
  #notedAt = performance.now();
  #failure: IovError | undefined;
  #wake: (() => void) | undefined;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  async *read(signal: AbortSignal): AsyncGenerator<Item> {
    const { archived, began } = this.#options;
    const whole = await archived.open(signal);
    const known = this.#known();
    this.#parts = known ? whole.map((part) => ({ ...part, ...known.get(part.name) })) : whole;
    began(this.#parts, known !== undefined);
    for (const { name } of this.#parts) this.#offsets.set(name, new Offsets());
    for await (const entries of archived.read(this.#parts, signal)) {
      for (const entry of entries) {
        while (this.#isFull()) await this.#nextSettled();
        if (this.#failure) throw this.#failure;
        if (signal.aborted) return;
        const item = this.#item(entry);
        if (item) yield item;
      }
    }
    this.#isRead = !signal.aborted;
  }

  async close(): Promise<void> {
    await Promise.all(this.#keeping);
    await this.#note();
    this.#parts = []; // what settles later, of a run that was broken off, notes nothing
    await this.#options.archived.close();
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
  }

  /** Undefined for what cannot be read: a dead letter. */
  #item(entry: Entry): Item | undefined {
    const step = this.#begin(entry);
    try {
      const receipt = new Receipt((error) => this.#settled(step, error));
      const effects = this.#options.tellsNew
        ? [
            () => {
              step.isFresh = true;
            },
          ]
        : [];
      return { ...entry.open(), origin: entry.origin, receipt, effects };
    } catch (thrown) {
      this.#options.log.warn({ origin: entry.origin, code: IovError.from(thrown).code }, 'it cannot be read');
      this.#settled(step, IovError.from(thrown, entry.origin));
      return undefined;
    }
  }

  #begin(entry: Entry): Step {
    const offsets = this.#offsets.get(entry.part);
    const begun = offsets?.begin(entry.at);
    this.counts.read += 1;
    this.#inFlight += 1;
    this.#inFlightBytes += entry.bytes;
    return { entry, isFresh: false, settle: () => begun && offsets?.settle(begun) };
  }

  #settled(step: Step, error: IovError | undefined): void {
    if (!error) this.counts[!this.#options.tellsNew ? 'sent' : step.isFresh ? 'fresh' : 'seen'] += 1;
    // what may go well later is not handled: the replay stops, and goes on with it when it is called again
    if (error?.retryable) this.#failure ??= error;
    if (!error) step.settle();
    if (error && !error.retryable) this.#keep(step, error);
    this.#inFlight -= 1;
    this.#inFlightBytes -= step.entry.bytes;
    this.#wake?.();
    this.#options.progress(this.counts);
    if (performance.now() - this.#notedAt > NOTED_MS) {
      this.#notedAt = performance.now();
      void this.#note();
    }
  }

  #keep(step: Step, error: IovError): void {
    const { entry } = step;
    const { store, pipeline } = this.#options;
    const about = { origin: entry.origin, tags: entry.tags(), ...(entry.raw && { raw: entry.raw }) };
    const letter = letterOf(pipeline, about, error);
    const kept = store
      .commit([(transaction) => transaction.addDeadLetter(letter)])
      .then(
        () => {
          this.counts.dead += 1;
          step.settle();
        },
        (thrown: unknown) => {
          this.#failure ??= IovError.from(thrown);
        },
      )
      .finally(() => this.#keeping.delete(kept));
    this.#keeping.add(kept);
  }

  /** By part: where an earlier run was broken off, and the end that it had fixed; undefined where there was none. */
  #known(): Map<string, Pick<Part, 'from' | 'to'>> | undefined {
    const { store, pipeline, archived, resume } = this.#options;
    const noted = resume ? store.position(pipeline, archived.key)?.fingerprint : undefined;
    if (noted === undefined || noted === DONE) return undefined;
    const { parts } = parseStrictJson(Buffer.from(noted)) as { parts?: Part[] };
    return new Map((parts ?? []).map(({ name, from, to }) => [name, to === undefined ? { from } : { from, to }]));
  }

  async #note(): Promise<void> {
    if (this.#parts.length === 0) return;
    const { store, pipeline, archived, log } = this.#options;
    const isDone = this.#isRead && !this.#failure && this.#inFlight === 0;
    const parts = this.#parts.map((part) => ({ ...part, from: this.#offsets.get(part.name)?.next ?? part.from }));
    const fingerprint = isDone ? DONE : JSON.stringify({ parts });
    const position = { offset: this.counts.read - this.#inFlight, line: 0, fingerprint };
    await store
      .commit([(transaction) => transaction.setPosition(pipeline, archived.key, position)])
      .catch((thrown: unknown) => {
        log.warn({ pipeline }, `how far the replay has come was not noted: ${IovError.from(thrown).message}`);
      });
  }

  #isFull(): boolean {
    if (this.#failure || this.#inFlight === 0) return false;
    return this.#inFlight >= IN_FLIGHT_MAX || this.#inFlightBytes >= IN_FLIGHT_BYTES_MAX;
  }

  #nextSettled(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
