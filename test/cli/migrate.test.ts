import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { iovpipe } from '../support/cli.js';
import { archiveAt, startClickHouse } from '../support/clickhouse.js';
import { archiveSite } from '../support/clickhouseSite.js';

const server = await startClickHouse();
if (server) t.teardown(() => server.stop());
const skip = server ? false : 'no ClickHouse';

function site(t: Test, database?: string) {
  const folder = t.testdir({ upload: {} });
  const archive = database === undefined ? undefined : archiveAt(server?.url ?? '', 'var/ledger.db', { database });
  return { folder, ...archiveSite(folder, { archive, seed: 7, accounts: 20, bytesMax: 10_000 }) };
}

t.test('`migrate` comes before the first run, and is told of where it is missing', { skip }, async (t) => {
  const database = `cli_${randomUUID().replaceAll('-', '')}`;
  const { folder, path } = site(t, database);
  const refused = await iovpipe(['run', path, '--once', 'in'], folder);
  t.match(refused, { code: 2, stderr: /no tables of an archive; `iovpipe migrate`/ });
  t.match(await iovpipe(['migrate', path], folder), { code: 0, stdout: /schema 0 is now 2/ });
  t.match(await iovpipe(['migrate', path], folder), { code: 0, stdout: /schema 2: nothing to do/ });
  t.match(await iovpipe(['run', path, '--once', 'in'], folder), { code: 0 });
  t.equal(await server?.ask(`SELECT count() FROM ${database}.accepted`), '20', 'the view shows what was accepted');
  t.match(await iovpipe(['status', '--file', path], folder), { code: 0, stdout: /records: 20/ });
});

t.test('an archive is in one place, and a SQLite file needs no migrating', async (t) => {
  const { folder, path } = site(t);
  t.match(await iovpipe(['migrate', path], folder), { code: 0, stdout: /nothing to do/ });
  const both =
    'archive: { clickhouse: { url: "http://127.0.0.1:1", ledger: var/l.db }, sqlite: { path: var/archive.db } }';
  const text = readFileSync(path, 'utf8');
  writeFileSync(join(folder, 'both.yaml'), text.replace(/^archive: .*$/m, both));
  t.match(await iovpipe(['check', 'both.yaml'], folder), {
    code: 1,
    stderr: /either sqlite or clickhouse, got 2/,
  });
  writeFileSync(join(folder, 'none.yaml'), text.replace(/^archive: .*$/m, 'archive: {}'));
  t.match(await iovpipe(['check', 'none.yaml'], folder), { code: 1, stderr: /either sqlite or clickhouse/ });
});
