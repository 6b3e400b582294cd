import { randomBytes } from 'node:crypto';
import { chown, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { systemClock } from '../../engine/clock.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { iovpipe } from '../support/cli.js';
import { SITE, writeSite } from '../support/site.js';

const key = () => randomBytes(32).toString('hex');

t.test('rekey seals what the pipeline file names, and changes the key; commands go on reading it', async (t) => {
  const folder = t.testdir({ var: {} });
  const plain = SITE['pipeline.yaml'] ?? '';
  writeSite(folder, { ...SITE, 'secrets/archive.key': key(), 'secrets/archive.key.new': key() });
  const pipeline = (seal: string) => writeFile(join(folder, 'pipeline.yaml'), `${seal}${plain}`);
  const path = join(folder, 'var', 'archive.db');
  const store = await openSqliteStore({ path, clock: systemClock, log: keptLog() });
  const bytes = Buffer.from('{"CustomerName":"张三丰"}');
  await store.commit([(transaction) => transaction.append({ kind: 'KH', code: '0002', bytes })]);
  await store.close();

  t.match(await iovpipe(['rekey'], folder), { code: 1, stderr: /expected seal:/ }, 'without one');
  await pipeline('seal: { key: "${secret:archive.key}" }\n');
  t.match(await iovpipe(['status'], folder), { code: 2, stderr: /another key.*iovpipe rekey/ }, 'the file is plain');
  t.match(await iovpipe(['rekey'], folder), { code: 0, stdout: /is sealed with aegis now/ });
  t.notOk((await readFile(path)).includes('张三丰'));
  t.match((await iovpipe(['status'], folder)).stdout, /^records: 1\n/);
  t.match(await iovpipe(['rekey'], folder), { code: 0, stdout: /already/ });

  await pipeline('seal: { key: "${secret:archive.key.new}" }\n');
  t.match(await iovpipe(['rekey'], folder), { code: 2, stderr: /neither seal\.key nor seal\.previous\.key opens it/ });
  await pipeline(
    'seal: { key: "${secret:archive.key.new}", cipher: aes256, previous: { key: "${secret:archive.key}" } }\n',
  );
  t.match(await iovpipe(['rekey'], folder), { code: 0, stdout: /is sealed with aes256 now/ });
  t.match((await iovpipe(['status'], folder)).stdout, /^records: 1\n/);
  t.match(await iovpipe(['rekey', '--unseal'], folder), { code: 0, stdout: /is plain now/ });
  t.ok((await readFile(path)).includes('张三丰'));
});

const asRoot = process.geteuid?.() === 0 ? false : 'only root gives files away';

t.test('rekeyed by root the file stays its owner’s, and it is noted who did it', { skip: asRoot }, async (t) => {
  const folder = t.testdir({ var: {} });
  writeSite(folder, { ...SITE, 'secrets/archive.key': key() });
  await writeFile(join(folder, 'pipeline.yaml'), `seal: { key: "\${secret:archive.key}" }\n${SITE['pipeline.yaml']}`);
  const path = join(folder, 'var', 'archive.db');
  await (await openSqliteStore({ path, clock: systemClock, log: keptLog() })).close();
  await chown(path, 54_321, 54_322);
  t.match(await iovpipe(['rekey'], folder), { code: 0, stdout: /is sealed/ });
  t.match(await stat(path), { uid: 54_321, gid: 54_322 });
  t.equal((await stat(path)).mode & 0o777, 0o600);
  t.match((await iovpipe(['audit'], folder)).stdout, /\brekey\b/);
});

t.test('a key that is no key is refused by check', async (t) => {
  const folder = t.testdir();
  writeSite(folder, { ...SITE, 'secrets/archive.key': 'a password' });
  await writeFile(join(folder, 'pipeline.yaml'), `seal: { key: "\${secret:archive.key}" }\n${SITE['pipeline.yaml']}`);
  const { code, stderr } = await iovpipe(['check'], folder);
  t.equal(code, 1);
  t.match(stderr, /64 hex digits \(openssl rand -hex 32\)/);
  t.notMatch(stderr, /a password/);
});
