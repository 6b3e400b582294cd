import type { ComponentSpec, ConnectionSpec, OperatorSpec, SinkSpec, SourceSpec } from '../contract/component.js';
import type { Site } from '../contract/context.js';
import type { Peers } from '../contract/peer.js';

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

/** When what is kept of a card goes (notice article 18); without `at` only when `iovpipe purge` is called. */
export interface CheckedRetention {
  readonly afterServiceDays: number;
  readonly at?: string;
  /** Absolute paths. */
  readonly directories: readonly string[];
}

/** A pipeline file in which `check` found no fault, ready to be compiled. Frozen. */
export interface CheckedConfig {
  /** Absolute path; relative paths in the file start from its folder. */
  readonly file: string;
  readonly peers: Peers;
  readonly site: Site;
  readonly connections: Readonly<Record<string, CheckedComponent<ConnectionSpec>>>;
  /** Absolute paths. */
  readonly archivePath: string;
  readonly outbox: string;
  readonly retention?: CheckedRetention;
  readonly pipelines: readonly CheckedPipeline[];
}
