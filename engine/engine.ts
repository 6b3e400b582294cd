import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Source } from '../contract/component.js';
import type { Connection } from '../contract/connection.js';
import type { Context, Observer, Run } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Store } from '../contract/store.js';
import type { Packer } from '../workers/packer.js';
import { ChainRun, type Surroundings } from './chain.js';
import { type CheckedConfig, type CheckedPipeline, runsByItself } from './config.js';
import { dryStore } from './dryStore.js';
import { watchDueFiles } from './dueFiles.js';
import { giveWayTo } from './giveWay.js';
import { inTurn } from './inTurn.js';
import { attempt, type Keeping, keepRunning, keepSchedule } from './keepRunning.js';
import { Kept } from './kept.js';
import { Live } from './live.js';
import { openStore, type StoreMeans } from './openStore.js';
import { tidyOutbox } from './outbox.js';
import { planReload, type ReloadPlan } from './reload.js';
import { keepRetention } from './retention.js';
import { SharedConnections } from './sharedConnections.js';
import type { Tracing } from './tracing.js';
import { untilComplete } from './untilComplete.js';
import { connectionOwner, Uses } from './uses.js';

export interface EngineOptions extends Pick<StoreMeans, 'clock' | 'log' | 'stop'> {
  observer?: Observer;
  /** How long work under way may take to settle once a stop is asked for; as the file says by default. */
  drainMs?: number;
  /** Counts what passes; true unless a bench asks what that costs. */
  live?: boolean;
  /** The archive is only looked into: what would be committed is kept in memory, and forgotten. */
  dry?: boolean;
}

/** Runs the pipelines of one file: opens what they share, starts each when its time comes, drains and closes. */
export class Engine {
  readonly store: Store;
  readonly live: Live | undefined;
  #config: CheckedConfig;
  readonly #options: EngineOptions;
  readonly #packer: Packer;
  readonly #connections: SharedConnections;
  readonly #uses = new Uses();
  #tracing: Tracing | undefined;
  /** While it serves: the pipelines, and what watches over them. */
  #serving: { pipelines: Kept; watching: Kept } | undefined;

  static async open(config: CheckedConfig, options: EngineOptions): Promise<Engine> {
    const { Packer } = await import('../workers/packer.js');
    await mkdir(dirname(config.archivePath), { recursive: true, mode: 0o700 });
    await mkdir(config.outbox, { recursive: true, mode: 0o700 });
    const { clock, log, stop, dry = false } = options;
    const opened = await openStore(config, { clock, log, readOnly: dry, ...(stop && { stop }) });
    const store = dry ? dryStore(opened) : opened;
    const connections = new SharedConnections();
    const packer = new Packer(store, config.outbox, giveWayTo(connections.named));
    const engine = new Engine(config, options, store, packer, connections);
    try {
      if (!dry) await tidyOutbox(config.outbox, store);
      if (config.tracing && config.tracing.ratio > 0 && !dry) {
        const { Tracing } = await import('./tracing.js');
        engine.#tracing = new Tracing(config.tracing, log);
      }
      for (const [name, made] of await engine.#create(config, Object.keys(config.connections)))
        connections.add(name, made);
      return engine;
    } catch (thrown) {
      await engine.close().catch(() => undefined); // what went wrong first is told
      throw thrown;
    }
  }

  private constructor(
    config: CheckedConfig,
    options: EngineOptions,
    store: Store,
    packer: Packer,
    connections: SharedConnections,
  ) {
    this.#config = config;
    this.#options = options;
    this.store = store;
    this.live = options.live === false ? undefined : new Live(config.pipelines);
    this.#packer = packer;
    this.#connections = connections;
  }

  /** The configuration in force. */
  get config(): CheckedConfig {
    return this.#config;
  }

  /** A shared connection by its name in the pipeline file; for those who run an engine and need its live address. */
  connection<Kind extends Connection>(name: string): Kind {
    return this.#connections.get<Kind>(name);
  }

  /** All of them that are there: while a reload closes one it is not. */
  get connections(): ReadonlyMap<string, Connection> {
    return this.#connections.named;
  }

  /**
   * Runs one pipeline once: a window to its end, or a file to its end.
   * @param cutoff YYYYMMDDHH; by default the last one that is due
   * @throws IovError when anything of it failed; running it again resumes
   */
  async once(
    name: string,
    wanted: { cutoff?: string; again?: boolean; signal?: AbortSignal; source?: Source },
  ): Promise<void> {
    const pipeline = this.#pipeline(name);
    const { signal = new AbortController().signal, ...rest } = wanted;
    let again = rest.again ?? false;
    const next = async () => {
      const run = await this.#prepare(pipeline, { ...rest, again });
      again = false;
      await attempt(pipeline, run, this.#keeping, signal); // opens no more than it needs: a daemon may hold the listener
    };
    await untilComplete(name, next, this.#options.log, signal);
  }

  /**
   * The daemon: lasting pipelines at once, scheduled ones when due. Resolves when `stop` has been asked for and all work
   * under way has settled, or when there is nothing left to do.
   * @param ready called when every listener is up
   */
  async serve(stop: AbortSignal, ready: () => void): Promise<void> {
    const pipelines = this.#config.pipelines.filter(runsByItself);
    const runs = new Map<string, ChainRun>();
    for (const each of pipelines.filter(({ schedule }) => !schedule))
      runs.set(each.name, await this.#prepare(each, {}));
    await this.#open(this.#connections.named.keys());
    ready();
    const done = new AbortController();
    const end = AbortSignal.any([stop, this.store.lost ?? stop]);
    end.addEventListener('abort', () => setTimeout(() => this.store.release?.(), this.#keeping.drainMs()).unref());
    const serving = { pipelines: new Kept(end), watching: new Kept(AbortSignal.any([end, done.signal])) };
    this.#serving = serving;
    for (const pipeline of pipelines) this.#start(serving.pipelines, pipeline, runs.get(pipeline.name));
    const { clock, log } = this.#options;
    serving.watching.start('dueFiles', (until) => watchDueFiles(this.store, clock, log, until));
    this.#retain(serving.watching);
    try {
      await serving.pipelines.ended();
    } finally {
      this.#serving = undefined; // what a reload started now would run on what is about to be closed
      done.abort();
      await serving.watching.ended();
    }
    this.store.lost?.throwIfAborted();
  }

  /**
   * Goes over to another configuration while it serves: what does not differ is not touched, what differs is drained and
   * started anew.
   * @throws IovError where it cannot be gone over to, STOPPED where it does not serve; then nothing has changed
   */
  async reload(config: CheckedConfig): Promise<ReloadPlan> {
    const { pipelines, watching } = this.#serving ?? {};
    if (!pipelines || !watching) throw new IovError('STOPPED', 'no reload where nothing runs yet, or any more');
    return pipelines.change(() => this.#goOver(config, pipelines, watching));
  }

  /**
   * Closes everything, last opened first. Idempotent.
   * @throws what the first threw that would not close, once the others have been
   */
  async close(): Promise<void> {
    await inTurn([this.#connections, this.#packer, this.store, this.#tracing].map((part) => () => part?.close()));
  }

  async #goOver(config: CheckedConfig, pipelines: Kept, watching: Kept): Promise<ReloadPlan> {
    const plan = planReload(this.#config, config, this.#uses);
    // a certificate or a key that is none is found before anything stops
    const made = await this.#create(config, plan.opened);
    await pipelines.stop([...plan.stopped, ...plan.restarted]);
    for (const name of plan.closed) {
      await this.#connections.drop(name).catch((thrown: unknown) => {
        const { code, message } = IovError.from(thrown, `closing ${name}`);
        this.#options.log.error({ code, connection: name, alarm: 'closeFailed' }, message);
      });
      this.#uses.forget(connectionOwner(name));
    }
    for (const [name, connection] of made) this.#connections.add(name, connection);
    this.#config = config;
    this.live?.follow(config.pipelines, plan.restarted);
    if (pipelines.isStopping) return plan;
    await this.#startAnew([...plan.restarted, ...plan.started], plan.opened, pipelines);
    if (plan.retention) {
      await watching.stop(['retention']);
      this.#retain(watching);
    }
    return plan;
  }

  /** Pipelines of a new configuration and its connections. What fails is no end: a pipeline tries it again by itself, and tells. */
  async #startAnew(names: readonly string[], connections: readonly string[], pipelines: Kept): Promise<void> {
    const runs = new Map<CheckedPipeline, ChainRun | undefined>();
    for (const pipeline of names.map((name) => this.#pipeline(name))) {
      const first = pipeline.schedule ? undefined : this.#prepare(pipeline, {}).catch(() => undefined);
      runs.set(pipeline, await first);
    }
    await this.#open(connections).catch((thrown: unknown) => {
      const { code, message } = IovError.from(thrown);
      this.#options.log.error({ code, alarm: 'reloadIncomplete' }, message);
    });
    for (const [pipeline, first] of runs) this.#start(pipelines, pipeline, first);
  }

  #start(pipelines: Kept, pipeline: CheckedPipeline, first?: ChainRun): void {
    pipelines.start(pipeline.name, (stop) =>
      pipeline.schedule
        ? keepSchedule(pipeline, this.#keeping, stop)
        : keepRunning(pipeline, first, this.#keeping, stop),
    );
  }

  #retain(watching: Kept): void {
    const { clock, log } = this.#options;
    watching.start('retention', (until) => keepRetention(this.#config, { store: this.store, clock, log }, until));
  }

  get #keeping(): Keeping {
    const { clock, log, drainMs } = this.#options;
    return {
      clock,
      log,
      store: this.store,
      drainMs: () => drainMs ?? this.#config.drainMs,
      prepare: (pipeline, atMs) => this.#prepare(pipeline, atMs === undefined ? {} : { atMs }),
      connect: ({ name }) => this.#open(this.#uses.connectionsOf(name)),
    };
  }

  /** Connections, not opened; listeners open after the sources have told them their paths. */
  async #create(config: CheckedConfig, names: readonly string[]): Promise<Map<string, Connection>> {
    const made = new Map<string, Connection>();
    for (const name of names) {
      const { spec, options, place } = config.connections[name]!;
      made.set(name, await spec.create(options, { ...this.#context(name, connectionOwner(name)), place }));
    }
    return made;
  }

  /** Opens connections, each with those that it has asked for itself. */
  async #open(names: Iterable<string>): Promise<void> {
    for (const name of names) {
      await this.#connections.open(name);
      await this.#open(this.#uses.connectionsOf(connectionOwner(name)));
    }
  }

  #prepare(pipeline: CheckedPipeline, wanted: Partial<Run> & { source?: Source }): Promise<ChainRun> {
    const { clock, observer } = this.#options;
    const { source, cutoff, atMs = clock.now(), again = false } = wanted;
    const ends = pipeline.source.spec.lasts !== 'run' || source !== undefined;
    const run: Run | undefined = ends ? { ...(cutoff !== undefined && { cutoff }), atMs, again } : undefined;
    if (!source) this.#uses.forget(pipeline.name); // beside a stand-in the source itself may be at work
    const around: Surroundings = {
      context: this.#context(pipeline.name, pipeline.name, run),
      packer: this.#packer,
      live: this.live?.of(pipeline.name),
      tracing: this.#tracing,
      settled: (item, error) =>
        observer?.({ pipeline: pipeline.name, tags: item.tags, value: item.value, ...(error && { error }) }),
    };
    return ChainRun.create(pipeline, around, source);
  }

  #context(pipeline: string, owner: string, run?: Run): Omit<Context, 'place'> {
    const { clock, log } = this.#options;
    const { site, file } = this.#config;
    return {
      pipeline,
      clock,
      log,
      store: this.store,
      peers: this.#uses.peersFor(owner, () => this.#config.peers),
      site,
      resolve: (path) => resolve(dirname(file), path),
      connection: (name) => {
        this.#uses.noteConnection(owner, name);
        return this.#connections.get(name);
      },
      ...(run && { run }),
    };
  }

  #pipeline(name: string): CheckedPipeline {
    const pipeline = this.#config.pipelines.find((candidate) => candidate.name === name);
    if (pipeline) return pipeline;
    const known = this.#config.pipelines.map((candidate) => candidate.name).join(', ');
    throw new IovError('USAGE', `no pipeline is called ${name}; ${this.#config.file} has: ${known}`);
  }
}
