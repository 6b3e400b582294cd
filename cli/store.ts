import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Store } from '../contract/store.js';
import { systemClock } from '../engine/clock.js';
import type { CheckedConfig } from '../engine/config.js';
import { checked } from './checked.js';
import { complain, type Given, type OptionConfigs, textOption } from './command.js';

/** How commands that look into the archive find it. */
export const storeOptions: OptionConfigs = {
  file: { type: 'string' },
  archive: { type: 'string' },
  json: { type: 'boolean' },
};

export const STORE_HELP = [
  '  --file FILE      the pipeline file that names the archive (pipeline.yaml)',
  '  --archive PATH   the archive itself',
  '  --json           as JSON',
].join('\n');

/** Only what is wrong is worth a word on a terminal. */
const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (_fields, message) => complain(message),
  error: (_fields, message) => complain(message),
};

/** Looks into the archive, beside a daemon that may be writing to it, and closes it again; `write` for what people note there. */
export async function withStore<Result>(
  given: Given,
  look: (store: Store) => Result | Promise<Result>,
  access: 'read' | 'write' = 'read',
): Promise<Result> {
  const { openStore } = await import('../engine/openStore.js');
  const means = { clock: systemClock, log, readOnly: access === 'read', ships: false };
  const store = await openStore(await archiveOf(given), means);
  try {
    return await look(store);
  } finally {
    await store.close();
  }
}

/** The archive itself where it is named; of a ledger beside ClickHouse then no more than what it knows itself. */
async function archiveOf(given: Given): Promise<Pick<CheckedConfig, 'archivePath' | 'clickhouse' | 'seal'>> {
  const archivePath = textOption(given, 'archive');
  return archivePath === undefined ? configOf(given) : { archivePath };
}

/** The SQLite file that a command line names, by `--archive` or through the pipeline file. */
export async function ledgerOf(given: Given): Promise<string> {
  return (await archiveOf(given)).archivePath;
}

/** @throws IovError CONFIG_INVALID, after all faults have been told */
export async function configOf(given: Given): Promise<CheckedConfig> {
  const file = textOption(given, 'file') ?? 'pipeline.yaml';
  const config = await checked(file);
  if (config) return config;
  throw new IovError('CONFIG_INVALID', `${file} has faults; --archive PATH does without it`);
}
