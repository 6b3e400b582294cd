import type { Upload } from '../contract/connection.js';
import type { Clock, Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Shape } from '../contract/item.js';
import type { Engine } from '../engine/engine.js';
import type { LivePart, LivePipeline } from '../engine/live.js';

const TICK_MS = 1_000;

/** An operator or a sink, and what has come in by its edge; rates are a second's, of the last one. */
export interface PartView {
  name: string;
  place: string;
  shape: Shape;
  items: number;
  records: number;
  bytes: number;
  failed: number;
  underWay: number;
  limit: number;
  itemsPerSecond: number;
  recordsPerSecond: number;
  bytesPerSecond: number;
  /** Share of the last second in which it had no place for another item: back-pressure on its edge. */
  full: number;
}

export interface PipelineView {
  name: string;
  source: string;
  running: boolean;
  underWay: number;
  waiting: number;
  arrived: number;
  failures: Record<string, number>;
  /** Since an item settled last; absent where none has. */
  settledAgoMs?: number;
  parts: PartView[];
}

export interface ConnectionView {
  name: string;
  kind: string;
  open: number;
  max: number;
  uploads: readonly Upload[];
}

export interface LiveView {
  /** On the pipelines' clock. */
  at: number;
  uptimeSeconds: number;
  memoryBytes: number;
  /** Share of the last second that the event loop worked. */
  busy: number;
  pipelines: PipelineView[];
  connections: ConnectionView[];
}

interface Before {
  items: number;
  records: number;
  bytes: number;
  fullMs: number;
}

const NOTHING: Before = { items: 0, records: 0, bytes: 0, fullMs: 0 };

/** What the pipelines do now: looks once a second, and tells whoever listens. */
export class LiveWatch {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listeners = new Set<(view: LiveView) => void>();
  readonly #timer: NodeJS.Timeout;
  #before = new Map<LivePart, Before>();
  #lookedAt = performance.now();
  #loop = performance.eventLoopUtilization();
  #view: LiveView;

  constructor(engine: Engine, clock: Clock, log: Log) {
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
    this.#view = this.#look();
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /** The last look. */
  get view(): LiveView {
    return this.#view;
  }

  listen(listener: (view: LiveView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  #tick(): void {
    try {
      this.#view = this.#look();
      for (const listener of this.#listeners) listener(this.#view);
    } catch (thrown) {
      // who watches does not stop what is watched
      const { code, message } = IovError.from(thrown);
      this.#log.error({ code }, `the live view: ${message}`);
    }
  }

  #look(): LiveView {
    const now = performance.now();
    const spanMs = Math.max(1, now - this.#lookedAt);
    this.#lookedAt = now;
    const before = this.#before;
    this.#before = new Map();
    const loop = performance.eventLoopUtilization();
    const busy = performance.eventLoopUtilization(loop, this.#loop).utilization;
    this.#loop = loop;
    return {
      at: this.#clock.now(),
      uptimeSeconds: Math.floor(process.uptime()),
      memoryBytes: process.memoryUsage.rss(),
      busy: rounded(busy),
      pipelines: (this.#engine.live?.pipelines ?? []).map((pipeline) => this.#pipeline(pipeline, before, spanMs, now)),
      connections: this.#connections(),
    };
  }

  #pipeline(live: LivePipeline, before: ReadonlyMap<LivePart, Before>, spanMs: number, now: number): PipelineView {
    const { name, source, running, underWay, waiting, arrived, failures, lastSettledMs } = live;
    return {
      name,
      source,
      running: running > 0,
      underWay,
      waiting,
      arrived,
      failures: Object.fromEntries(failures),
      ...(lastSettledMs !== undefined && { settledAgoMs: Math.round(now - lastSettledMs) }),
      parts: live.parts.map((part) => this.#part(part, before.get(part) ?? NOTHING, spanMs)),
    };
  }

  #part(part: LivePart, before: Before, spanMs: number): PartView {
    const { name, place, shape, items, records, bytes, failed, underWay, limit, fullMs } = part;
    this.#before.set(part, { items, records, bytes, fullMs });
    const perSecond = (rise: number) => rounded((rise * 1_000) / spanMs);
    return {
      name,
      place,
      shape,
      items,
      records,
      bytes,
      failed,
      underWay,
      limit,
      itemsPerSecond: perSecond(items - before.items),
      recordsPerSecond: perSecond(records - before.records),
      bytesPerSecond: perSecond(bytes - before.bytes),
      full: rounded(Math.min(1, Math.max(0, fullMs - before.fullMs) / spanMs)),
    };
  }

  #connections(): ConnectionView[] {
    return Object.entries(this.#engine.config.connections).flatMap(([name, { spec }]) => {
      const { usage, uploads = [] } = this.#engine.connections.get(name) ?? {};
      return usage ? [{ name, kind: spec.name, ...usage, uploads }] : [];
    });
  }
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
