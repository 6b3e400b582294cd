import { isDeepStrictEqual } from 'node:util';
import type { PackedFile } from '../contract/file.js';
import type { Item, Lines, Shape } from '../contract/item.js';
import { type CheckedPipeline, givenBy } from './config.js';

/** Is shown what passes an edge; it masks what it tells, and takes no time. */
export type Tap = (item: Item, shape: Shape) => void;

/**
 * An operator or a sink, and the edge that leads into it: plain numbers that only rise, but for `underWay`. An item costs a few
 * additions, and a look whether anybody watches.
 */
export class LivePart {
  /** Its word in the pipeline file: `decrypt`. */
  readonly name: string;
  /** Below the pipeline: `operators[1].decrypt`. */
  readonly place: string;
  /** Of what comes in. */
  readonly shape: Shape;
  items = 0;
  /** Where `shape` is `bytes`: an item of an export is a whole stretch of them. */
  records = 0;
  /** Where they are known: as they came, encoded, or of a file on the disk. */
  bytes = 0;
  failed = 0;
  /** Items in here now: waited for, in a worker, or being written. */
  underWay = 0;
  /** How many may be; what is fused and never waits stays at one. */
  limit = 1;
  #fullMs = 0;
  #fullSince = 0;
  #tap: Tap | undefined;
  /** With what each is told at the end. */
  readonly #watchers = new Map<Tap, () => void>();

  constructor(name: string, place: string, shape: Shape) {
    this.name = name;
    this.place = place;
    this.shape = shape;
  }

  /** An item comes in by the edge. */
  count(item: Item): void {
    this.items += 1;
    if (this.shape === 'bytes') {
      const { count, residentBytes } = item.value as Lines;
      this.records += count;
      this.bytes += residentBytes;
    } else if (this.shape === 'file') this.bytes += (item.value as PackedFile).bytes;
    else if (item.raw) this.bytes += item.raw.byteLength;
    if (this.#tap) this.#tap(item, this.shape);
  }

  begin(): void {
    this.underWay += 1;
    if (this.underWay === this.limit) this.#fullSince = performance.now();
  }

  end(): void {
    if (this.underWay === this.limit) this.#fullMs += performance.now() - this.#fullSince;
    this.underWay -= 1;
  }

  /** For how long it has had no place for another item, so that what comes before it waited: the back-pressure of its edge. */
  get fullMs(): number {
    return this.#fullMs + (this.underWay >= this.limit ? performance.now() - this.#fullSince : 0);
  }

  /**
   * Shows a watcher what passes from now on, until the function returned is called. One that throws sees no more.
   * @param ended called where nothing will pass here any more
   */
  watch(watcher: Tap, ended: () => void): () => void {
    this.#watchers.set(watcher, ended);
    this.#tap = (item, shape) => {
      for (const one of this.#watchers.keys()) {
        try {
          one(item, shape);
        } catch {
          this.#retire(one);
        }
      }
    };
    return () => this.#forget(watcher);
  }

  /** The pipeline has been written anew, or has gone: another part counts in its place. */
  retire(): void {
    for (const watcher of [...this.#watchers.keys()]) this.#retire(watcher);
  }

  #retire(watcher: Tap): void {
    const ended = this.#watchers.get(watcher);
    this.#forget(watcher);
    ended?.();
  }

  #forget(watcher: Tap): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) this.#tap = undefined;
  }
}

/** What one pipeline does, over all its runs in this process. */
export class LivePipeline {
  readonly name: string;
  /** The source's word in the pipeline file. */
  readonly source: string;
  /** Operators and sink, in order; the edge of the first comes from the source. */
  readonly parts: readonly LivePart[];
  /** Items that have arrived at the sink. */
  arrived = 0;
  /** Failed items by their code. */
  readonly failures = new Map<string, number>();
  /** Runs of it that read and write now. */
  running = 0;
  /** When an item settled last, on the clock of `performance.now()`; undefined where none has. */
  lastSettledMs: number | undefined;
  /** Items that have been read and wait to come in; of each run. */
  readonly waits = new Set<() => number>();
  /** Steps that its sinks have taken on their way to an end; of each run. */
  readonly strides = new Set<() => number>();
  readonly #pipeline: CheckedPipeline;

  constructor(pipeline: CheckedPipeline) {
    const { name, source, operators, sink } = pipeline;
    this.#pipeline = pipeline;
    this.name = name;
    this.source = source.spec.name;
    let shape = givenBy({ source });
    this.parts = [...operators, sink].map(({ spec, place }) => {
      const part = new LivePart(spec.name, place.slice(name.length + 1), shape);
      if (spec.role === 'operator' && spec.gives !== 'same') shape = spec.gives;
      return part;
    });
  }

  /** Whether it is this pipeline, and not one of its name that differs. */
  counts(pipeline: CheckedPipeline): boolean {
    return isDeepStrictEqual(this.#pipeline, pipeline);
  }

  /** Items that a part of it works on now; one that waits for others, as a record in a file that is not full, is none of them. */
  get underWay(): number {
    return this.parts.reduce((sum, part) => sum + part.underWay, 0);
  }

  get waiting(): number {
    return [...this.waits].reduce((sum, waits) => sum + waits(), 0);
  }

  get steps(): number {
    return [...this.strides].reduce((sum, steps) => sum + steps(), 0);
  }

  settled(code?: string): void {
    this.lastSettledMs = performance.now();
    if (code === undefined) this.arrived += 1;
    else this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
  }
}

/** The counters of every pipeline of a process. */
export class Live {
  #pipelines: ReadonlyMap<string, LivePipeline> = new Map();

  constructor(pipelines: readonly CheckedPipeline[]) {
    this.follow(pipelines);
  }

  get pipelines(): readonly LivePipeline[] {
    return [...this.#pipelines.values()];
  }

  /** The counters of a pipeline. */
  of(name: string): LivePipeline | undefined {
    return this.#pipelines.get(name);
  }

  /**
   * Counts these and no others from now on. One that is as it was goes on, unless it is `restarted`; the rest count from nothing,
   * and who watches what they were is told that it has ended.
   */
  follow(pipelines: readonly CheckedPipeline[], restarted: readonly string[] = []): void {
    const before = new Map(this.#pipelines);
    const next = new Map<string, LivePipeline>();
    for (const pipeline of pipelines) {
      const { name } = pipeline;
      const known = before.get(name);
      if (known?.counts(pipeline) && !restarted.includes(name)) {
        before.delete(name);
        next.set(name, known);
      } else next.set(name, new LivePipeline(pipeline));
    }
    this.#pipelines = next;
    for (const { parts } of before.values()) for (const part of parts) part.retire();
  }
}
