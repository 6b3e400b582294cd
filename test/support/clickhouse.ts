import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import { freePort } from '../../demo/site.js';
import { systemClock } from '../../engine/clock.js';
import { migrateClickHouse } from '../../stores/clickhouse/migrate.js';
import { openClickHouseStore } from '../../stores/clickhouse/open.js';
import { type ClickHouseOptions, ClickHouseOptionsSchema } from '../../stores/clickhouse/options.js';
import type { ClickHouseStoreOptions } from '../../stores/clickhouse/store.js';
import { keptLog } from './bareContext.js';
import { conformed } from './options.js';
import { type Control, ifHere, startService } from './service.js';

/** A real server, and what tests ask of it themselves. */
export interface ClickHouse {
  url: string;
  /** The answer of a query, as text. */
  ask(query: string, user?: string): Promise<string>;
  /** Of the server; undefined for one that was offered. */
  control?: Control;
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
  return ifHere(() => start());
}

/** A server on a small disk of its own; undefined where nobody may make one, which needs root. */
export function startOnSmallDisk(megabytes: number): Promise<ClickHouse | undefined> {
  return start(megabytes).catch(() => undefined);
}

async function start(megabytes?: number): Promise<ClickHouse> {
  const [http, tcp] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${http}`;
  const isUp = () =>
    fetch(`${url}/ping`).then(
      ({ ok }) => ok,
      () => false,
    );
  const args = [http, tcp, ...(megabytes ? [megabytes] : [])];
  const { control, stop } = await startService({ script: 'clickhouse.sh', args, isUp });
  return { url, ask: asking(url), control, stop };
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
  return conformed(ClickHouseOptionsSchema, given) as ClickHouseOptions;
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
