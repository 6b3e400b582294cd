import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Faults } from '../../engine/fault.js';
import { load } from '../../engine/load.js';
import { type Located, locate } from '../../engine/located.js';
import { writeSite } from '../support/site.js';

/** The file `pipeline.yaml` of a site, loaded; and its faults as `file:line:column message`. */
function loaded(folder: string, site: Record<string, string>): { root: Located | undefined; told: string[] } {
  writeSite(folder, site);
  const faults = new Faults();
  const root = load(join(folder, 'pipeline.yaml'), faults);
  const told = faults
    .list()
    .map(({ file, line, column, message }) => `${file.replace(`${folder}/`, '')}:${line}:${column} ${message}`);
  return { root, told };
}

/** Texts with substitutions, which a plain string must not look like. */
const put = (kind: string, name: string) => `$\{${kind}:${name}}`;

t.test(
  'a secret comes from the credentials directory, then from the folder secrets, without its last line break',
  async (t) => {
    const folder = t.testdir({ credentials: { one: 'first\n' }, secrets: { one: 'second\n', two: 'a\nb\n\n' } });
    const before = process.env.CREDENTIALS_DIRECTORY;
    t.teardown(() => {
      if (before === undefined) delete process.env.CREDENTIALS_DIRECTORY;
      else process.env.CREDENTIALS_DIRECTORY = before;
    });
    process.env.CREDENTIALS_DIRECTORY = join(folder, 'credentials');
    const { root, told } = loaded(folder, {
      'pipeline.yaml': `a: ${put('secret', 'one')}\nb: ${put('secret', 'two')}\n`,
    });
    t.strictSame(told, []);
    t.strictSame(root?.value, { a: 'first', b: 'a\nb\n' });
    t.equal(root?.children.get('a')?.hidden, 'a secret');
  },
);

t.test('a secret has no path, and must be a file of bounded size', async (t) => {
  const folder = t.testdir({ secrets: { large: 'x'.repeat(65_537), empty: '\n', folder: {} }, outside: 'x' });
  const names = ['../outside', 'large', 'empty', 'folder', 'none'];
  const { told } = loaded(folder, {
    'pipeline.yaml': names.map((name, at) => `k${at}: ${put('secret', name)}\n`).join(''),
  });
  t.match(told, [
    /^pipeline\.yaml:1:5 expected a secret's name of letters, digits and \. _ -, got "\.\.\/outside"$/,
    /^pipeline\.yaml:2:5 .*got 65537 bytes, more than 65536$/,
    /^pipeline\.yaml:3:5 .*got an empty file$/,
    /^pipeline\.yaml:4:5 .*got something that is not a file$/,
    /^pipeline\.yaml:5:5 .*got nothing: there is no such file$/,
  ]);
});

t.test('a text file is put in as it is, also within a text', async (t) => {
  const folder = t.testdir();
  const { root, told } = loaded(folder, {
    'pipeline.yaml': `a: "<${put('file', 'inner/a.txt')}>"\nb: $${put('file', 'inner/a.txt')}\n`,
    'inner/a.txt': '一\n',
  });
  t.strictSame(told, []);
  t.strictSame(root?.value, { a: '<一\n>', b: put('file', 'inner/a.txt') }, 'a doubled dollar stands for itself');
});

t.test('an included YAML file keeps its own positions, and its own folder for what it includes', async (t) => {
  const folder = t.testdir();
  const { root, told } = loaded(folder, {
    'pipeline.yaml': `peers: ${put('file', 'inner/peers.yaml')}\n`,
    'inner/peers.yaml': `# first\nmaker:\n  more: ${put('file', 'more.json')}\n  text: ${put('file', 'none.txt')}\n`,
    'inner/more.json': '{"codes": ["0001"]}',
  });
  t.strictSame(told, ['inner/peers.yaml:4:9 expected the file none.txt, got nothing: there is no such file']);
  const { found } = locate(root!, ['peers', 'maker', 'more', 'codes', '0']);
  t.equal(found.value, '0001');
  t.match(found.mark.source.name, /inner\/more\.json$/);
  t.strictSame(found.mark.source.position(found.mark.start), { line: 1, column: 12 });
});

t.test('a file that includes itself is refused', async (t) => {
  const { told } = loaded(t.testdir(), {
    'pipeline.yaml': `a: ${put('file', 'b.yaml')}\n`,
    'b.yaml': `b: ${put('file', 'b.yaml')}\n`,
  });
  t.match(told, [/^b\.yaml:1:4 expected the file .*b\.yaml, got a file that includes itself$/]);
});

t.test('the environment is off unless the file turns it on', async (t) => {
  process.env.IOVPIPE_TEST_HOST = 'example';
  t.teardown(() => delete process.env.IOVPIPE_TEST_HOST);
  const text = `host: ${put('env', 'IOVPIPE_TEST_HOST')}\n`;
  t.match(loaded(t.testdir(), { 'pipeline.yaml': text }).told, [
    /^pipeline\.yaml:1:7 expected environment: true at the top/,
  ]);
  const { root, told } = loaded(t.testdir(), { 'pipeline.yaml': `environment: true\n${text}` });
  t.strictSame(told, []);
  t.strictSame(root?.value, { environment: true, host: 'example' });
});

t.test('YAML 1.2: no is a text, digits may be grouped, keys keep their spelling', async (t) => {
  const { root, told } = loaded(t.testdir(), { 'pipeline.yaml': 'a: no\nb: 100_000_000\nc: 1_00\n0001: x\n' });
  t.strictSame(told, []);
  t.strictSame(root?.value, { a: 'no', b: 100_000_000, c: '1_00', '0001': 'x' });
});

t.test('aliases are followed, but neither round in circles nor without end', async (t) => {
  const { root, told } = loaded(t.testdir(), { 'pipeline.yaml': 'a: &x { k: 1 }\nb: *x\n' });
  t.strictSame(told, []);
  t.strictSame(root?.value, { a: { k: 1 }, b: { k: 1 } });
  const value = root?.value as { a: object; b: object };
  t.not(value.a, value.b, 'each use is its own value');
  t.match(loaded(t.testdir(), { 'pipeline.yaml': 'a: &x [*x]\n' }).told, [
    /:1:8 expected the name of an anchor before it, got \*x$/,
  ]);
  const bomb = ['k0: &k0 [1,1,1,1,1,1,1,1,1,1]'];
  for (let at = 1; at < 9; at += 1)
    bomb.push(
      `k${at}: &k${at} [${Array(10)
        .fill(`*k${at - 1}`)
        .join(',')}]`,
    );
  t.match(loaded(t.testdir(), { 'pipeline.yaml': bomb.join('\n') }).told, [
    /expected at most 50000 values, 64 deep, got more$/,
  ]);
});

t.test('a file that is too large, or not UTF-8, is not read', async (t) => {
  t.match(loaded(t.testdir(), { 'pipeline.yaml': ' '.repeat(1024 * 1024 + 1) }).told, [
    /got 1048577 bytes, more than 1048576$/,
  ]);
  const folder = t.testdir();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'pipeline.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xff]));
  const faults = new Faults();
  t.equal(load(join(folder, 'pipeline.yaml'), faults), undefined);
  t.match(faults.list(), [{ message: /got bytes that are not UTF-8$/ }]);
});

t.test('__proto__ is no key', async (t) => {
  const { root, told } = loaded(t.testdir(), { 'pipeline.yaml': '__proto__: { a: 1 }\nb: 2\n' });
  t.match(told, [/:1:1 expected a plain word as key/]);
  t.equal(Object.getPrototypeOf(root?.value), Object.prototype);
});

t.test('a key is one by its spelling: quotes make no other, a leading zero does', async (t) => {
  const { told } = loaded(t.testdir(), { 'pipeline.yaml': '"0001": one\n0001: two\n' });
  t.strictSame(told, ['pipeline.yaml:2:1 expected each key once, got "0001" again']);
  const { root, told: none } = loaded(t.testdir(), { 'pipeline.yaml': '1: one\n0001: two\n' });
  t.strictSame(none, []);
  t.strictSame(root?.value, { 1: 'one', '0001': 'two' });
});
