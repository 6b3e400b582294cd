import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { makeCertificates } from '../../demo/certificates.js';
import { freePort } from '../../demo/site.js';
import { newSshKeys } from '../../demo/sshKeys.js';
import { cleanEnvironment } from '../support/cleanEnvironment.js';
import { post } from '../support/httpsChannel.js';
import { NotifySocket, skipWithoutNotify } from '../support/notifySocket.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const UNIT = join(ROOT, 'packaging/systemd/iovpipe.service');
const STATE = '/var/lib/iovpipe';
/** `systemd-analyze security` shows it as 2.0. */
const EXPOSURE_MAX = '20';

t.setTimeout(800_000);
const missing = ['/usr/bin/dpkg-deb', '/usr/bin/systemd-analyze'].filter((path) => !existsSync(path));
const skip = missing.length > 0 ? `no ${missing.join(', ')}` : skipWithoutNotify(t);
if (skip && process.env.CI) t.fail(`under CI this must run: ${skip}`);

/** A program's end, whatever it says. */
const ran = (program: string, ...words: string[]): SpawnSyncReturns<string> =>
  spawnSync(program, words, { encoding: 'utf8', env: cleanEnvironment() });

/** The package, unpacked into a root of its own; built once. */
const scratch = mkdtempSync(join(tmpdir(), 'iovpipe-deb-'));
let deb = '';
t.before(() => {
  if (skip) return;
  const env = { ...cleanEnvironment(), COMPRESSION: 'none' };
  deb = execFileSync('sh', [join(ROOT, 'packaging/deb/build.sh'), scratch], { encoding: 'utf8', env }).trim();
  execFileSync('dpkg-deb', ['-x', deb, scratch]);
});
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));
const inRoot = (path: string) => join(scratch, path);

t.test('the unit is sound, and little is exposed', { skip }, async (t) => {
  const unit = readFileSync(UNIT, 'utf8');
  t.equal(readFileSync(inRoot('usr/lib/systemd/system/iovpipe.service'), 'utf8'), unit);
  const folder = t.testdir({ 'iovpipe.service': unit.replaceAll('/usr/bin/iovpipe', inRoot('usr/bin/iovpipe')) });
  const verified = ran('systemd-analyze', 'verify', '--man=no', join(folder, 'iovpipe.service'));
  t.strictSame([verified.status, verified.stderr], [0, '']);
  const faulty = t.testdir({ 'iovpipe.service': unit.replace('Restart=on-failure', 'Restart=sometimes') });
  t.not(ran('systemd-analyze', 'verify', '--man=no', join(faulty, 'iovpipe.service')).stderr, '', 'a slip is told');
  const exposed = ran('systemd-analyze', 'security', '--offline=true', `--threshold=${EXPOSURE_MAX}`, UNIT);
  t.equal(exposed.status, 0, 'at most 2.0', { shown: exposed.stdout });
  const pages = [...unit.matchAll(/^Documentation=.*$/gm)].flatMap(([line]) => line.match(/(?<=file:\/\/)\S+/g) ?? []);
  t.ok(pages.length > 0);
  for (const page of pages) t.ok(existsSync(inRoot(page)), page);
});

t.test('the package keeps what a site has edited, and its scripts are sound', { skip }, async (t) => {
  const field = (name: string) => ran('dpkg-deb', '--field', deb, name).stdout.trim();
  t.equal(field('Package'), 'iovpipe');
  t.strictSame(field('Conffiles'), '', 'listed in a file of their own');
  t.equal(ran('dpkg-deb', '--info', deb, 'conffiles').stdout, '/etc/iovpipe/pipeline.yaml\n/etc/iovpipe/peers.yaml\n');
  for (const script of ['deb/postinst', 'deb/prerm', 'deb/postrm', 'deb/build.sh', 'stage.sh', 'systemd/install.sh']) {
    t.equal(ran('sh', '-n', join(ROOT, 'packaging', script)).status, 0, script);
  }
  t.equal(statSync(inRoot('etc/iovpipe/secrets')).mode & 0o777, 0o700);
  t.equal(statSync(inRoot('etc/iovpipe/pipeline.yaml')).mode & 0o777, 0o640);
  t.notOk(existsSync(inRoot('usr/lib/iovpipe/node_modules/typescript')), 'no tools of development');
  t.ok(existsSync(inRoot('usr/share/man/man1/iovpipe.1.gz')));
  t.match(ran(inRoot('usr/bin/iovpipe'), 'version').stdout, /^\d+\.\d+\.\d+/);
});

t.test('Kafka’s client comes with what it is linked to, or is named', { skip }, async (t) => {
  const at = 'node_modules/node-rdkafka/build/Release/node-librdkafka.node';
  const isCompiled = existsSync(join(ROOT, at));
  if (process.env.CI) t.ok(isCompiled, 'under CI this must be compiled');
  const depends = ran('dpkg-deb', '--field', deb, 'Depends').stdout.trim().split(', ');
  t.strictSame(
    ['libssl3', 'zlib1g'].filter((name) => depends.includes(name)),
    isCompiled ? ['libssl3', 'zlib1g'] : [],
  );
  if (!isCompiled) return;
  const lib = inRoot('usr/lib/iovpipe');
  const script = `require(${JSON.stringify(join(lib, 'node_modules/node-rdkafka'))}).features.includes('ssl') || process.exit(1)`;
  const loaded = ran(join(lib, 'node'), '-e', script);
  t.strictSame([loaded.status, loaded.stderr], [0, '']);
  const brought = readdirSync(join(lib, at, '../../deps'), { recursive: true, encoding: 'utf8' });
  t.strictSame(
    brought.filter((name) => /\.(?:a|h|pc)$/.test(name)),
    [],
    'what it was compiled from stays behind',
  );
});

t.test('every link of its documents leads to something that it brings', { skip }, async (t) => {
  const doc = inRoot('usr/share/doc/iovpipe');
  const pages = readdirSync(doc, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
  const dead = pages.flatMap((page) =>
    [...readFileSync(join(doc, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
      .map(([, to = '']) => join(doc, dirname(page), to))
      .filter((path) => !existsSync(path)),
  );
  t.ok(pages.length > 80);
  t.strictSame(dead, []);
  t.ok(existsSync(join(doc, 'docs/components/sinks/sftp.md')));
});

t.test('init and the tests beside the shipped files work from the package; shells complete', { skip }, async (t) => {
  const program = inRoot('usr/bin/iovpipe');
  const lib = realpathSync(inRoot('usr/lib/iovpipe'));
  const made = join(t.testdir(), 'site');
  const { status, stderr } = ran(program, 'init', 'operator', '--out', made);
  t.strictSame([status, stderr.includes('ENOENT')], [0, false], stderr);
  t.equal(ran(program, 'test', join(lib, 'pipeline.yaml')).status, 0);
  for (const path of ['bash-completion/completions/iovpipe', 'zsh/vendor-completions/_iovpipe'])
    t.ok(existsSync(inRoot(join('usr/share', path))), path);
  t.ok(existsSync(inRoot('usr/share/fish/vendor_completions.d/iovpipe.fish')));
});

t.test('a purge keeps secrets, without which a sealed archive is lost, and says so', { skip }, async (t) => {
  const root = t.testdir({ etc: { iovpipe: { secrets: { 'archive.key': 'k' } } }, var: { lib: { iovpipe: {} } } });
  const script = readFileSync(join(ROOT, 'packaging/deb/postrm'), 'utf8').replace(/\/(etc|var)\//g, `${root}/$1/`);
  const purge = () => spawnSync('sh', ['-s', 'purge'], { input: script, encoding: 'utf8' });
  const { status, stdout } = purge();
  t.equal(status, 0);
  t.match(stdout, /secrets is kept.*\n.*var\/lib\/iovpipe is kept/);
  t.ok(existsSync(join(root, 'etc/iovpipe/secrets/archive.key')));
  rmSync(join(root, 'etc/iovpipe/secrets/archive.key'));
  t.notMatch(purge().stdout, /secrets is kept/);
  t.notOk(existsSync(join(root, 'etc/iovpipe/secrets')), 'an empty folder is nobody’s loss');
});

/** Edits what the package has put there as its documentation says, at addresses of this machine. */
async function configure(t: Test) {
  const tls = await makeCertificates();
  const [host, drop] = [await newSshKeys(), await newSshKeys()];
  const secrets: Record<string, string> = {
    't1.key': tls.key,
    't2.key': tls.key,
    'host.key': host.privateKey,
    'sftp.key': drop.privateKey,
    'oem.password': 'a password',
    'oem.key': '0123456789abcdef0123456789abcdef',
    'regulator.password': 'a password',
    'regulator.key': '0123456789abcdef0123456789abcdef',
  };
  // as LoadCredential=secrets:/etc/iovpipe/secrets lays them out
  const credentials = t.testdir(
    Object.fromEntries(Object.entries(secrets).map(([name, of]) => [`secrets_${name}`, of])),
  );
  const etc = (name: string) => inRoot(join('etc/iovpipe', name));
  for (const name of ['t1.crt', 't2.crt']) writeFileSync(etc(name), tls.cert);
  writeFileSync(etc('oem-ca.crt'), tls.ca);
  writeFileSync(etc('logins.yaml'), JSON.stringify([{ username: 'oem', publicKey: drop.publicKey.trim() }]));
  const port = await freePort();
  const text = readFileSync(etc('pipeline.yaml'), 'utf8')
    .replaceAll(STATE, inRoot(STATE))
    .replace('0.0.0.0:8443', `127.0.0.1:${port}`)
    .replace('0.0.0.0:8444', '127.0.0.1:0')
    .replace('0.0.0.0:2022', '127.0.0.1:0');
  writeFileSync(etc('pipeline.yaml'), text);
  mkdirSync(inRoot(STATE), { recursive: true });
  writeFileSync(inRoot(join(STATE, 'cards.ndjson')), '');
  return { credentials, ca: tls.ca, url: `https://127.0.0.1:${port}/t1/vehicle`, path: etc('pipeline.yaml') };
}

t.test('unpacked, edited and checked it runs as the unit says, reloads and stops', { skip }, async (t) => {
  t.setTimeout(600_000);
  const site = await configure(t);
  const program = inRoot('usr/bin/iovpipe');
  const checked = ran('env', `CREDENTIALS_DIRECTORY=${site.credentials}`, program, 'check', site.path);
  t.strictSame([checked.status, checked.stderr], [0, '']);
  const [, words = ''] = /^ExecStart=(.*)$/m.exec(readFileSync(UNIT, 'utf8')) ?? [];
  const [command = '', ...rest] = words.split(' ').map((word) => (word.startsWith('/') ? inRoot(word) : word));
  const socket = await NotifySocket.open(t);
  const manager = { NOTIFY_SOCKET: socket.address, WATCHDOG_USEC: '60000000', CREDENTIALS_DIRECTORY: site.credentials };
  const daemon = spawn(command, rest, {
    cwd: inRoot(STATE),
    env: { ...cleanEnvironment(), ...manager },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  t.teardown(() => daemon.kill('SIGKILL'));
  const ended = once(daemon, 'exit');
  await socket.says(['READY=1', /^STATUS=\d+ pipelines/]);
  t.match((await post(site.url, site.ca, '{}')).body, { OprRst: '2', FailureCause: '400' }, 'it listens');
  writeFileSync(site.path, readFileSync(site.path, 'utf8').replace('max: 10 }', 'max: 9 }'));
  daemon.kill('SIGHUP');
  await socket.says(['RELOADING=1']);
  await socket.says(['READY=1', /accounts-in restarted; \d+ pipelines not touched/]);
  daemon.kill('SIGTERM');
  await socket.says(['STOPPING=1']);
  t.strictSame(await ended, [0, null]);
  t.ok(existsSync(inRoot(join(STATE, 'archive.db'))), 'what it keeps is below its state');
});

t.test('install.sh keeps files of the site', { skip }, async (t) => {
  t.setTimeout(600_000);
  const destination = t.testdir({ etc: { iovpipe: { 'pipeline.yaml': 'mine' } } });
  const env = { ...cleanEnvironment(), DESTDIR: destination };
  const said = execFileSync('sh', [join(ROOT, 'packaging/systemd/install.sh')], { encoding: 'utf8', env });
  t.match(said, /^kept: .*pipeline\.yaml$/m);
  t.equal(readFileSync(join(destination, 'etc/iovpipe/pipeline.yaml'), 'utf8'), 'mine');
  t.ok(existsSync(join(destination, 'etc/iovpipe/peers.yaml')));
  t.match(ran(join(destination, 'usr/bin/iovpipe'), 'version').stdout, /^\d+\.\d+\.\d+/);
});
