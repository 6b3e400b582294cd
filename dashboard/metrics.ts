import { Counter, Gauge, Registry } from 'prom-client';
import type { LedgerView, LedgerWatch } from './ledgerView.js';
import type { LiveWatch, PartView } from './liveView.js';

const FILE_STATES = ['open', 'asked', 'delivered', 'failed'] as const;

type Value = (part: PartView) => number | undefined;
type Told = readonly (readonly [name: string, help: string, value: Value])[];

const PART_COUNTERS: Told = [
  ['iovpipe_part_items_total', 'Items that came into an operator or a sink.', ({ items }) => items],
  [
    'iovpipe_part_records_total',
    'Records in what came in, where it is encoded records.',
    ({ shape, records }) => (shape === 'bytes' ? records : undefined),
  ],
  ['iovpipe_part_bytes_total', 'Bytes of what came in, where they are known.', ({ bytes }) => bytes],
  ['iovpipe_part_failures_total', 'Items that failed in an operator or a sink.', ({ failed }) => failed],
];
const PART_GAUGES: Told = [
  ['iovpipe_part_items_under_way', 'Items that an operator or a sink works on.', ({ underWay }) => underWay],
  ['iovpipe_part_full_ratio', 'Share of the last second without a place for another item.', ({ full }) => full],
];

/**
 * What Prometheus is told, read from the live counters and the ledger when it asks. Labels are names of the pipeline file, places
 * in it, and codes of ours: their number is bounded by the file, and none of them is personal.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #live: LiveWatch;
  readonly #ledger: LedgerWatch;

  constructor(live: LiveWatch, ledger: LedgerWatch) {
    this.#live = live;
    this.#ledger = ledger;
    this.#process();
    this.#flow();
    this.#pipelines();
    this.#connections();
    this.#windows();
    this.#waiting();
  }

  get type(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Under their usual names; the library's own watch every garbage collection, which costs more than all the rest. */
  #process(): void {
    this.#counter('process_cpu_seconds_total', 'User and system time.', [], (set) => {
      const { user, system } = process.cpuUsage();
      set({}, (user + system) / 1e6);
    });
    this.#gauge('process_start_time_seconds', 'When it was started.', [], (set) =>
      set({}, performance.timeOrigin / 1_000),
    );
    this.#gauge('process_resident_memory_bytes', 'Resident memory.', [], (set) => set({}, process.memoryUsage.rss()));
    this.#gauge('nodejs_heap_size_used_bytes', 'Heap in use.', [], (set) => set({}, process.memoryUsage().heapUsed));
  }

  /** By operator and sink: what came in by its edge. */
  #flow(): void {
    const tell = (value: Value) => (set: Set) => {
      for (const { name, parts } of this.#live.view.pipelines) {
        for (const part of parts) {
          const found = value(part);
          if (found !== undefined) set({ pipeline: name, part: part.place }, found);
        }
      }
    };
    const labels = ['pipeline', 'part'];
    for (const [name, help, value] of PART_COUNTERS) this.#counter(name, help, labels, tell(value));
    for (const [name, help, value] of PART_GAUGES) this.#gauge(name, help, labels, tell(value));
  }

  #pipelines(): void {
    const pipelines = () => this.#live.view.pipelines;
    this.#counter('iovpipe_arrived_items_total', 'Items that arrived at the sink.', ['pipeline'], (set) => {
      for (const { name, arrived } of pipelines()) set({ pipeline: name }, arrived);
    });
    this.#counter('iovpipe_failures_total', 'Items that failed, by error code.', ['pipeline', 'code'], (set) => {
      for (const { name, failures } of pipelines())
        for (const [code, count] of Object.entries(failures)) set({ pipeline: name, code }, count);
    });
    this.#gauge('iovpipe_pipeline_running', '1 while a pipeline runs.', ['pipeline'], (set) => {
      for (const { name, running } of pipelines()) set({ pipeline: name }, running ? 1 : 0);
    });
    this.#gauge('iovpipe_last_settled_age_seconds', 'Since an item settled last.', ['pipeline'], (set) => {
      for (const { name, settledAgoMs } of pipelines())
        if (settledAgoMs !== undefined) set({ pipeline: name }, settledAgoMs / 1_000);
    });
    this.#gauge('iovpipe_event_loop_busy_ratio', 'Share of the last second that the event loop worked.', [], (set) =>
      set({}, this.#live.view.busy),
    );
  }

  #connections(): void {
    const labels = ['connection', 'kind'];
    this.#gauge('iovpipe_connections_open', 'Connections that are open.', labels, (set) => {
      for (const { name, kind, open } of this.#live.view.connections) set({ connection: name, kind }, open);
    });
    this.#gauge('iovpipe_connections_max', 'Connections that may be open.', labels, (set) => {
      for (const { name, kind, max } of this.#live.view.connections) set({ connection: name, kind }, max);
    });
    this.#gauge('iovpipe_uploads_under_way', 'Files on their way out.', labels, (set) => {
      for (const { name, kind, uploads } of this.#live.view.connections)
        set({ connection: name, kind }, uploads.length);
    });
  }

  #windows(): void {
    const open = () => this.#ledger.look().windows.filter(({ state }) => state === 'open');
    /** Several windows of one pipeline share its labels: the worst of them counts. */
    const worst = (set: Set, key: 'deadline' | 'expectedAt', pick: (...times: number[]) => number) => {
      const found = new Map<string, number>();
      for (const { pipeline, [key]: at } of open())
        if (at !== undefined) found.set(pipeline, pick(at, found.get(pipeline) ?? at));
      for (const [pipeline, at] of found) set({ pipeline }, at / 1_000);
    };
    this.#gauge('iovpipe_window_records', 'Records of open windows.', ['pipeline', 'state'], (set) => {
      const sums = new Map<string, { delivered: number; total: number }>();
      for (const { pipeline, records } of open()) {
        const sum = sums.get(pipeline) ?? { delivered: 0, total: 0 };
        sums.set(pipeline, { delivered: sum.delivered + records.delivered, total: sum.total + records.total });
      }
      for (const [pipeline, { delivered, total }] of sums) {
        set({ pipeline, state: 'delivered' }, delivered);
        set({ pipeline, state: 'waiting' }, total - delivered);
      }
    });
    const deadline = 'iovpipe_window_deadline_timestamp_seconds';
    const expected = 'iovpipe_window_expected_timestamp_seconds';
    this.#gauge(deadline, 'When an open window must be delivered.', ['pipeline'], (set) =>
      worst(set, 'deadline', Math.min),
    );
    this.#gauge(expected, 'When it will be, at its pace.', ['pipeline'], (set) => worst(set, 'expectedAt', Math.max));
    this.#gauge('iovpipe_clock_timestamp_seconds', 'The time as the pipelines see it.', [], (set) =>
      set({}, this.#live.view.at / 1_000),
    );
  }

  #waiting(): void {
    this.#gauge('iovpipe_dead_letters', 'Dead letters that wait.', [], (set) =>
      set({}, this.#ledger.look().deadLetters),
    );
    this.#gauge('iovpipe_archive_records', 'Records in the archive.', ['kind'], (set) => {
      for (const { kind, count } of this.#ledger.look().records) set({ kind }, count);
    });
    this.#gauge('iovpipe_due_files', 'Files that commands ask for.', ['content', 'state'], (set) => {
      for (const { content, state, count } of sums(this.#ledger.look().dueFiles)) set({ content, state }, count);
    });
    this.#gauge('iovpipe_due_files_expired', 'Files not delivered in time, nor since.', ['content'], (set) => {
      const files = this.#ledger.look().dueFiles;
      for (const content of ['KH', 'HT'])
        set({ content }, sum(files.filter((one) => one.content === content).map(({ expired }) => expired)));
    });
    const next = 'iovpipe_due_files_next_deadline_timestamp_seconds';
    this.#gauge(next, 'When the next file must be delivered.', ['content'], (set) => {
      const files = this.#ledger.look().dueFiles;
      for (const content of ['KH', 'HT']) {
        const times = files.flatMap((one) => (one.content === content && one.nextDueAt ? [one.nextDueAt] : []));
        if (times.length > 0) set({ content }, Math.min(...times) / 1_000);
      }
    });
  }

  #counter(name: string, help: string, labelNames: string[], tell: (set: Set) => void): void {
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        tell((labels, value) => this.inc(labels, value));
      },
    });
  }

  #gauge(name: string, help: string, labelNames: string[], tell: (set: Set) => void): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        tell((labels, value) => this.set(labels, value));
      },
    });
  }
}

type Set = (labels: Record<string, string>, value: number) => void;

function sums(files: LedgerView['dueFiles']): { content: string; state: string; count: number }[] {
  return ['KH', 'HT'].flatMap((content) =>
    FILE_STATES.map((state) => ({
      content,
      state,
      count: sum(files.filter((one) => one.content === content).map((one) => one[state])),
    })),
  );
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
