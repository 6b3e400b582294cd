import { execFile } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { iovpipe } from '../support/cli.js';

const run = promisify(execFile);
t.setTimeout(600_000);

for (const role of ['operator', 'oem', 'regulator']) {
  t.test(`${role}: init, secrets, check and test go through in a new folder`, async (t) => {
    const folder = t.testdir();
    const made = await iovpipe(['init', role], folder);
    t.equal(made.code, 0, made.stderr);
    t.match(
      readFileSync(join(folder, 'pipeline.yaml'), 'utf8'),
      /^# yaml-language-server: \$schema=\.\/pipeline\.schema\.json\n# /,
    );
    t.equal(statSync(join(folder, 'secrets')).mode & 0o777, 0o700, 'nobody else sees the secrets');
    t.equal((await iovpipe(['check'], folder)).code, 1, 'without its secrets it is refused');
    await run('sh', ['secrets/make.sh'], { cwd: folder });
    const { code, stderr } = await iovpipe(['check'], folder);
    t.equal(code, 0, stderr);
    const tests = await iovpipe(['test'], folder);
    t.equal(tests.code, 0, tests.stdout + tests.stderr);
    const key = readFileSync(join(folder, 'secrets', role === 'oem' ? 'operator.key' : 'oem.key'), 'utf8');
    await run('sh', ['secrets/make.sh'], { cwd: folder });
    t.equal(
      readFileSync(join(folder, 'secrets', role === 'oem' ? 'operator.key' : 'oem.key'), 'utf8'),
      key,
      'a secret that is there stays',
    );
    t.equal(statSync(join(folder, 'secrets', role === 'regulator' ? 'host.key' : 'sftp.key')).mode & 0o077, 0);
  });
}

t.test('nothing is overwritten: where one file is there nothing is written at all', async (t) => {
  const folder = t.testdir({ 'peers.yaml': 'mine\n' });
  const { code, stderr } = await iovpipe(['init', 'oem', '--out', '.'], folder);
  t.equal(code, 1);
  t.match(stderr, 'there already, and nothing is overwritten: peers.yaml');
  t.equal(readFileSync(join(folder, 'peers.yaml'), 'utf8'), 'mine\n');
  t.throws(() => statSync(join(folder, 'pipeline.yaml')));
  rmSync(join(folder, 'peers.yaml'));
  writeFileSync(join(folder, 'other.txt'), '');
  t.equal((await iovpipe(['init', 'oem'], folder)).code, 0, 'other files do not matter');
});

t.test('a role that is unknown is a wrong use', async (t) => {
  for (const words of [['init'], ['init', 'miit']]) {
    const { code, stderr } = await iovpipe(words, t.testdir());
    t.equal(code, 64);
    t.match(stderr, 'expected one of operator, oem, regulator');
  }
});
