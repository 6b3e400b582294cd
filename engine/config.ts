import type { ComponentSpec, ConnectionSpec, OperatorSpec, SinkSpec, SourceSpec } from '../contract/component.js';
import type { Site } from '../contract/context.js';
import type { Shape } from '../contract/item.js';
import type { Peers } from '../contract/peer.js';
import type { Seal } from '../contract/seal.js';
import type { ClickHouseOptions } from '../stores/clickhouse/options.js';
import type { CheckedTracing } from './tracingRules.js';

/** A component as a pipeline file asks for it: checked, defaults applied. */
export interface CheckedComponent<Spec extends ComponentSpec> {
  readonly spec: Spec;
  readonly options: Readonly<Record<string, unknown>>;
  /** For messages: `accounts-in.operators[1].decrypt`. */
  readonly place: string;
}

export interface CheckedPipeline {
  readonly name: string;
  /** `at` is a cron pattern in Asia/Shanghai, `finishBy` a time of that day, `HH:MM`. */
  readonly schedule?: { readonly at: string; readonly finishBy?: string };
  /** `schedule: manual`: it runs only when asked for by name. */
  readonly manual: boolean;
  readonly source: CheckedComponent<SourceSpec>;
  readonly operators: readonly CheckedComponent<OperatorSpec>[];
  readonly sink: CheckedComponent<SinkSpec>;
}

/** What comes out of its source. */
export const givenBy = ({ source: { spec, options } }: Pick<CheckedPipeline, 'source'>): Shape =>
  spec.givesFor?.(options) ?? spec.gives;

/** Whether the daemon runs it: all the time, to its end, or by its schedule. */
export const runsByItself = ({ schedule, manual, source }: CheckedPipeline): boolean =>
  schedule !== undefined || (source.spec.lasts !== 'window' && !manual);

/** When what is kept of a card goes (notice article 18); without `at` only when `iovpipe purge` is called. */
export interface CheckedRetention {
  readonly afterServiceDays: number;
  readonly at?: string;
  /** Absolute paths. */
  readonly directories: readonly string[];
  /** Absolute paths, where components leave files that nobody may ever ask for; `*` is one folder of any name. */
  readonly aside: readonly string[];
}

/** Where the page and the metrics are served, beside the control socket. */
export interface CheckedDashboard {
  readonly host: string;
  readonly port: number;
  readonly token?: string;
}

/** A pipeline file in which `check` found no fault, ready to be compiled. Frozen. */
export interface CheckedConfig {
  /** Absolute path; relative paths in the file start from its folder. */
  readonly file: string;
  readonly peers: Peers;
  readonly site: Site;
  readonly connections: Readonly<Record<string, CheckedComponent<ConnectionSpec>>>;
  /** Absolute paths. The SQLite file: the whole archive, or the ledger beside ClickHouse. */
  readonly archivePath: string;
  readonly seal?: Seal & { readonly previous?: Seal };
  readonly outbox: string;
  /** Where the records are, if not in that file. */
  readonly clickhouse?: ClickHouseOptions;
  readonly retention?: CheckedRetention;
  /** How long work under way may take to settle once a stop is asked for. */
  readonly drainMs: number;
  /** After so long without a step a pipeline that has work under way is stuck. */
  readonly stuckMs: number;
  readonly dashboard?: CheckedDashboard;
  readonly tracing?: CheckedTracing;
  readonly pipelines: readonly CheckedPipeline[];
}
