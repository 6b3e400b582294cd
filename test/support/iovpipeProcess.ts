import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from './cleanEnvironment.js';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const CLOCK = new URL('./movedClock.js', import.meta.url).href;
/** No process of a test outlives this, unless the test says how long it may live. */
const LIFETIME_MS = 600_000;

/** A line of its log; what is no JSON stands in `msg`. */
export interface Said {
  level?: string;
  msg: string;
  [field: string]: unknown;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The real command line as a process of its own, which may be killed at any moment; its log lines are kept. */
export class IovpipeProcess {
  readonly said: Said[] = [];
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #listeners = new Set<(said: Said | undefined) => void>();
  #isOver = false;

  /**
   * @param nowMs what its clock shows at the start; the machine's time by default
   * @param more environment variables, as a service manager would give them
   */
  constructor(
    words: readonly string[],
    folder: string,
    nowMs: number = Date.now(),
    lifetimeMs: number = LIFETIME_MS,
    more: Readonly<Record<string, string>> = {},
  ) {
    const env = { ...cleanEnvironment(), IOVPIPE_TEST_CLOCK_OFFSET_MS: String(nowMs - Date.now()) };
    this.#child = spawn(process.execPath, ['--import', CLOCK, MAIN, ...words], {
      cwd: folder,
      env: { ...env, ...more },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      timeout: lifetimeMs,
      killSignal: 'SIGKILL',
    });
    const lines = createInterface(this.#child.stderr!).on('line', (line) => this.#hear(line));
    this.ended = Promise.all([once(this.#child, 'exit'), once(lines, 'close')]).then(([[code, signal]]) => {
      this.#isOver = true;
      for (const listener of [...this.#listeners]) listener(undefined);
      return { code, signal } as Ended;
    });
  }

  /** Resolves with the first line, of those said since `from` or yet to come, that is looked for; rejects where none came. */
  says(wanted: (said: Said) => boolean, from = 0): Promise<Said> {
    const before = this.said.slice(from).find(wanted);
    if (before) return Promise.resolve(before);
    return new Promise((resolve, reject) => {
      const listener = (said: Said | undefined) => {
        if (said && !wanted(said)) return;
        this.#listeners.delete(listener);
        if (said) resolve(said);
        else reject(new Error(`the process ended without saying it; its last words: ${this.words}`));
      };
      this.#listeners.add(listener);
      if (this.#isOver) listener(undefined);
    });
  }

  /** Every listener is up. */
  ready(): Promise<Said> {
    return this.says(({ msg }) => msg === 'ready');
  }

  get words(): string {
    return this.said
      .slice(-5)
      .map((said) => JSON.stringify(said))
      .join('\n');
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** To its own children, too: what holds a whole machine holds a guard as well. */
  signalAll(signal: NodeJS.Signals): void {
    for (const pid of [...this.pids].reverse()) process.kill(pid, signal);
  }

  /** Its own id, and those of its children. */
  get pids(): number[] {
    const pid = this.#child.pid ?? 0;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return [pid, ...children.map(Number)];
  }

  #hear(line: string): void {
    const said = parsed(line);
    this.said.push(said);
    for (const listener of [...this.#listeners]) listener(said);
  }
}

function parsed(line: string): Said {
  try {
    return JSON.parse(line) as Said;
  } catch {
    return { msg: line };
  }
}
