import { execFile } from 'node:child_process';
import type { Log } from '../contract/context.js';

/** Of one word to the service manager; it answers at once, or not at all. */
const TELL_MS = 5_000;

/**
 * Tells the service manager how the daemon is, in the words of sd_notify(3). Node has no unix datagram sockets, and what npm
 * has for them is compiled at install; `systemd-notify` is wherever systemd is. It sends as a process of its own, so the unit
 * needs `NotifyAccess=all`, and it waits until it has been heard, so that words come in order. Elsewhere nothing is told.
 */
export class ServiceManager {
  /** Within this time it wants to hear `WATCHDOG=1`; undefined where it does not watch. */
  readonly watchdogMs: number | undefined;
  readonly #environment: NodeJS.ProcessEnv | undefined;
  readonly #log: Log;
  #told: Promise<void> = Promise.resolve();
  #isDeaf = false;

  constructor(environment: NodeJS.ProcessEnv, log: Log) {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID = String(process.pid), PATH } = environment;
    const watchdogMs = Number(WATCHDOG_USEC) / 1000;
    const isWatched = NOTIFY_SOCKET && watchdogMs > 0 && WATCHDOG_PID === String(process.pid);
    this.watchdogMs = isWatched ? watchdogMs : undefined;
    this.#environment = NOTIFY_SOCKET ? { NOTIFY_SOCKET, ...(PATH && { PATH }) } : undefined;
    this.#log = log;
  }

  get isThere(): boolean {
    return this.#environment !== undefined;
  }

  /** Says several things at once: `READY=1`, `STATUS=…`. Resolves when they have been heard; nothing is thrown. */
  tell(...words: readonly string[]): Promise<void> {
    const env = this.#environment;
    if (!env) return Promise.resolve();
    this.#told = this.#told.then(() => this.#send(words, env));
    return this.#told;
  }

  /** Resolves when everything has been heard that was said so far. */
  heard(): Promise<void> {
    return this.#told;
  }

  /** What comes before `READY=1` of a reload; systemd tells by the time which one is meant. */
  reloading(): Promise<void> {
    return this.tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  #send(words: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
    return new Promise((resolve) => {
      execFile('systemd-notify', [...words], { env, timeout: TELL_MS, killSignal: 'SIGKILL' }, (error) => {
        if (error && !this.#isDeaf) this.#log.warn({ reason: error.message }, 'the service manager cannot be told');
        this.#isDeaf = error !== null;
        resolve();
      });
    });
  }
}
