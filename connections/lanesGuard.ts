import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { timeLimit } from '../contract/timeLimit.js';
import { machineMs } from './machineClock.js';

const PROCESS = fileURLToPath(new URL('./lanesGuardProcess.js', import.meta.url));
const BEATS = 5;
const AGAIN_MS = 1_000;
/** One that does not watch, or has not ended, by then is killed. */
const START_MS = 10_000;
const STOP_MS = 2_000;

/** A small process that kills this one where its event loop has stood still for `guardMs`; it ends with this one. */
export class Guard {
  readonly #guardMs: number;
  readonly #log: Log;
  readonly #onWatching: ((pid: number) => void) | undefined;
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #beating: NodeJS.Timeout | undefined;

  /** @param onWatching told the process id of each guard that has begun to watch */
  constructor(guardMs: number, log: Log, onWatching?: (pid: number) => void) {
    this.#guardMs = guardMs;
    this.#log = log;
    this.#onWatching = onWatching;
  }

  /**
   * Resolves when it watches, or is to stop. Tries until then: a system that is short of processes or memory may have some
   * later.
   */
  async start(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        return await this.#spawn();
      } catch (thrown) {
        if (signal.aborted) return;
        const { code, message } = IovError.from(thrown, 'starting the guard of the lanes');
        this.#log.error({ code, alarm: 'lanesFailed' }, `${message}; it is tried again`);
        await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Idempotent; within its deadline. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#beating);
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit', { signal: timeLimit(STOP_MS) });
    child.ref();
    if (child.connected) child.disconnect();
    await ended.catch(() => child.kill('SIGKILL'));
  }

  /** @throws IovError where none watches in time; it is killed then */
  async #spawn(): Promise<void> {
    const { NODE_OPTIONS: _, ...env } = process.env;
    const child = fork(PROCESS, [String(this.#guardMs)], {
      env,
      execArgv: ['--max-old-space-size=16'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child = child;
    child.on('error', () => undefined); // told below
    const signal = timeLimit(START_MS, this.#stopping.signal);
    try {
      const ended = once(child, 'exit', { signal }).then(() => {
        throw new IovError('INTERNAL', 'the guard of the lanes has ended before it watched');
      });
      await Promise.race([once(child, 'message', { signal }), ended]);
    } catch (thrown) {
      child.kill('SIGKILL');
      if (!signal.aborted || this.#stopping.signal.aborted) throw thrown;
      throw new IovError('INTERNAL', `the guard of the lanes does not watch within ${START_MS} ms`);
    }
    child.once('exit', () => this.#ended());
    child.unref();
    child.channel?.unref();
    this.#onWatching?.(child.pid ?? 0);
    this.#beat(child);
  }

  #beat(child: ChildProcess): void {
    let isOnItsWay = false;
    this.#beating = setInterval(() => {
      if (isOnItsWay || !child.connected) return;
      isOnItsWay = true;
      child.send(machineMs(), () => {
        isOnItsWay = false;
      });
    }, this.#guardMs / BEATS).unref();
  }

  #ended(): void {
    clearInterval(this.#beating);
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    this.#log.warn({}, 'the guard of the lanes has ended; it is started again');
    void pause(AGAIN_MS, undefined, { signal }).then(
      () => this.start(),
      () => undefined,
    );
  }
}
