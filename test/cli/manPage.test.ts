import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { commands } from '../../cli/commands.js';
import { iovpipe } from '../support/cli.js';

const run = promisify(execFile);
const COMMITTED = fileURLToPath(new URL('../../../packaging/man/iovpipe.1', import.meta.url));

t.test('the manual page is what the commands make of it', async (t) => {
  const { code, stdout } = await iovpipe(['help', '--man'], t.testdir());
  t.equal(code, 0);
  t.equal(readFileSync(COMMITTED, 'utf8'), stdout, 'run `npm run generate` and look at the difference');
});

const groff = existsSync('/usr/bin/groff');
t.test('groff has nothing to say against it', { skip: groff ? false : 'groff is not installed' }, async (t) => {
  const render = (path: string) => run('groff', ['-man', '-Tutf8', '-ww', '-P-cbou', path], { maxBuffer: 10_000_000 });
  const { stdout, stderr } = await render(COMMITTED);
  t.equal(stderr, '');
  for (const [name, { summary }] of Object.entries(commands)) {
    t.match(stdout, name);
    const plain = stdout.replace(/[\s‐-]+/g, '');
    t.ok(plain.includes(summary.slice(1).replace(/[\s-]+/g, '')), `${name}: ${summary}`);
  }
  const broken = join(t.testdir(), 'x.1');
  writeFileSync(broken, `${readFileSync(COMMITTED, 'utf8')}.nosuchmacro\n`);
  t.match((await render(broken)).stderr, 'nosuchmacro', 'and would have');
});
