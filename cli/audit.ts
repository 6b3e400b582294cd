import { existsSync } from 'node:fs';
import { localTime } from '../notice/cutoff.js';
import { AuditLog, auditPath } from '../stores/audit.js';
import { type Command, complain, EXIT, print, printJson } from './command.js';
import { ledgerOf, STORE_HELP, storeOptions } from './store.js';
import { table } from './table.js';

const SHOWN = 200;

export const command: Command = {
  usage: 'audit [--verify] [--file FILE | --archive PATH] [--json]',
  help: [
    'Who looked at, retried, purged or changed what, the latest first. The log only grows; each row seals those before it.',
    'Cards and persons are told by a digest.',
    '',
    '  --verify         walks the whole chain; exit code 2 where a row was changed or taken out',
    STORE_HELP,
  ].join('\n'),
  options: { ...storeOptions, verify: { type: 'boolean' } },
  positionalsMax: 0,
  async run(given) {
    const ledger = await ledgerOf(given);
    if (!existsSync(auditPath(ledger))) {
      if (given.values.json) printJson(given.values.verify ? { rows: 0, brokenAt: null } : []);
      else print('nobody has looked yet');
      return EXIT.done;
    }
    const log = await AuditLog.open(ledger, true);
    try {
      if (given.values.verify) {
        const { rows, brokenAt } = log.verify();
        if (given.values.json) printJson({ rows, brokenAt: brokenAt ?? null });
        else if (brokenAt === undefined) print(`${rows} rows, the chain is whole`);
        else
          complain(
            `iovpipe: row ${brokenAt} is not what was written, or a row before it is gone; ${rows} rows are right`,
          );
        return brokenAt === undefined ? EXIT.done : EXIT.failed;
      }
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
    } finally {
      log.close();
    }
  },
};
