import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';

const PROCESS = fileURLToPath(new URL('./lanesGuardProcess.js', import.meta.url));
const BEATS = 5;
const AGAIN_MS = 1_000;

/** A small process that kills this one where its event loop has stood still for `guardMs`; it ends with this one. */
export class Guard {
  readonly #guardMs: number;
  readonly #log: Log;
  readonly #onWatching: ((pid: number) => void) | undefined;
  #child: ChildProcess | undefined;
  #beating: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** @param onWatching told the process id of each guard that has begun to watch */
  constructor(guardMs: number, log: Log, onWatching?: (pid: number) => void) {
    this.#guardMs = guardMs;
    this.#log = log;
    this.#onWatching = onWatching;
  }

  /** Resolves when it watches. */
  async start(): Promise<void> {
    const { NODE_OPTIONS: _, ...env } = process.env;
    const child = fork(PROCESS, [String(this.#guardMs)], {
      env,
      execArgv: ['--max-old-space-size=16'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child = child;
    child.once('exit', () => this.#ended());
    child.once('error', () => undefined); // what cannot be started ends
    await Promise.race([once(child, 'message'), once(child, 'exit')]);
    child.unref();
    child.channel?.unref();
    if (child.connected) this.#onWatching?.(child.pid ?? 0);
    let isOnItsWay = false;
    this.#beating = setInterval(() => {
      if (isOnItsWay || !child.connected) return;
      isOnItsWay = true;
      child.send('alive', () => {
        isOnItsWay = false;
      });
    }, this.#guardMs / BEATS).unref();
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#again);
    clearInterval(this.#beating);
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.ref();
    if (child.connected) child.disconnect();
    await ended;
  }

  #ended(): void {
    clearInterval(this.#beating);
    if (this.#isStopped) return;
    this.#log.warn({}, 'the guard of the lanes has ended; it is started again');
    this.#startLater();
  }

  /** Until it succeeds: a system that is short of processes or memory may have some later. */
  #startLater(): void {
    this.#again = setTimeout(() => {
      this.start().catch((thrown: unknown) => {
        if (this.#isStopped) return;
        const { code, message } = IovError.from(thrown, 'starting the guard of the lanes');
        this.#log.error({ code, alarm: 'lanesFailed' }, `${message}; it is tried again`);
        this.#startLater();
      });
    }, AGAIN_MS);
  }
}
