import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Sqlite from 'better-sqlite3';
import t from 'tap';
import { systemClock } from '../../engine/clock.js';
import { auditPath } from '../../stores/audit.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { cleanEnvironment } from '../support/cleanEnvironment.js';
import { iovpipe } from '../support/cli.js';
import { SITE, writeSite } from '../support/site.js';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const asRoot = process.geteuid?.() === 0 ? false : 'only root changes its user';

t.test('whoever looks at people’s data leaves a trace, without their numbers', async (t) => {
  const folder = t.testdir({ var: {} });
  writeSite(folder, SITE);
  const ledger = join(folder, 'var', 'archive.db');
  const store = await openSqliteStore({ path: ledger, clock: systemClock, log: keptLog() });
  await store.close();

  t.match((await iovpipe(['audit'], folder)).stdout, 'nobody has looked yet');
  t.same(JSON.parse((await iovpipe(['audit', '--json'], folder)).stdout), []);
  t.same(JSON.parse((await iovpipe(['audit', '--verify', '--json'], folder)).stdout), { rows: 0, brokenAt: null });
  t.notOk(existsSync(auditPath(ledger)), 'who asks makes no log');
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

t.test('a log that root begins belongs to the daemon’s user, who may have no login', { skip: asRoot }, async (t) => {
  const folder = t.testdir({ var: {} });
  writeSite(folder, SITE);
  const ledger = join(folder, 'var', 'archive.db');
  await (await openSqliteStore({ path: ledger, clock: systemClock, log: keptLog() })).close();
  const [uid, gid] = [54_321, 54_322];
  for (const path of [join(folder, 'var'), ledger]) await chown(path, uid, gid);
  await iovpipe(['trace', 'R-1'], folder);
  t.match(await stat(auditPath(ledger)), { uid, gid });

  const run = promisify(execFile);
  await run(process.execPath, [MAIN, 'dead', '--archive', ledger], { cwd: '/', uid, gid, env: cleanEnvironment() });
  const { stdout } = await iovpipe(['audit', '--json'], folder);
  t.match(JSON.parse(stdout), [{ who: 'uid 54321', did: 'dead' }, { did: 'trace' }]);
});

t.test('what changes the archive is noted too, with the pipeline that it is about', async (t) => {
  const folder = t.testdir({ var: {} });
  writeSite(folder, SITE);
  const store = await openSqliteStore({ path: join(folder, 'var', 'archive.db'), clock: systemClock, log: keptLog() });
  await store.close();
  await iovpipe(['run', 'pipeline.yaml', '--once', 'nobody', '--cutoff', '2022111600', '--again'], folder);
  await iovpipe(['replay', 'pipeline.yaml', 'nobody', '--file', 'x.ndjson'], folder);
  await iovpipe(['rekey', '--unseal'], folder);
  await iovpipe(['migrate'], folder);
  const rows: { did: string; what: string }[] = JSON.parse((await iovpipe(['audit', '--json'], folder)).stdout);
  t.strictSame(
    rows.map(({ did, what }) => [did, what]),
    [
      ['migrate', ''],
      ['rekey', '--unseal'],
      ['replay', 'nobody x.ndjson'],
      ['run', '--once nobody 2022111600 --again'],
    ],
  );
});
