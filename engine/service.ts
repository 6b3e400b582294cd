import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { StoreStatus } from '../contract/store.js';
import { localTime } from '../notice/cutoff.js';
import { loadAndCheck } from './check.js';
import { systemClock } from './clock.js';
import { runsByItself } from './config.js';
import type { Engine } from './engine.js';
import { formatFault } from './fault.js';
import type { ServiceManager } from './notify.js';
import type { ReloadPlan } from './reload.js';
import { StuckWatch } from './stuck.js';

const BEAT_MS_MAX = 10_000;
/** The ledger is asked for the status so seldom that the answers take no more than a hundredth of the time. */
const STATUS_SHARE = 100;
const FAULTS_TOLD_MAX = 20;

/** The daemon as its service manager sees it: ready, reloading, stopping; alive as long as no pipeline is stuck; and what it does. */
export class Service {
  readonly #engine: Engine;
  readonly #manager: ServiceManager;
  readonly #log: Log;
  readonly #stuck = new StuckWatch();
  /** Pipelines that have been told to be stuck. */
  #alarmed: ReadonlySet<string> = new Set();
  #beating: NodeJS.Timeout | undefined;
  #situation = 'starting';
  #situationUntilMs = 0;
  #lastReload = '';
  #told = '';

  constructor(engine: Engine, manager: ServiceManager, log: Log) {
    this.#engine = engine;
    this.#manager = manager;
    this.#log = log;
  }

  /** Every listener is up; from now on it is told that all is well as long as it is. */
  async ready(): Promise<void> {
    const { watchdogMs = 2 * BEAT_MS_MAX } = this.#manager;
    let isHeard = true;
    const beat = () => {
      if (!isHeard) return; // a manager that is slow to hear is not told more and more
      isHeard = false;
      void this.#beat().then(() => {
        isHeard = true;
      });
    };
    this.#beating = setInterval(beat, Math.min(watchdogMs / 2, BEAT_MS_MAX));
    await this.#manager.tell('READY=1', this.#status());
  }

  /**
   * Reads the pipeline file again and goes over to it. A file with faults changes nothing; neither does one that has not
   * changed. What was done stands in one log line, and in the status.
   */
  async reload(): Promise<void> {
    await this.#manager.reloading();
    const at = localTime(systemClock.now());
    try {
      const outcome = await this.#goOver();
      this.#lastReload = `; reloaded ${at}: ${outcome}`;
    } catch (thrown) {
      const { code, message } = IovError.from(thrown);
      this.#lastReload = `; reload refused ${at}, see the log`;
      this.#log.error({ code, alarm: 'reloadRefused' }, `reload refused, running on as before: ${message}`);
    }
    this.#situationUntilMs = 0;
    await this.#manager.tell('READY=1', this.#status());
  }

  async stopping(): Promise<void> {
    await this.#manager.tell('STOPPING=1', 'STATUS=stopping: what is under way is finished');
  }

  /** Nothing is told any more; resolves when everything has been heard. */
  async close(): Promise<void> {
    clearInterval(this.#beating);
    await this.#manager.heard();
  }

  async #goOver(): Promise<string> {
    const { file } = this.#engine.config;
    const { config, faults } = await loadAndCheck(file);
    if (!config) {
      const told = faults.slice(0, FAULTS_TOLD_MAX).map((fault) => formatFault(fault).split('\n')[0]);
      throw new IovError('CONFIG_INVALID', `${faults.length} faults in ${file}: ${told.join('; ')}`);
    }
    const plan = await this.#engine.reload(config);
    const outcome = outcomeOf(plan);
    const { restarted, started, stopped, closed, opened } = plan;
    this.#log.info({ file, restarted, started, stopped, closed, opened }, `reloaded: ${outcome}`);
    return outcome;
  }

  async #beat(): Promise<void> {
    const { live, config } = this.#engine;
    const found = this.#stuck.look(live?.pipelines ?? [], config.stuckMs, performance.now());
    for (const { pipeline, place, forMs } of found) {
      if (this.#alarmed.has(pipeline)) continue;
      const fields = { pipeline, place, forMs: Math.round(forMs), alarm: 'pipelineStuck' };
      this.#log.error(fields, 'a pipeline is stuck: it has work under way and takes no step');
    }
    this.#alarmed = new Set(found.map(({ pipeline }) => pipeline));
    const status = this.#status();
    const words = [
      ...(found.length === 0 && this.#manager.watchdogMs !== undefined ? ['WATCHDOG=1'] : []),
      ...(status === this.#told ? [] : [status]),
    ];
    this.#told = status;
    if (words.length > 0) await this.#manager.tell(...words);
  }

  /** One line for `systemctl status`. */
  #status(): string {
    const startMs = performance.now();
    if (this.#manager.isThere && startMs >= this.#situationUntilMs) {
      this.#situation = `${this.#engine.config.pipelines.filter(runsByItself).length} pipelines${this.#underWay()}`;
      const tookMs = performance.now() - startMs;
      this.#situationUntilMs = startMs + Math.max(BEAT_MS_MAX, STATUS_SHARE * tookMs);
    }
    const stuck = [...this.#alarmed].map((name) => `${name} is stuck; `).join('');
    return `STATUS=${stuck}${this.#situation}${this.#lastReload}`;
  }

  /** By the ledger; who cannot read it says so elsewhere. */
  #underWay(): string {
    try {
      return situationOf(this.#engine.store.status());
    } catch (thrown) {
      return `; no status: ${IovError.from(thrown).code}`;
    }
  }
}

/** What is under way by the ledger: `; accounts-daily: 14 of 20 files delivered; 3 files due`. */
function situationOf({ windows, dueFiles, deadLetters }: StoreStatus): string {
  const exports = new Map<string, { files: number; delivered: number }>();
  for (const { pipeline, state, files, filesDelivered } of windows) {
    if (state !== 'open') continue;
    const sum = exports.get(pipeline) ?? { files: 0, delivered: 0 };
    exports.set(pipeline, { files: sum.files + files, delivered: sum.delivered + filesDelivered });
  }
  const due = dueFiles.reduce((sum, { open, asked }) => sum + open + asked, 0);
  return [
    ...[...exports].map(([name, { files, delivered }]) => `; ${name}: ${delivered} of ${files} files delivered`),
    ...(due > 0 ? [`; ${due} files due`] : []),
    ...(deadLetters > 0 ? [`; ${deadLetters} dead letters`] : []),
  ].join('');
}

function outcomeOf({ restarted, started, stopped, closed, opened, untouched, retention }: ReloadPlan): string {
  const done = [
    ...(restarted.length > 0 ? [`${restarted.join(', ')} restarted`] : []),
    ...(started.length > 0 ? [`${started.join(', ')} started`] : []),
    ...(stopped.length > 0 ? [`${stopped.join(', ')} stopped`] : []),
    ...(closed.length > 0 || opened.length > 0
      ? [`connections ${[...new Set([...closed, ...opened])].join(', ')} changed`]
      : []),
    ...(retention ? ['retention changed'] : []),
  ];
  return done.length === 0 ? 'nothing differs' : `${done.join('; ')}; ${untouched.length} pipelines not touched`;
}
