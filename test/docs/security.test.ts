import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { loadAndCheck } from '../../engine/check.js';
import { commandsAreThere, pageOf } from '../support/page.js';
import { SITE, writeSite } from '../support/site.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const page = pageOf('docs/security.md');
const { dependencies, optionalDependencies, scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const run = promisify(execFile);
const options = { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 };

t.test('each block of the page is taken by check', async (t) => {
  const blocks = page.blocks('yaml');
  t.equal(blocks.length, 2);
  for (const block of blocks) {
    const folder = t.testdir();
    const key = 'ab'.repeat(32);
    writeSite(folder, { ...SITE, 'secrets/archive.key': key, 'secrets/archive.key.2027': key });
    writeSite(folder, { 'pipeline.yaml': `${block}${SITE['pipeline.yaml']}` });
    const { config, faults } = await loadAndCheck(join(folder, 'pipeline.yaml'));
    t.same(faults, []);
    t.equal(config?.seal?.cipher, 'aegis');
  }
});

t.test('every option and command that the page names is there', async (t) => {
  const words = [...page.text.matchAll(/`npm run ([a-z]+)`/g)].map(([, name = '']) => name);
  t.same(words.sort(), ['dependencies', 'sbom']);
  t.ok(words.every((name) => scripts[name]));
  t.ok((await commandsAreThere(t, page)).length > 2);
});

t.test('the list of dependencies and the SBOM name each package that is installed with iovpipe', async (t) => {
  const wanted = Object.keys({ ...dependencies, ...optionalDependencies });
  const { stdout: list } = await run('npm', ['run', '-s', 'dependencies', '--', '--json'], options);
  const listed: { name: string; version: string }[] = JSON.parse(list);
  const { stdout: sbom } = await run('npm', ['run', '-s', 'sbom'], options);
  const components: { name: string; hashes: { content: string }[] }[] = JSON.parse(sbom).components;
  const replaced: Record<string, string> = { 'better-sqlite3': 'better-sqlite3-multiple-ciphers' };
  for (const name of wanted) {
    const real = replaced[name] ?? name;
    t.ok(
      listed.some((each) => each.name === real && /^\d/.test(each.version)),
      `${name} in the list`,
    );
    t.ok(
      components.some((each) => each.name === real && /^[0-9a-f]{128}$/.test(each.hashes[0]?.content ?? '')),
      `${name} in the SBOM`,
    );
  }
  t.notOk(
    listed.some(({ name }) => name === 'tap'),
    'what only builds or tests is not in it',
  );
});
