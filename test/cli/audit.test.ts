import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import t from 'tap';
import type { Log } from '../../contract/context.js';
import { systemClock } from '../../engine/clock.js';
import { auditPath } from '../../stores/audit.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { iovpipe } from '../support/cli.js';
import { SITE, writeSite } from '../support/site.js';

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

t.test('whoever looks at people’s data leaves a trace, without their numbers', async (t) => {
  const folder = t.testdir({ var: {} });
  writeSite(folder, SITE);
  const ledger = join(folder, 'var', 'archive.db');
  const store = await openSqliteStore({ path: ledger, clock: systemClock, log: silent });
  await store.close();

  t.match((await iovpipe(['audit'], folder)).stdout, 'nobody has looked yet');
  await iovpipe(['trace', '89860022123456789012'], folder);
  await iovpipe(['dead', 'list'], folder);
  await iovpipe(['cards', '--archive', ledger], folder);
  await iovpipe(['status'], folder); // shows nobody
  const { stdout } = await iovpipe(['audit', '--json'], folder);
  const rows: { who: string; did: string; what: string }[] = JSON.parse(stdout);
  t.same(
    rows.map(({ did }) => did),
    ['cards', 'dead', 'trace'],
  );
  t.match(rows[2]?.what, /^#[0-9a-f]{8}$/, 'a digest stands for the card');
  t.ok(rows.every(({ who }) => who !== ''));

  t.match(await iovpipe(['audit', '--verify'], folder), { code: 0, stdout: '3 rows, the chain is whole\n' });
  const raw = new Sqlite(auditPath(ledger));
  raw.exec("DROP TRIGGER audit_stays_so; UPDATE audit SET who = 'nobody' WHERE number = 2");
  raw.close();
  t.match(await iovpipe(['audit', '--verify'], folder), { code: 2, stderr: /row 2 is not what was written/ });
});
