import { existsSync } from 'node:fs';
import { IovError } from '../contract/error.js';
import type { SentRequests } from '../contract/sent.js';
import { localTime } from '../notice/cutoff.js';
import { AuditLog, auditPath } from '../stores/audit.js';
import { type Command, complain, EXIT, type Given, print, printJson, textOption } from './command.js';
import { dayOption } from './day.js';
import { ledgerOf, STORE_HELP, storeOptions, withStore } from './store.js';
import { table } from './table.js';

const SHOWN = 200;
/** Rows of `--sent`: a month or two of ten platforms. */
const SENT_MAX = 1_000;

export const command: Command = {
  usage: 'audit [--verify | --sent [--day YYYYMMDD] [--peer PLATFORM]] [--file FILE | --archive PATH] [--json]',
  help: [
    'Who looked at, retried, purged or changed what, the latest first. The log only grows; each row seals those before it.',
    'Cards and persons are told by a digest.',
    '',
    '  --verify         walks the whole chain; exit code 2 where a row was changed or taken out',
    '  --sent           who sent, instead: requests accepted by day, platform, kind and code, and the first and the last time;',
    '                   the latest day first. A message that lists several cards counts once for each, and what is purged stays',
    '                   counted. Files that were received are in `iovpipe report`, one request is in `iovpipe trace`',
    '  --day YYYYMMDD   with --sent: only this day, Asia/Shanghai',
    '  --peer PLATFORM  with --sent: only this PlatformID',
    STORE_HELP,
  ].join('\n'),
  options: {
    ...storeOptions,
    verify: { type: 'boolean' },
    sent: { type: 'boolean' },
    day: { type: 'string' },
    peer: { type: 'string' },
  },
  positionalsMax: 0,
  async run(given) {
    checkWords(given);
    if (given.values.sent) return sent(given);
    const ledger = await ledgerOf(given);
    if (!existsSync(auditPath(ledger))) {
      if (given.values.json) printJson(given.values.verify ? { rows: 0, brokenAt: null } : []);
      else print('nobody has looked yet');
      return EXIT.done;
    }
    const log = await AuditLog.open(ledger, true);
    try {
      return given.values.verify ? verify(log, given) : latest(log, given);
    } finally {
      log.close();
    }
  },
};

/** @throws IovError USAGE */
function checkWords({ values }: Given): void {
  if (values.sent && values.verify) throw new IovError('USAGE', 'audit expects --verify or --sent, not both');
  const foreign = (['day', 'peer'] as const).find((word) => values[word] !== undefined);
  if (foreign && !values.sent) throw new IovError('USAGE', `--${foreign} goes with --sent`);
}

function verify(log: AuditLog, given: Given): number {
  const { rows, brokenAt } = log.verify();
  if (given.values.json) printJson({ rows, brokenAt: brokenAt ?? null });
  else if (brokenAt === undefined) print(`${rows} rows, the chain is whole`);
  else complain(`iovpipe: row ${brokenAt} is not what was written, or a row before it is gone; ${rows} rows are right`);
  return brokenAt === undefined ? EXIT.done : EXIT.failed;
}

function latest(log: AuditLog, given: Given): number {
  const rows = log.latest(SHOWN);
  if (given.values.json) printJson(rows);
  else if (rows.length === 0) print('nobody has looked yet');
  else
    print(
      table(
        ['at', 'who', 'did', 'what'],
        rows.map(({ at, who, did, what }) => [localTime(at), who, did, what]),
      ),
    );
  return EXIT.done;
}

/** Tells of companies alone, so that whoever asks is not noted, as with `status` and `report`. */
async function sent(given: Given): Promise<number> {
  const filter = { day: dayOption(given), platformId: textOption(given, 'peer'), limit: SENT_MAX + 1 };
  const found = await withStore(given, (store) => store.sent(filter));
  const rows = found.slice(0, SENT_MAX);
  if (given.values.json) printJson(rows);
  else print(rows.length === 0 ? 'nothing was accepted' : sentTable(rows));
  if (found.length > SENT_MAX) complain(`these are the latest ${SENT_MAX} rows; --day and --peer show others`);
  return EXIT.done;
}

function sentTable(rows: readonly SentRequests[]): string {
  const cells = rows.map(({ day, platformId, kind, code, requests, firstAt, lastAt }) => [
    day,
    platformId,
    kind,
    code || '-',
    requests,
    localTime(firstAt),
    localTime(lastAt),
  ]);
  return table(['day', 'platform', 'kind', 'code', 'accepted', 'first', 'last'], cells);
}
