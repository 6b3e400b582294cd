import { TOPIC_NAME } from '../connections/kafka.js';
import type { Feeding } from '../connections/kafkaBehind.js';
import type { KafkaConnection } from '../connections/kafkaConnection.js';
import { defineSource, type Source } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { WindowKey } from '../contract/file.js';
import type { Item, Lines } from '../contract/item.js';
import { Receipt, type Share } from '../contract/receipt.js';
import { Type } from '../contract/schema.js';
import type { Store, Stretch, WindowRow } from '../contract/store.js';
import { windowName } from '../notice/batch.js';
import { cutoffMs, cutoffOf } from '../notice/cutoff.js';

const windows = { day: 'P', month: 'F', full: 'F' } as const;

export const spec = defineSource({
  name: 'archive',
  summary: 'Reads a window of the archive, code by code: a day’s increment, a month’s full export, or all there is.',
  description:
    '`day` ends at the last midnight, `month` at the last 16th 00:00, `full` at the last full hour, Asia/Shanghai, counted from when the run was due; `--cutoff` names another end. What a window covers is decided once, in the ledger: each record is in exactly one `P` window and in every later `F`. A window counts as delivered when everything in it has arrived; run again it resumes, and one that is delivered is passed over unless it is asked for again.',
  sections: ['6.2.1.2', '6.2.2.2', '七'],
  gives: 'bytes',
  failuresGoTo: 'run',
  lasts: 'window',
  options: Type.Object(
    {
      kind: Type.Union([Type.Literal('KH'), Type.Literal('CL')], { description: 'KH: accounts. CL: vehicles.' }),
      window: Type.Union([Type.Literal('day'), Type.Literal('month'), Type.Literal('full')], {
        description: '`day`: P, since the day before. `month` and `full`: F, since ever.',
      }),
      codes: Type.Optional(
        Type.Array(Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }), {
          minItems: 1,
          maxItems: 1000,
          uniqueItems: true,
          description: 'Codes to export, each even where it has nothing to send; by default all that the archive has.',
          examples: [['0002']],
        }),
      ),
      behind: Type.Optional(
        Type.Object(
          {
            on: Type.String({ connection: 'kafka', description: 'The cluster, under `connections:`.' }),
            topics: Type.Array(Type.String({ pattern: TOPIC_NAME }), {
              minItems: 1,
              maxItems: 100,
              description: 'What the archive is fed from, with the broker’s time (`LogAppendTime`).',
              examples: [['accepted']],
            }),
            group: Type.String({
              pattern: TOPIC_NAME,
              description: 'The consumer group that feeds it.',
            }),
            clockSkewMs: Type.Integer({
              default: 60_000,
              minimum: 0,
              maximum: 3_600_000,
              description: 'How far the clocks of machines and brokers may differ.',
            }),
          },
          {
            additionalProperties: false,
            description:
              'Waits until a consumer group has brought in everything that its topics took before the cut-off, so that the window is whole on whatever machine it is opened.',
          },
        ),
      ),
      stretchRecordsMax: Type.Integer({
        default: 20_000,
        minimum: 1,
        maximum: 1_000_000,
        description: 'Records whose sizes are looked up at a time; the records themselves are read when they are sent.',
      }),
    },
    { additionalProperties: false },
  ),
  examples: [
    { title: 'Yesterday’s accounts', yaml: 'kind: KH\nwindow: day' },
    { title: 'All vehicles of two makers, each month', yaml: 'kind: CL\nwindow: month\ncodes: [WBA0, LSV1]' },
    {
      title: 'In a cluster that is fed from Kafka',
      yaml: 'kind: KH\nwindow: day\nbehind: { on: bus, topics: [accepted], group: iovpipe-archive }',
    },
  ],
  create: (options, context) => new ArchiveSource(options, context),
});

interface Options {
  kind: 'KH' | 'CL';
  window: keyof typeof windows;
  codes?: string[];
  behind?: Feeding & { on: string };
  stretchRecordsMax: number;
}

class ArchiveSource implements Source {
  readonly #options: Options;
  readonly #context: Context;
  readonly #bus: KafkaConnection | undefined;
  #failure: IovError | undefined;

  constructor(options: Options, context: Context) {
    this.#options = options;
    this.#context = context;
    this.#bus = options.behind && context.connection(options.behind.on);
  }

  async *read(signal: AbortSignal): AsyncGenerator<Item> {
    const { kind, window, codes, behind } = this.#options;
    const { store, pipeline, log, place, run } = this.#context;
    if (!run) throw new IovError('CONFIG_INVALID', `${place}: the archive is read by a schedule or by \`run --once\``);
    const cutoff = run.cutoff ?? lastCutoff(window, run.atMs);
    const beforeMs = cutoffMs(cutoff);
    if (behind && this.#bus) {
      const { untilBehind } = await import('../connections/kafkaBehind.js');
      await untilBehind(this.#bus, behind, beforeMs, this.#context, signal);
    }
    const wanted = codes ?? (await store.codes(kind, beforeMs));
    if (wanted.length === 0)
      log.info({ pipeline, kind, cutoff }, 'the archive has nothing of this kind before the cut-off');
    const type = windows[window];
    // all of them first, so that whoever looks at the ledger sees how much there is to do
    const rows: WindowRow[] = [];
    for (const code of wanted) {
      this.#goOn(signal);
      const row = await this.#opened({ kind, code, cutoff, type }, beforeMs, run.cutoff === undefined);
      if (row) rows.push(row.state === 'delivered' && run.again ? this.#reopened(row) : row);
    }
    for (const row of rows) {
      this.#goOn(signal);
      if (row.state === 'open') yield* this.#window(row, signal);
      else log.info({ pipeline, kind, code: row.code, cutoff, type }, 'this window has been delivered before');
    }
  }

  /** Undefined for a window that was missed, and whose records a later one holds: a schedule goes on to that. */
  async #opened(key: WindowKey, beforeMs: number, byItself: boolean): Promise<WindowRow | undefined> {
    const { store, pipeline, log } = this.#context;
    try {
      return await store.openWindow(key, beforeMs, pipeline);
    } catch (thrown) {
      const { code, message } = IovError.from(thrown);
      if (code !== 'WINDOW_COVERED' || !byItself) throw thrown;
      log.error({ pipeline, ...key, alarm: 'windowCovered' }, message);
      return undefined;
    }
  }

  async close(): Promise<void> {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
  }

  /** Blocks of a window; one without records where it is empty. The window is delivered when all of them have arrived. */
  async *#window(row: WindowRow, signal: AbortSignal): AsyncGenerator<Item> {
    const { store } = this.#context;
    const share = new Receipt((error) => this.#settled(row, error)).share();
    let isEmpty = true;
    for await (const stretch of store.stretches(row, this.#options.stretchRecordsMax)) {
      this.#goOn(signal);
      isEmpty = false;
      yield this.#item(row, stretch, share);
    }
    if (isEmpty) yield this.#item(row, { positions: new Float64Array(), sizes: new Uint32Array() }, share);
    share.close();
  }

  #item(row: WindowRow, stretch: Stretch, share: Share): Item<Lines> {
    const value = new Block(this.#context.store, row, stretch);
    return { value, tags: { code: row.code }, origin: windowName(row), receipt: share.part(), effects: [] };
  }

  /** A run that is asked to stop is broken off: were it to end, the part that it has read would look like a whole window. */
  #goOn(signal: AbortSignal): void {
    if (signal.aborted) throw new IovError('STOPPED', `${this.#context.place}: stopped before the window was read`);
  }

  #reopened(row: WindowRow): WindowRow {
    this.#context.store.reopenWindow(row.id);
    return { ...row, state: 'open' };
  }

  #settled({ id, kind, code, cutoff, type }: WindowRow, error: IovError | undefined): void {
    const { store, pipeline, log } = this.#context;
    if (error) return; // the engine tells whoever watches the run; the window stays open
    try {
      store.windowDelivered(id);
      log.info({ pipeline, kind, code, cutoff, type }, 'window delivered');
    } catch (thrown) {
      this.#failure ??= IovError.from(thrown, 'noting a window as delivered');
    }
  }
}

/** A stretch of the archive: sizes in memory, the records read when they are sent. */
class Block implements Lines {
  readonly residentBytes = 0;
  readonly count: number;
  readonly window: WindowRow;
  readonly #store: Store;
  readonly #stretch: Stretch;

  constructor(store: Store, window: WindowRow, stretch: Stretch) {
    this.#store = store;
    this.window = window;
    this.#stretch = stretch;
    this.count = stretch.sizes.length;
  }

  sizeOf(index: number): number {
    return this.#stretch.sizes[index] ?? 0;
  }

  positionOf(index: number): number {
    return this.#stretch.positions[index] ?? 0;
  }

  read(from: number, to: number): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
    if (from >= to) return [];
    return this.#store.records(this.window, this.positionOf(from) - 1, this.positionOf(to - 1));
  }

  lines(from: number, to: number): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
    return this.#store.lines(this.window, this.#stretch, from, to);
  }
}

/** The end of the last window due at that time. */
function lastCutoff(window: keyof typeof windows, atMs: number): string {
  const hour = cutoffOf(atMs);
  if (window === 'full') return hour;
  const day = hour.slice(0, 8);
  if (window === 'day') return `${day}00`;
  if (day.slice(6) >= '16') return `${day.slice(0, 6)}1600`;
  const firstOfMonthMs = cutoffMs(`${day.slice(0, 6)}0100`);
  return `${cutoffOf(firstOfMonthMs - 1).slice(0, 6)}1600`;
}
