import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { CODES } from '../../contract/codes.js';
import { makeKey } from '../support/dropBox.js';
import { pageOf } from '../support/page.js';
import { faultsWith } from '../support/shippedSite.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const { text: PAGE, blocks, table } = pageOf('docs/pictures.md');
const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find((path) => existsSync(path));

const unquoted = (cell = '') => cell.replaceAll('`', '');
const faultsOf = (t: Test, block: string) => faultsWith(t, parse(block));

t.test('each pipeline on the page is taken by `check`, in place of the shipped one', async (t) => {
  const found = blocks('yaml');
  t.equal(found.length, 2);
  for (const [index, block] of found.entries()) {
    await t.test(`block ${index + 1}`, async (t) => t.strictSame(await faultsOf(t, block), []));
  }
  await t.test('a slip would be told', async (t) => {
    t.match(await faultsOf(t, found[0]!.replace('tie:', 'tied:')), [/pictures-in\.operators\[0\].*tie/]);
  });
});

t.test(
  'every file that the page names exists, and every pipeline is in the file that is said to hold it',
  async (t) => {
    const files = [...PAGE.matchAll(/`([\w/.]+\.(?:ts|yaml|md))`/g)]
      .map(([, path = '']) => path)
      .filter((path) => path !== 'logins.yaml'); // a site's own
    const isThere = (path: string) => existsSync(join(ROOT, path)) || existsSync(join(ROOT, 'docs', path));
    t.strictSame(
      files.filter((path) => !isThere(path)),
      [],
    );
    const rows = table('Pipeline');
    t.ok(rows.length >= 10);
    for (const [pipeline, file] of rows.map((cells) => cells.map(unquoted)))
      t.match(read(file!), `\n  ${pipeline}:`, `${pipeline} in ${file}`);
  },
);

t.test('every alarm and every code that the page names is one', async (t) => {
  const sources = [
    'engine/dueFiles.ts',
    'files/restingFiles.ts',
    'files/staleFiles.ts',
    'connections/sftpConnection.ts',
  ]
    .map(read)
    .join();
  const alarms = table('Log line with `alarm`').map(([alarm]) => unquoted(alarm));
  t.equal(alarms.length, 6);
  for (const alarm of alarms) t.match(sources, `alarm: '${alarm}'`);
  const codes = [...PAGE.matchAll(/`([A-Z]+(?:_[A-Z]+)+|UNDECRYPTABLE)`/g)].map(([, code = '']) => code);
  t.ok(codes.length > 5);
  t.strictSame(
    codes.filter((code) => !Object.hasOwn(CODES, code)),
    [],
  );
});

t.test('sshd takes the lines for its configuration', { skip: SSHD ? false : 'no sshd' }, async (t) => {
  if (!SSHD) return;
  const folder = t.testdir();
  await makeKey(folder, 'host');
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true }); // where it drops its privileges
  const configured = (lines: string) => {
    writeFileSync(
      join(folder, 'sshd_config'),
      `HostKey ${join(folder, 'host')}\nSubsystem sftp internal-sftp\n${lines}`,
    );
    return execFileSync(SSHD, ['-t', '-f', join(folder, 'sshd_config')], { stdio: 'pipe' });
  };
  const [lines = ''] = blocks('sshd_config');
  t.match(lines, 'ForceCommand internal-sftp');
  configured(lines);
  t.throws(() => configured(lines.replace('ChrootDirectory', 'ChrootFolder')), /Bad configuration option/);
});
