import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import Value from 'typebox/value';
import { systemClock } from '../../engine/clock.js';
import { migrateClickHouse } from '../../stores/clickhouse/migrate.js';
import { type ClickHouseOptions, ClickHouseOptionsSchema } from '../../stores/clickhouse/options.js';
import { type ClickHouseStoreOptions, openClickHouseStore } from '../../stores/clickhouse/store.js';
import { keptLog } from './bareContext.js';
import { freePort } from './freePort.js';

const run = promisify(execFile);
const STARTED_MS = 60_000;

/** A real server, and what tests ask of it themselves. */
export interface ClickHouse {
  url: string;
  /** The answer of a query, as text. */
  ask(query: string, user?: string): Promise<string>;
  /** Of the server; undefined for one that was offered. */
  control?: {
    signal(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void>;
    /** Ends it at once. */
    kill(): Promise<void>;
    /** Starts it again, on the same ports and with the same data. */
    again(): Promise<void>;
  };
  stop(): Promise<void>;
}

/**
 * Starts a server, or takes the one that IOVPIPE_CLICKHOUSE_URL names (user `default` without a password); every archive has a
 * database of its own.
 * @returns undefined where none is to be had; under CI that is an error
 */
export async function startClickHouse(): Promise<ClickHouse | undefined> {
  const offered = process.env.IOVPIPE_CLICKHOUSE_URL;
  if (offered) return { url: offered, ask: asking(offered), stop: async () => undefined };
  try {
    return await start();
  } catch (error) {
    if (process.env.CI) throw error;
    return undefined;
  }
}

/** A server on a small disk of its own; undefined where nobody may make one, which needs root. */
export function startOnSmallDisk(megabytes: number): Promise<ClickHouse | undefined> {
  return start(megabytes).catch(() => undefined);
}

async function start(megabytes?: number): Promise<ClickHouse> {
  const directory = await mkdtemp(join(tmpdir(), 'iovpipe-clickhouse-'));
  // the script stands beside the sources; tests run compiled, one folder deeper
  const script = fileURLToPath(new URL('../../../test/services/clickhouse.sh', import.meta.url));
  await access(script);
  const [http, tcp] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${http}`;
  const signal = async (name: NodeJS.Signals) =>
    void process.kill(Number(await readFile(join(directory, 'server.pid'), 'utf8')), name);
  const stop = async () => {
    await run(script, ['stop', directory]);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await run(script, ['start', directory, ...[http, tcp, ...(megabytes ? [megabytes] : [])].map(String)]);
    await answering(url, directory);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    ask: asking(url),
    control: {
      signal,
      kill: () => signal('SIGKILL'),
      again: async () => {
        await run(script, ['again', directory]);
        await answering(url, directory);
      },
    },
    stop,
  };
}

const asking = (url: string) => async (query: string, user?: string) => {
  const answer = await fetch(`${url}/?wait_end_of_query=1${user ? `&user=${user}` : ''}`, {
    method: 'POST',
    body: query,
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text.trim();
};

/** Resolves when the server answers; rejects with its last words where it does not come up. */
async function answering(url: string, directory: string): Promise<void> {
  const endsAt = performance.now() + STARTED_MS;
  for (;;) {
    const isUp = await fetch(`${url}/ping`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isUp) return;
    const pid = Number(await readFile(join(directory, 'server.pid'), 'utf8'));
    if (performance.now() > endsAt || !isAlive(pid)) {
      const words = await readFile(join(directory, 'start.log'), 'utf8').catch(() => '');
      throw new Error(`ClickHouse did not start: ${words.slice(-2_000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The options of an archive in a database of its own, with tables. */
export async function newArchive(
  { url }: Pick<ClickHouse, 'url'>,
  ledger: string,
  more: Partial<ClickHouseOptions> = {},
): Promise<ClickHouseOptions> {
  const options = archiveAt(url, ledger, { database: `test_${randomUUID().replaceAll('-', '')}`, ...more });
  await migrateClickHouse(options, systemClock.now());
  return options;
}

/** Options with their defaults, as a pipeline file gives them. */
export function archiveAt(url: string, ledger: string, more: Partial<ClickHouseOptions> = {}): ClickHouseOptions {
  const given = { url, ledger, batchDelayMs: 5, ...more };
  return Value.Parse(ClickHouseOptionsSchema, Value.Default(ClickHouseOptionsSchema, given));
}

/** Closed when the test ends. */
export async function clickHouseStore(
  t: Test,
  options: ClickHouseOptions,
  means: Pick<ClickHouseStoreOptions, 'clock'> & Partial<ClickHouseStoreOptions>,
) {
  const log = keptLog();
  const store = await openClickHouseStore({ log, ...options, ...means });
  t.teardown(() => store.close());
  return { store, log };
}
