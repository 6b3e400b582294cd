import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { cleanEnvironment } from '../support/cleanEnvironment.js';

const SCRIPT = fileURLToPath(new URL('../../../scripts/setup.mjs', import.meta.url));
const SQLITE = 'node_modules/better-sqlite3/build/Release/better_sqlite3.node';

/** A clone whose packages are there, and whose npm only notes what it is asked for. */
function clone(t: Test) {
  const npm = (status: number) => `#!/bin/sh\necho "$*" >>npm.log\nexit ${status}\n`;
  const folder = t.testdir({ scripts: {}, dist: { cli: { 'main.js': '' } } });
  copyFileSync(SCRIPT, join(folder, 'scripts/setup.mjs'));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text, { mode: 0o755 });
  };
  write('bin/npm', npm(0));
  write('package-lock.json', '');
  write('node_modules/.package-lock.json', '');
  write('node_modules/typescript/bin/tsc', '');
  write(SQLITE, '');
  const setup = ({ words = [], tools = true }: { words?: string[]; tools?: boolean } = {}) => {
    const PATH = tools ? `${join(folder, 'bin')}:${process.env.PATH}` : join(folder, 'bin');
    const args = [...words, join(folder, 'scripts/setup.mjs')];
    // a user who can install nothing
    const who = process.geteuid?.() === 0 ? ['--import', 'data:text/javascript,process.getuid=()=>1000'] : [];
    const { status, stderr } = spawnSync(process.execPath, [...who, ...args], {
      env: { ...cleanEnvironment(), PATH },
      encoding: 'utf8',
    });
    return { status, stderr };
  };
  const asked = () => {
    try {
      return readFileSync(join(folder, 'npm.log'), 'utf8').trim().split('\n');
    } catch {
      return [];
    }
  };
  return { folder, setup, asked, npmEnds: (status: number) => write('bin/npm', npm(status)) };
}

t.test('where all is there nothing is installed; a native module that is missing is compiled', async (t) => {
  const { folder, setup, asked } = clone(t);
  t.strictSame(setup(), { status: 0, stderr: '' });
  t.strictSame(asked(), []);
  rmSync(join(folder, SQLITE)); // the first try had no compiler
  t.strictSame(setup(), { status: 0, stderr: '' });
  t.strictSame(asked(), ['rebuild better-sqlite3 ssh2']);
});

t.test('without a compiler it says what to install', async (t) => {
  const { folder, setup, npmEnds } = clone(t);
  rmSync(join(folder, SQLITE));
  npmEnds(1);
  const { status, stderr } = setup({ tools: false });
  t.equal(status, 2);
  t.match(stderr, /it wants g\+\+, make, python3; as root: apt-get install g\+\+ make python3/);
});

t.test('a Node that is too old is refused with where to get one', async (t) => {
  const { setup, asked } = clone(t);
  const old = (version: string) =>
    `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`;
  for (const version of ['18.19.0', '20.14.1']) {
    const { status, stderr } = setup({ words: ['--import', old(version)] });
    t.equal(status, 2);
    t.match(stderr, /needs Node\.js 20\.15 or later.*https:\/\/nodejs\.org/s);
  }
  for (const version of ['20.15.0', '22.1.0']) t.equal(setup({ words: ['--import', old(version)] }).status, 0, version);
  t.strictSame(asked(), []);
});
