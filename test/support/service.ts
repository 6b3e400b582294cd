import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { until } from './until.js';

const run = promisify(execFile);
const LOOK_MS = 50;

/** A real server in a folder of its own. */
export interface Service {
  directory: string;
  pid(): Promise<number>;
  control: Control;
  stop(): Promise<void>;
}

/** What may be done to a server. */
export interface Control {
  signal(signal: NodeJS.Signals): Promise<void>;
  /** Ends it at once, and waits until it has gone: it holds its ports and files no longer. */
  kill(): Promise<void>;
  /** Starts it again, on the same ports and with the same data. */
  again(): Promise<void>;
}

export interface ServiceOptions {
  /** One of test/services; what it is asked is in service.sh there. */
  script: string;
  /** Behind `start DIR`. */
  args: readonly (string | number)[];
  /** What it finds in its folder. */
  files?: Readonly<Record<string, string>>;
  isUp(directory: string): Promise<boolean>;
  startedMs?: number;
}

/** Resolves when the server is up; rejects with its last words where it does not come up. */
export async function startService({
  script,
  args,
  files = {},
  isUp,
  startedMs = 60_000,
}: ServiceOptions): Promise<Service> {
  // the scripts stand beside the sources; tests run compiled, one folder deeper
  const path = fileURLToPath(new URL(`../../../test/services/${script}`, import.meta.url));
  await access(path);
  const directory = await mkdtemp(join(tmpdir(), 'iovpipe-service-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o600 });
  const pid = async () => Number(await readFile(join(directory, 'server.pid'), 'utf8'));
  const signal = async (name: NodeJS.Signals) => void process.kill(await pid(), name);
  const kill = async () => {
    const id = await pid();
    process.kill(id, 'SIGKILL');
    await until(`${script}: the end of the server`, () => hasGone(id));
  };
  const started = async (how: string, ...more: readonly (string | number)[]) => {
    await run(path, [how, directory, ...more.map(String)]);
    const endsAt = performance.now() + startedMs;
    while (!(await isUp(directory))) {
      if (performance.now() > endsAt || !isAlive(await pid())) {
        const words = await readFile(join(directory, 'start.log'), 'utf8');
        throw new Error(`${script}: the server did not start: ${words.slice(-2_000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  };
  const stop = async () => {
    await run(path, ['stop', directory]);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await started('start', ...args);
  } catch (error) {
    await stop();
    throw error;
  }
  return { directory, pid, control: { signal, kill, again: () => started('again') }, stop };
}

/** What is to be had here, or undefined; under CI it must be there. */
export async function ifHere<Real>(start: () => Promise<Real>): Promise<Real | undefined> {
  try {
    return await start();
  } catch (error) {
    if (process.env.CI) throw error;
    return undefined;
  }
}

/** Not so of one that is dead and not yet waited for. */
export function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

/** Dead with all its threads: what it had open is closed only with the last of them. */
function hasGone(pid: number): boolean {
  if (isAlive(pid)) return false;
  try {
    return readdirSync(`/proc/${pid}/task`).length <= 1;
  } catch {
    return true;
  }
}
