import { setMaxListeners } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Source } from '../contract/component.js';
import type { Connection } from '../contract/connection.js';
import type { Clock, Context, Log, Observer, Run } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Store } from '../contract/store.js';
import type { Packer } from '../workers/packer.js';
import { ChainRun, type Surroundings } from './chain.js';
import type { CheckedConfig, CheckedPipeline } from './config.js';
import { deliveredShare, watchDeadline } from './deadline.js';
import { watchDueFiles } from './dueFiles.js';
import { giveWayTo } from './giveWay.js';
import { tidyOutbox } from './outbox.js';
import { keepRetention } from './retention.js';
import { turns } from './schedule.js';

export interface EngineOptions {
  clock: Clock;
  log: Log;
  observer?: Observer;
  /** How long work under way may take to settle once a stop is asked for. */
  drainMs?: number;
}

const DRAIN_MS = 60_000;
const RESTART_MS_MIN = 1_000;
const RESTART_MS_MAX = 60_000;

/** Runs the pipelines of one file: opens what they share, starts each when its time comes, drains and closes. */
export class Engine {
  readonly store: Store;
  readonly #config: CheckedConfig;
  readonly #options: EngineOptions;
  readonly #packer: Packer;
  readonly #connections: ReadonlyMap<string, Connection>;
  /** Names of connections that a component has asked for, and of those that are open. */
  readonly #asked = new Set<string>();
  readonly #opened = new Set<string>();

  static async open(config: CheckedConfig, options: EngineOptions): Promise<Engine> {
    const { openSqliteStore } = await import('../stores/sqlite/store.js');
    const { Packer } = await import('../workers/packer.js');
    await mkdir(dirname(config.archivePath), { recursive: true, mode: 0o700 });
    await mkdir(config.outbox, { recursive: true, mode: 0o700 });
    const { clock, log } = options;
    const store = await openSqliteStore({ path: config.archivePath, clock, log });
    await tidyOutbox(config.outbox, store);
    const connections = new Map<string, Connection>();
    const packer = new Packer(store, config.outbox, giveWayTo(connections));
    const engine = new Engine(config, options, store, packer, connections);
    for (const [name, { spec, options: wanted, place }] of Object.entries(config.connections)) {
      connections.set(name, await spec.create(wanted, { ...engine.#context(name), place }));
    }
    return engine;
  }

  private constructor(
    config: CheckedConfig,
    options: EngineOptions,
    store: Store,
    packer: Packer,
    connections: ReadonlyMap<string, Connection>,
  ) {
    this.#config = config;
    this.#options = options;
    this.store = store;
    this.#packer = packer;
    this.#connections = connections;
  }

  /** A shared connection by its name in the pipeline file; for those who run an engine and need its live address. */
  connection<Kind extends Connection>(name: string): Kind {
    const connection = this.#connections.get(name);
    if (!connection) throw new IovError('CONFIG_INVALID', `no connection is called ${name}`);
    return connection as Kind;
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
    const run = await this.#prepare(pipeline, rest);
    await this.#openConnections(this.#asked); // no more than it needs: a daemon may hold the listener
    await this.#finish(pipeline, run, signal);
  }

  /**
   * The daemon: lasting pipelines at once, scheduled ones when due. Resolves when `stop` has been asked for and all work
   * under way has settled, or when there is nothing left to do.
   * @param ready called when every listener is up
   */
  async serve(stop: AbortSignal, ready: () => void): Promise<void> {
    setMaxListeners(0, stop); // each pipeline listens, and each wait of a schedule
    const lasting = this.#config.pipelines.filter(({ source, manual }) => source.spec.lasts !== 'window' && !manual);
    const scheduled = this.#config.pipelines.filter(({ schedule }) => schedule);
    const runs = new Map<CheckedPipeline, ChainRun>();
    for (const pipeline of lasting) runs.set(pipeline, await this.#prepare(pipeline, {}));
    await this.#openConnections(this.#connections.keys());
    ready();
    const work = [
      ...lasting.map((pipeline) => this.#keepRunning(pipeline, runs.get(pipeline), stop)),
      ...scheduled.map((pipeline) => this.#keepSchedule(pipeline, stop)),
    ];
    const done = new AbortController();
    const { clock, log } = this.#options;
    const until = AbortSignal.any([stop, done.signal]);
    const watching = [
      watchDueFiles(this.store, clock, log, until),
      keepRetention(this.#config, { store: this.store, clock, log }, until),
    ];
    // one pipeline that ends badly does not take the others with it
    const ends = await Promise.allSettled(work);
    done.abort();
    await Promise.all(watching);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** Closes everything, last opened first. Idempotent. */
  async close(): Promise<void> {
    for (const connection of [...this.#connections.values()].reverse()) await connection.close?.();
    await this.#packer.close();
    await this.store.close();
  }

  /** A finite pipeline runs to its end; a lasting one is started again, later and later, when it breaks. */
  async #keepRunning(pipeline: CheckedPipeline, first: ChainRun | undefined, stop: AbortSignal): Promise<void> {
    let run = first;
    for (let delayMs = RESTART_MS_MIN; ; delayMs = Math.min(2 * delayMs, RESTART_MS_MAX)) {
      try {
        run ??= await this.#prepare(pipeline, {});
        await this.#finish(pipeline, run, stop);
        return;
      } catch (thrown) {
        const error = IovError.from(thrown);
        if (stop.aborted && error.code === 'STOPPED') return this.#noteStop(pipeline, error);
        if (stop.aborted || (pipeline.source.spec.lasts === 'finite' && !error.retryable)) {
          this.#options.log.error({ pipeline: pipeline.name, code: error.code }, error.message);
          throw error;
        }
        this.#options.log.error({ pipeline: pipeline.name, code: error.code, againInMs: delayMs }, error.message);
        await this.#pause(delayMs, stop);
        if (stop.aborted) return;
        run = undefined;
      }
    }
  }

  async #keepSchedule(pipeline: CheckedPipeline, stop: AbortSignal): Promise<void> {
    const { schedule, name } = pipeline;
    if (!schedule) return;
    try {
      for await (const turn of turns({ pipeline: name, ...schedule }, this.#options.clock, this.store, stop)) {
        const done = new AbortController();
        if (turn.finishByMs !== undefined) {
          const { clock, log } = this.#options;
          // the pace counts from when the work begins: one that is caught up is late, and not slow
          const work = {
            name,
            startMs: Math.min(clock.now(), turn.finishByMs - 1),
            deadlineMs: turn.finishByMs,
            progress: () => deliveredShare(this.store.status().windows, name),
          };
          void watchDeadline(work, clock, log, AbortSignal.any([done.signal, stop]));
        }
        try {
          await this.#untilDelivered(pipeline, turn.dueMs, stop);
        } finally {
          done.abort();
        }
        if (stop.aborted) return;
      }
    } catch (thrown) {
      if (stop.aborted) return;
      // a schedule never ends in silence: it goes on where the store remembers it
      const { code, message } = IovError.from(thrown);
      this.#options.log.error({ pipeline: name, code, againInMs: RESTART_MS_MAX, alarm: 'scheduleFailed' }, message);
      await this.#pause(RESTART_MS_MAX, stop);
      if (!stop.aborted) await this.#keepSchedule(pipeline, stop);
    }
  }

  /** Runs a due window until it is delivered: each attempt resumes the one before. */
  async #untilDelivered(pipeline: CheckedPipeline, dueMs: number, stop: AbortSignal): Promise<void> {
    for (let delayMs = RESTART_MS_MIN; !stop.aborted; delayMs = Math.min(2 * delayMs, RESTART_MS_MAX)) {
      try {
        const run = await this.#prepare(pipeline, { atMs: dueMs });
        await this.#finish(pipeline, run, stop);
        return;
      } catch (thrown) {
        const error = IovError.from(thrown);
        if (stop.aborted && error.code === 'STOPPED') return this.#noteStop(pipeline, error);
        this.#options.log.error(
          { pipeline: pipeline.name, code: error.code, againInMs: delayMs, alarm: 'exportFailed' },
          error.message,
        );
        await this.#pause(delayMs, stop);
      }
    }
  }

  /** What a stop has broken off is no failure: the next start takes it up. */
  #noteStop({ name }: CheckedPipeline, { message }: IovError): void {
    this.#options.log.info({ pipeline: name }, `stopped, and resumed at the next start: ${message}`);
  }

  /** Back-off is in the machine's time, whatever the pipelines' clock says. */
  async #pause(delayMs: number, stop: AbortSignal): Promise<void> {
    const { systemClock } = await import('./clock.js');
    await systemClock.until(systemClock.now() + delayMs, stop).catch(() => undefined);
  }

  async #finish(pipeline: CheckedPipeline, run: ChainRun, stop: AbortSignal): Promise<void> {
    const { log, drainMs = DRAIN_MS } = this.#options;
    let drain: NodeJS.Timeout | undefined;
    const drainEnds = () => {
      const late = () =>
        run.abort(new IovError('STOPPED', `${pipeline.name}: still busy ${drainMs} ms after the stop`));
      drain = setTimeout(late, drainMs);
    };
    stop.addEventListener('abort', drainEnds, { once: true });
    try {
      await run.open();
      await run.run(stop);
      log.info({ pipeline: pipeline.name }, 'pipeline has ended');
    } finally {
      stop.removeEventListener('abort', drainEnds);
      clearTimeout(drain);
      await run.close();
    }
  }

  #prepare(pipeline: CheckedPipeline, wanted: Partial<Run> & { source?: Source }): Promise<ChainRun> {
    const { clock, observer } = this.#options;
    const { source, cutoff, atMs = clock.now(), again = false } = wanted;
    const ends = pipeline.source.spec.lasts !== 'run' || source !== undefined;
    const run: Run | undefined = ends ? { ...(cutoff !== undefined && { cutoff }), atMs, again } : undefined;
    const around: Surroundings = {
      context: this.#context(pipeline.name, run),
      packer: this.#packer,
      settled: (item, error) =>
        observer?.({ pipeline: pipeline.name, tags: item.tags, value: item.value, ...(error && { error }) }),
    };
    return ChainRun.create(pipeline, around, source);
  }

  #context(pipeline: string, run?: Run): Omit<Context, 'place'> {
    const { clock, log } = this.#options;
    const { peers, site, file } = this.#config;
    return {
      pipeline,
      clock,
      log,
      store: this.store,
      peers,
      site,
      resolve: (path) => resolve(dirname(file), path),
      connection: (name) => {
        this.#asked.add(name);
        return this.connection(name);
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

  /** Listeners open after the sources have told them their paths. */
  async #openConnections(names: Iterable<string>): Promise<void> {
    for (const name of names) {
      if (this.#opened.has(name)) continue;
      this.#opened.add(name);
      await this.connection(name).open?.();
    }
  }
}
