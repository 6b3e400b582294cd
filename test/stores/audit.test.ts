import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Sqlite from 'better-sqlite3';
import t from 'tap';
import { AuditLog, auditPath, noteAudit } from '../../stores/audit.js';

const entry = (what: string) => ({ at: 1_800_000_000_000, who: 'root', did: 'trace', what });

t.test('entries are kept in order, the latest first, in a file of its owner alone', async (t) => {
  const ledger = join(t.testdir(), 'ledger.db');
  await noteAudit(ledger, entry('CMD-1'));
  await noteAudit(ledger, { ...entry('x'.repeat(2_000)), did: 'dead' });
  const log = await AuditLog.open(ledger);
  t.teardown(() => log.close());
  t.match(log.latest(10), [
    { number: 2, did: 'dead', what: 'x'.repeat(500) },
    { number: 1, who: 'root', what: 'CMD-1' },
  ]);
  t.same(log.verify(), { rows: 2, brokenAt: undefined });
  t.equal((await stat(auditPath(ledger))).mode & 0o777, 0o600);
});

t.test('a text that is cut within a character, or holds half of one, breaks no chain', async (t) => {
  const ledger = join(t.testdir(), 'ledger.db');
  for (const what of [`${'x'.repeat(499)}𠮷`, 'half \ud842', 'a\0b']) await noteAudit(ledger, entry(what));
  const log = await AuditLog.open(ledger);
  t.teardown(() => log.close());
  t.same(log.verify(), { rows: 3, brokenAt: undefined });
  t.equal(log.latest(3)[2]?.what, `${'x'.repeat(499)}\ufffd`);
});

t.test('numbers are masked, whoever notes them', async (t) => {
  const ledger = join(t.testdir(), 'ledger.db');
  await noteAudit(ledger, entry('trace 89860022123456789012 --json'));
  const log = await AuditLog.open(ledger, true);
  t.teardown(() => log.close());
  t.match(log.latest(1), [{ what: /^trace #[0-9a-f]{8} --json$/ }]);
  t.throws(() => log.add(entry('A')), { code: 'STORE_FAILED' }, 'who only reads adds nothing');
});

t.test('what was changed or taken out is found, whoever forced it', async (t) => {
  const ledger = join(t.testdir(), 'ledger.db');
  for (const what of ['A', 'B', 'C', 'D']) await noteAudit(ledger, entry(what));
  const raw = new Sqlite(auditPath(ledger));
  const log = await AuditLog.open(ledger);
  t.teardown(() => {
    raw.close();
    log.close();
  });
  t.throws(() => raw.exec("UPDATE audit SET what = 'Z' WHERE number = 2"), /only added to/);
  t.throws(() => raw.exec('DELETE FROM audit WHERE number = 2'), /only added to/);
  raw.exec('DROP TRIGGER audit_stays_so; DROP TRIGGER audit_stays');
  raw.exec("UPDATE audit SET what = 'Z' WHERE number = 3");
  t.same(log.verify(), { rows: 2, brokenAt: 3 }, 'changed');
  raw.exec("UPDATE audit SET what = 'C' WHERE number = 3");
  t.same(log.verify(), { rows: 4, brokenAt: undefined }, 'control: as it was');
  raw.exec('DELETE FROM audit WHERE number = 2');
  t.same(log.verify(), { rows: 1, brokenAt: 2 }, 'taken out');
});

t.test('processes that write at once keep one chain', async (t) => {
  const ledger = join(t.testdir(), 'ledger.db');
  const module = new URL('../../stores/audit.js', import.meta.url).href;
  const script = `import { noteAudit } from ${JSON.stringify(module)};
    for (let i = 0; i < 20; i += 1) await noteAudit(${JSON.stringify(ledger)}, { at: i, who: 'w', did: 'd', what: String(process.pid) });`;
  const write = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  await Promise.all([write(), write(), write()]);
  const log = await AuditLog.open(ledger);
  t.teardown(() => log.close());
  t.same(log.verify(), { rows: 60, brokenAt: undefined });
});

t.test('where it cannot be written nothing is shown', async (t) => {
  const folder = t.testdir({ 'audit.db': { a: 'directory' } });
  await t.rejects(noteAudit(join(folder, 'ledger.db'), entry('A')), {
    code: 'STORE_FAILED',
    message: /nothing is shown/,
  });
});
