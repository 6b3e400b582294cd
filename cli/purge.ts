import { dirname } from 'node:path';
import { IovError } from '../contract/error.js';
import { PURGED, type Purged, type PurgeRow } from '../contract/purge.js';
import { systemClock } from '../engine/clock.js';
import type { CheckedConfig } from '../engine/config.js';
import { localTime } from '../notice/cutoff.js';
import { checked } from './checked.js';
import { type Command, complain, EXIT, type Given, print, printJson, textOption } from './command.js';
import { stopSignal } from './stopSignal.js';
import { STORE_HELP, storeOptions, withStore } from './store.js';
import { table } from './table.js';

const LISTED_MAX = 100;
const HEADINGS: Readonly<Record<keyof Purged, string>> = {
  cards: 'cards',
  records: 'records',
  requests: 'requests',
  dueFiles: 'due files',
  deadLetters: 'dead letters',
  samples: 'samples',
  files: 'files',
  pictures: 'pictures',
  positions: 'positions',
  asideFiles: 'files aside',
};

export const command: Command = {
  usage: 'purge [--dry-run | --vacuum | --log] [--file FILE] [--json]',
  help: [
    'Takes away what need not be kept any longer (article 18): cards whose service ended longer ago than `retention` of the',
    'pipeline file says, with all that is kept of them, old rows of the ledger, and files that have lain in `refused/` or',
    '`unregistered/` for as long. What an export, an open due file or a waiting dead letter still needs stays. May run beside',
    'a daemon, which does the same by itself where `retention` has `at`; may be broken off.',
    'Records in ClickHouse go there first; while it does not answer, or a window is being delivered, their cards stay. The state',
    'by card there goes last; where it could not, the next purge takes it.',
    '',
    '  --dry-run        counts what would go, and takes nothing',
    '  --vacuum         writes the database anew at the end: what is deleted is overwritten in any case, but not the copies',
    '                   that SQLite left where rows once stood. Takes its time and as much disk again; a daemon answers 604',
    '                   meanwhile, so stop it before',
    '  --log            the purges there have been, the latest first (with --archive too)',
    STORE_HELP,
  ].join('\n'),
  options: { ...storeOptions, 'dry-run': { type: 'boolean' }, vacuum: { type: 'boolean' }, log: { type: 'boolean' } },
  positionalsMax: 0,
  audited: true,
  async run(given) {
    if (given.values.log) {
      const rows = await withStore(given, (store) => store.purges.list(LISTED_MAX));
      if (given.values.json) printJson(rows);
      else print(rows.length === 0 ? 'no purges' : logPage(rows));
      return EXIT.done;
    }
    if (textOption(given, 'archive') !== undefined)
      throw new IovError('USAGE', 'purge needs the pipeline file (--file); --archive is not enough');
    const config = await checked(textOption(given, 'file') ?? 'pipeline.yaml');
    return config ? run(config, given) : EXIT.refused;
  },
};

async function run({ file, retention, site, archivePath, drainMs }: CheckedConfig, given: Given): Promise<number> {
  if (!retention)
    throw new IovError(
      'CONFIG_INVALID',
      `${file}: expected retention (afterServiceDays: 731), got nothing to purge by`,
    );
  const { purge } = await import('../engine/retention.js');
  const dryRun = given.values['dry-run'] === true;
  const signal = stopSignal(() => drainMs);
  const order = { ...retention, site, dryRun, vacuum: given.values.vacuum === true, signal };
  // what SQLite writes while it vacuums is as personal as the archive, and belongs beside it
  process.env.SQLITE_TMPDIR ??= dirname(archivePath);
  const outcome = await withStore(given, (store) => purge(store, systemClock, order), dryRun ? 'read' : 'write');
  const { failure, kept, logIsAway, ...purged } = outcome;
  if (given.values.json) printJson({ ...purged, kept });
  else {
    print(PURGED.map((kind) => `${HEADINGS[kind].padEnd(12)}  ${purged[kind]}`).join('\n'));
    if (kept > 0) print(`kept          ${kept} cards that an export or an open due file still needs`);
  }
  if (!logIsAway)
    complain('iovpipe: a reader holds the log of the database, where what went stays until the next purge');
  if (failure) complain(`iovpipe: ${failure.message}`);
  return failure || signal.aborted ? EXIT.failed : EXIT.done;
}

function logPage(rows: readonly PurgeRow[]): string {
  const cells = rows.map((row) => [
    localTime(row.startedAt),
    row.finishedAt === undefined ? 'broken off' : localTime(row.finishedAt),
    row.afterServiceDays,
    ...PURGED.map((kind) => row[kind]),
    row.kept,
  ]);
  return table(['begun', 'finished', 'days', ...PURGED.map((kind) => HEADINGS[kind]), 'kept'], cells);
}
