import type { Connection } from './connection.js';
import type { Peers } from './peer.js';
import type { Store } from './store.js';
import type { Tags } from './tags.js';

/** Time as the pipelines see it; the demo closes a day and a month with a simulated one. */
export interface Clock {
  now(): number;
  /** Resolves at that time, or rejects with the signal's reason. */
  until(timeMs: number, signal?: AbortSignal): Promise<void>;
}

/** Log lines: a fixed sentence and fields. No personal data: no record, no name, no certificate or phone number. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a component is given when it is created. */
export interface Context {
  /** The pipeline's name, and the place in it for messages: `accounts-in.operators[1].decrypt`. */
  readonly pipeline: string;
  readonly place: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly peers: Peers;
  /** Code tables A.1–A.6 and table overrides of the site. */
  readonly site: Site;
  /** Absolute path of a path in the pipeline file, which is relative to that file. */
  resolve(path: string): string;
  /** The connection under that name in `connections:`; `check` has made sure of its kind. */
  connection<Kind extends Connection>(name: string): Kind;
  /** Set for a run that has an end: a window of the archive, or a file. Undefined in the daemon's lasting pipelines. */
  readonly run?: Run;
}

export interface Run {
  /** YYYYMMDDHH where a person asked for one; else the source takes the last one due at `atMs`. */
  cutoff?: string;
  /** When the run was due. */
  atMs: number;
  /** Deliver again what has been delivered. */
  again: boolean;
}

export interface Site {
  /** Replacements of the placeholder code tables: `A.1` … `A.6`, code → meaning. */
  codes: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Overrides of tables: number → field → changed properties. */
  tables: Readonly<Record<string, Readonly<Record<string, { name?: string; presence?: 'M' | 'C' | 'O' }>>>>;
}

/** Tells watchers what happened to an item; the engine calls it once an item. */
export type Observer = (event: {
  pipeline: string;
  tags: Tags;
  value: unknown;
  error?: import('./error.js').IovError;
}) => void;
