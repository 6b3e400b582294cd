import type { Connection } from './connection.js';
import type { Context } from './context.js';
import type { Fault, IovError } from './error.js';
import type { Item, Shape } from './item.js';
import type { CipherOptions } from './peer.js';
import type { Static, TObject } from './schema.js';

/** An example in a component's docs; the tests check its options, and run it where input and output are given. */
export interface Example {
  title: string;
  /** The component's options as YAML. */
  yaml: string;
  /** Values given to the component, and the values expected of it. */
  input?: unknown[];
  output?: unknown[];
}

interface Described<Options extends TObject> {
  /** The word in pipeline.yaml. */
  name: string;
  summary: string;
  description?: string;
  /** Sections of the notice that it implements. */
  sections?: readonly string[];
  /** The single source of types, defaults, checking, docs and editor completion. */
  options: Options;
  /** What no schema can say of the options, each fault with the option as its `field` (`login.key`). Pure: it touches nothing. */
  check?(options: Static<Options>): readonly Fault[];
  /**
   * Folders in which it leaves files that nobody may ever ask for, relative to the pipeline file; `*` is one folder of any name.
   * A purge takes what has lain there for its term (notice article 18).
   */
  leaves?(options: Static<Options>): readonly string[];
  examples: readonly Example[];
}

export interface SourceSpec<Options extends TObject = TObject> extends Described<Options> {
  role: 'source';
  gives: Shape;
  /** Where an option decides on the shape: what these options give, instead of `gives`. */
  givesFor?(options: Static<Options>): Shape;
  /**
   * Who learns of a failed item: its caller (`peer`), nobody but the dead letters (`deadLetters`), or whoever watches the
   * run, which fails and can be resumed (`run`).
   */
  failuresGoTo: 'peer' | 'deadLetters' | 'run';
  /** `run` sources read until stopped; `window` sources read one window at each run of the schedule; `finite` ones end by themselves. */
  lasts: 'run' | 'window' | 'finite';
  /** Where an option decides on that: how long it lasts with these options, instead of `lasts`. */
  lastsFor?(options: Static<Options>): SourceSpec['lasts'];
  create(options: Static<Options>, context: Context): Promise<Source> | Source;
}

export interface Source {
  /** Opens what the source reads from; called once, before `read`. */
  open?(): Promise<void>;
  /** Items, one at a time, as fast as the consumer pulls; ends when `signal` aborts (stop taking new work) or nothing is left. */
  read(signal: AbortSignal): AsyncIterable<Item>;
  /** Called once `read` has ended and each item's receipt has settled. Idempotent; runs even where `open` failed. */
  close?(): Promise<void>;
}

export interface OperatorSpec<Options extends TObject = TObject> extends Described<Options> {
  role: 'operator';
  takes: readonly Shape[];
  /** A fixed shape, or `same` as what it takes. */
  gives: Shape | 'same';
  /** Present on worker steps: neighbours share one task in a worker thread. */
  worker?: true;
  /** Has something stored, itself or with the items that it passes on. */
  stores?: true;
  create(options: Static<Options>, context: Context): Promise<Kernel | WorkerStep> | Kernel | WorkerStep;
}

/**
 * An operator is a kernel, not a stream: the engine owns buffers, order and lifecycle. A kernel passes each item's receipt
 * on, keeps it, or settles it. What it throws fails that item alone. It may wait (return a promise) to push back.
 */
export interface Kernel {
  transform(item: Item): Iterable<Item> | Promise<Iterable<Item>>;
  /**
   * Of a kernel that waits for others (a disk, a peer) and gives one item for each: how many may be in `transform` at once.
   * They leave as they are done. Where it is absent items come one at a time, and keep their order.
   */
  readonly atOnce?: number;
  /** What is left when the source has ended; not called on abort. */
  flush?(): Iterable<Item> | Promise<Iterable<Item>>;
  /**
   * Gives up what is held; called always, last. `error` where the run broke.
   * @throws Unfinished where the run has gone well, and others have still to do their part of a window
   */
  close?(error?: IovError): void | Promise<void>;
}

/** A step that runs inside a worker thread; plain data, so that it can cross. */
export type WorkerStep = { worker: 'zip'; level: number } | { worker: 'encrypt'; cipher: CipherOptions };

export interface SinkSpec<Options extends TObject = TObject> extends Described<Options> {
  role: 'sink';
  takes: readonly Shape[];
  create(options: Static<Options>, context: Context): Promise<Sink> | Sink;
}

export interface Sink {
  open?(): Promise<void>;
  /** Resolves when the item is durable where it belongs; the engine then settles the receipt. A throw fails the item alone. */
  write(item: Item): Promise<void>;
  /** How many writes may be under way at once. */
  readonly concurrency: number;
  /** Rises with each attempt of a write, and with what the other side takes of it: a sink that tries again is not stuck. */
  readonly steps?: number;
  close?(): Promise<void>;
}

/** A shared means under `connections:`, `keys` of the site, opened once a process and closed last. */
export interface ConnectionSpec<Options extends TObject = TObject> extends Described<Options> {
  role: 'connection';
  /** `context.connection` finds others once they are all created: from `open` on. */
  create(options: Static<Options>, context: Context): Promise<Connection> | Connection;
}

export type ComponentSpec = SourceSpec | OperatorSpec | SinkSpec | ConnectionSpec;

// The identity functions below infer `Options` for `create`, and erase it for the registry.
export function defineSource<Options extends TObject>(spec: Omit<SourceSpec<Options>, 'role'>): SourceSpec {
  return { ...spec, role: 'source' } as unknown as SourceSpec;
}
export function defineOperator<Options extends TObject>(spec: Omit<OperatorSpec<Options>, 'role'>): OperatorSpec {
  return { ...spec, role: 'operator' } as unknown as OperatorSpec;
}
export function defineSink<Options extends TObject>(spec: Omit<SinkSpec<Options>, 'role'>): SinkSpec {
  return { ...spec, role: 'sink' } as unknown as SinkSpec;
}
export function defineConnection<Options extends TObject>(spec: Omit<ConnectionSpec<Options>, 'role'>): ConnectionSpec {
  return { ...spec, role: 'connection' } as unknown as ConnectionSpec;
}
