import type { Clock } from '../contract/context.js';
import type { DueFile, StoreStatus } from '../contract/store.js';
import type { CheckedPipeline } from '../engine/config.js';
import { nextTime } from '../engine/cron.js';
import type { Engine } from '../engine/engine.js';
import { timeAfter } from '../engine/schedule.js';
import { windowName } from '../notice/batch.js';
import { cutoffMs } from '../notice/cutoff.js';

/** Looking costs the store a moment; many who watch share one look. */
const KEPT_MS = 2_000;
const DUE_LOOKED_MAX = 500;
const DUE_SHOWN_MAX = 60;

export interface WindowView {
  /** `KH_0002_2022111600_P`. */
  name: string;
  pipeline: string;
  cutoff: string;
  state: 'open' | 'delivered';
  plannedAt: number;
  deliveredAt?: number;
  /** `finishBy` of its pipeline. */
  deadline?: number;
  /** At the pace seen since we look; absent where nothing is delivered yet. */
  expectedAt?: number;
  files: { known: number; packed: number; uploading: number; delivered: number };
  records: { total: number; delivered: number };
}

export interface LedgerView {
  at: number;
  records: { kind: string; count: number; bytes: number; lastAcceptedAt: number }[];
  cards: StoreStatus['cards'];
  deadLetters: number;
  windows: WindowView[];
  /** When each schedule has its next turn. */
  schedules: { pipeline: string; nextAt: number; finishBy?: string }[];
  dueFiles: StoreStatus['dueFiles'];
  /** What commands wait for, and nobody has given up. */
  due: Pick<DueFile, 'name' | 'content' | 'requestId' | 'code' | 'acceptedAt' | 'dueAt' | 'state' | 'reason'>[];
}

/** What the ledger knows, as people watch it: windows against their time, commands against their six hours. */
export class LedgerWatch {
  readonly #engine: Pick<Engine, 'store' | 'config'>;
  readonly #clock: Clock;
  readonly #keptMs: number;
  /** Where each open window stood when it was first seen: the pace counts from there. */
  readonly #seen = new Map<number, { at: number; delivered: number }>();
  #kept: { until: number; view: LedgerView } | undefined;

  constructor(engine: Pick<Engine, 'store' | 'config'>, clock: Clock, keptMs = KEPT_MS) {
    this.#engine = engine;
    this.#keptMs = keptMs;
    this.#clock = clock;
  }

  look(): LedgerView {
    const now = performance.now();
    if (this.#kept && this.#kept.until > now) return this.#kept.view;
    const view = this.#view(this.#engine.store.status(), this.#clock.now());
    this.#kept = { until: performance.now() + this.#keptMs, view };
    return view;
  }

  #view(status: StoreStatus, at: number): LedgerView {
    const { pipelines } = this.#engine.config;
    const open = new Set(status.windows.filter(({ state }) => state === 'open').map(({ id }) => id));
    for (const id of this.#seen.keys()) if (!open.has(id)) this.#seen.delete(id);
    return {
      at,
      records: byKind(status.records),
      cards: status.cards,
      deadLetters: status.deadLetters,
      windows: status.windows.map((window) => this.#window(window, pipelines, at)),
      schedules: pipelines.flatMap(({ name, schedule }) =>
        schedule
          ? {
              pipeline: name,
              nextAt: nextTime(schedule.at, at),
              ...(schedule.finishBy !== undefined && { finishBy: schedule.finishBy }),
            }
          : [],
      ),
      dueFiles: status.dueFiles,
      due: this.#due(at),
    };
  }

  #window(window: StoreStatus['windows'][number], pipelines: readonly CheckedPipeline[], at: number): WindowView {
    const { cutoff, pipeline, state, plannedAt, deliveredAt } = window;
    const finishBy = pipelines.find(({ name }) => name === pipeline)?.schedule?.finishBy;
    const expectedAt = state === 'open' ? this.#expectedAt(window, at) : undefined;
    return {
      name: windowName(window),
      pipeline,
      cutoff,
      state,
      plannedAt,
      ...(deliveredAt !== undefined && { deliveredAt }),
      ...(finishBy !== undefined && { deadline: timeAfter(cutoffMs(cutoff), finishBy) }),
      ...(expectedAt !== undefined && { expectedAt }),
      files: {
        known: window.files,
        packed: window.filesPacked,
        uploading: window.filesUploading,
        delivered: window.filesDelivered,
      },
      records: { total: window.recordsTotal, delivered: window.recordsDelivered },
    };
  }

  #expectedAt({ id, recordsTotal, recordsDelivered }: StoreStatus['windows'][number], at: number): number | undefined {
    const first = this.#seen.get(id) ?? { at, delivered: recordsDelivered };
    this.#seen.set(id, first);
    const done = recordsDelivered - first.delivered;
    if (done <= 0 || at <= first.at) return undefined;
    return Math.round(at + ((at - first.at) * (recordsTotal - recordsDelivered)) / done);
  }

  /** What can still be in time stands first: the rest is late already. */
  #due(at: number): LedgerView['due'] {
    const { store } = this.#engine;
    const found = (['KH', 'HT'] as const).flatMap((content) =>
      (['open', 'asked'] as const).flatMap((state) => store.dueFiles({ content, state, limit: DUE_LOOKED_MAX })),
    );
    const isLate = ({ dueAt }: DueFile) => Number(dueAt < at);
    return found
      .sort((one, other) => isLate(one) - isLate(other) || one.dueAt - other.dueAt)
      .slice(0, DUE_SHOWN_MAX)
      .map(({ name, content, requestId, code, acceptedAt, dueAt, state, reason }) => ({
        name,
        content,
        requestId,
        code,
        acceptedAt,
        dueAt,
        state,
        ...(reason !== undefined && { reason }),
      }));
  }
}

/** Codes are many; kinds are two. */
function byKind(records: StoreStatus['records']): LedgerView['records'] {
  const kinds = new Map<string, LedgerView['records'][number]>();
  for (const { kind, count, bytes, lastAcceptedAt } of records) {
    const sum = kinds.get(kind) ?? { kind, count: 0, bytes: 0, lastAcceptedAt: 0 };
    sum.count += count;
    sum.bytes += bytes;
    sum.lastAcceptedAt = Math.max(sum.lastAcceptedAt, lastAcceptedAt);
    kinds.set(kind, sum);
  }
  return [...kinds.values()];
}
