import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { iovpipe } from '../support/cli.js';
import { changedSite, SITE, writeSite } from '../support/site.js';

interface Faulty {
  name: string;
  /** The file to change; the pipeline file by default. */
  file?: string;
  from: string;
  to: string;
  /** One of the slips that are made all at once. */
  together?: true;
  /** All that is said of it. */
  expected: string;
}

const LIST = fileURLToPath(new URL('../../../test/engine/faulty.yaml', import.meta.url));
const FAULTY: Faulty[] = parse(readFileSync(LIST, 'utf8'));

const check = (folder: string) => iovpipe(['check'], folder);

// Each case is a process of its own: a few at a time.
t.jobs = 4;
t.setTimeout(800_000);

t.test('a sound pipeline file is checked in silence', async (t) => {
  const folder = t.testdir();
  writeSite(folder, SITE);
  t.strictSame(await check(folder), { code: 0, stdout: '', stderr: '' });
});

t.ok(FAULTY.length >= 20, `${FAULTY.length} ways to write a pipeline file wrongly`);
for (const { name, file = 'pipeline.yaml', from, to, expected } of FAULTY) {
  t.test(`a helpful message for ${name}`, { buffered: true }, async (t) => {
    const folder = t.testdir();
    writeSite(folder, changedSite(file, from, to));
    const { code, stdout, stderr } = await check(folder);
    t.equal(code, 1, 'exit code 1');
    t.equal(stdout, '', 'stdout is for data');
    t.equal(stderr, expected);
  });
}

t.test('all faults come at once, in the order of the lines', async (t) => {
  const folder = t.testdir();
  const chosen = FAULTY.filter((faulty) => faulty.together);
  let site = SITE;
  for (const { file = 'pipeline.yaml', from, to } of chosen) site = changedSite(file, from, to, site);
  writeSite(folder, site);
  const { stderr } = await check(folder);
  t.ok(chosen.length >= 5, `${chosen.length} slips at once`);
  const headlines = chosen.flatMap(({ expected }) =>
    expected.split('\n').filter((line) => line.startsWith('pipeline.yaml:')),
  );
  for (const headline of headlines) t.ok(stderr.includes(`${headline}\n`), headline);
  const lines = [...stderr.matchAll(/^pipeline\.yaml:(\d+):/gm)].map(([, line]) => Number(line));
  t.strictSame(
    lines,
    [...lines].sort((one, other) => one - other),
  );
});

t.test('a pipeline file that is not there', async (t) => {
  const { code, stderr } = await check(t.testdir());
  t.equal(code, 1);
  t.equal(stderr, 'pipeline.yaml:1:1 expected a pipeline file, got nothing: there is no such file\n');
});

t.test('no secret is shown, whatever is wrong around it', async (t) => {
  const folder = t.testdir();
  const key = `key: "\${secret:t1.key}"`;
  writeSite(folder, changedSite('pipeline.yaml', key, `${key}, ky: ${key.slice(5)}`));
  mkdirSync(join(folder, 'secrets'), { recursive: true });
  for (const name of ['oem.key', 'oem.password', 't1.key']) writeFileSync(join(folder, 'secrets', name), 'hush-hush');
  const { code, stderr } = await check(folder);
  t.equal(code, 1);
  t.notMatch(stderr, 'hush');
});

t.test('a check loads no native module and no package but those that read the file', async (t) => {
  const folder = t.testdir();
  writeSite(folder, SITE);
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  // What is imported lands in this cache where it is CommonJS, as every native and every heavy package of ours is.
  const script = `
    import { createRequire } from 'node:module';
    const loaded = () => Object.keys(createRequire(import.meta.url).cache);
    const before = loaded(); // the test runner's own
    const { loadAndCheck } = await import(${url('../../engine/check.js')});
    const { config } = await loadAndCheck('pipeline.yaml');
    const files = loaded().filter((file) => !before.includes(file));
    const packages = files.map((file) => /node_modules[/\\\\]((?:@[^/\\\\]+[/\\\\])?[^/\\\\]+)/.exec(file)?.[1]);
    process.stdout.write(JSON.stringify({ sound: config !== undefined, packages: [...new Set(packages)].sort() }));
  `;
  const stdout = await new Promise<string>((resolve) => {
    execFile(process.execPath, ['--input-type=module', '-e', script], { cwd: folder }, (_error, out) => resolve(out));
  });
  t.strictSame(JSON.parse(stdout), { sound: true, packages: ['fastest-levenshtein', 'yaml'] });
});
