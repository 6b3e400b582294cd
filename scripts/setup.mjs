// Makes a fresh clone ready: `npm start` and `npm test` call it first. Installs only what is missing, then compiles.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, statSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';

const NODE = [20, 15];
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < NODE[0] || (major === NODE[0] && minor < NODE[1])) {
  process.stderr.write(
    `setup: iovpipe needs Node.js ${NODE.join('.')} or later, and this is ${process.versions.node} (${process.execPath}).\n` +
      'Debian 12 has none that is new enough. https://nodejs.org/en/download has it as an archive to unpack below /usr/local,\n' +
      'https://github.com/nodesource/distributions as a Debian package.\n',
  );
  process.exit(2);
}

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error || status !== 0) {
    process.stderr.write(`setup: ${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}\n`);
    process.exit(2);
  }
}

const changedAt = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

const forTests = process.argv.includes('--tests');
if (forTests) installServices();
// the compiled modules stand at the end of an installation: one that was broken off, for want of a compiler perhaps, goes on here
const SQLITE = 'node_modules/better-sqlite3/build/Release/better_sqlite3.node';
const packagesChanged = changedAt('node_modules/.package-lock.json') < changedAt('package-lock.json');
if (packagesChanged) {
  process.stdout.write('setup: installing packages\n');
  // `npm ci` refuses a lockfile without the optional packages of platforms that a registry does not offer;
  // this takes the same versions from it, and leaves it as it is. Native packages are compiled one by one, when needed.
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts']);
}
const needsSqlite = packagesChanged || !existsSync(SQLITE);
const needsKafka = forTests && !existsSync('node_modules/node-rdkafka/build/Release/node-librdkafka.node');
if (needsSqlite || needsKafka) installPackages(compilers());
const kafka = needsKafka ? compileKafka() : undefined;
if (needsSqlite) {
  process.stdout.write('setup: compiling better-sqlite3, which takes about a minute\n');
  const missing = compilers();
  const hint = `setup: it wants ${missing.join(', ')}; as root: apt-get install ${missing.join(' ')}\n`;
  if (!(await step('npm', ['rebuild', 'better-sqlite3', 'ssh2']))) {
    process.stderr.write(`setup: better-sqlite3 cannot be compiled here\n${missing.length > 0 ? hint : ''}`);
    process.exit(2);
  }
}
await kafka;
run(process.execPath, ['node_modules/typescript/bin/tsc', '-b']);
chmodSync('dist/cli/main.js', 0o755); // `npx iovpipe`
if (forTests && (!existsSync('node_modules/@tapjs/test-built') || !existsSync('.tap/plugins'))) {
  run(process.execPath, ['node_modules/.bin/tap', 'build']);
}

/**
 * Optional: nothing but the `kafka` components needs it, and they say so where it is missing. librdkafka is compiled before, on
 * all cores; the package's own make files do not bear that (they install what is not compiled yet).
 */
async function compileKafka() {
  process.stdout.write('setup: compiling node-rdkafka, which takes some minutes\n');
  const home = 'node_modules/node-rdkafka';
  const cores = `-j${os.availableParallelism()}`;
  const done =
    (await step(process.execPath, ['../util/configure'], `${home}/deps`)) &&
    (await step('make', ['-s', cores, '-C', `${home}/deps/librdkafka`, 'libs'])) &&
    (await step('npm', ['rebuild', 'node-rdkafka']));
  if (!done) process.stderr.write('setup: node-rdkafka cannot be compiled here; tests that need Kafka are skipped\n');
}

/** Two native packages are compiled beside one another; only what goes wrong is shown. */
function step(command, args, cwd = '.') {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], cwd });
  return new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

/** What native packages are compiled with and is not there; Debian's packages have the same names. */
function compilers() {
  const folders = (process.env.PATH ?? '').split(':');
  return ['g++', 'make', 'python3'].filter((name) => !folders.some((folder) => existsSync(`${folder}/${name}`)));
}

/** As root on Debian; elsewhere nothing happens. */
function installPackages(names) {
  if (names.length === 0 || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  process.stdout.write(`setup: installing ${names.join(', ')}\n`);
  spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore' });
  // the tests start a server of their own; the system's must not start by being installed
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], { stdio: 'ignore', env });
}

/** The real servers that tests talk to; where they cannot be installed, their tests are skipped by name (and fail in CI). */
function installServices() {
  const wanted = [
    ['/usr/sbin/sshd', 'openssh-server'],
    ['/usr/bin/sftp', 'openssh-client'],
    ['/usr/bin/curl', 'curl'],
    ['/usr/bin/zip', 'zip'],
    ['/usr/bin/unzip', 'unzip'],
    ['/usr/bin/openssl', 'openssl'],
    ['/usr/bin/java', 'default-jre-headless'],
    ['/usr/bin/mvn', 'maven'],
    ['/usr/bin/g++', 'g++'],
    ['/usr/bin/make', 'make'],
    ['/usr/include/openssl/ssl.h', 'libssl-dev'],
    ['/usr/include/zlib.h', 'zlib1g-dev'],
    ['/usr/bin/chromium', 'chromium'],
    ['/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc', 'fonts-noto-cjk'],
    ['/usr/sbin/clickhouse-server', 'clickhouse-server'],
    ['/usr/bin/systemd-analyze', 'systemd'],
    ['/usr/bin/python3', 'python3'],
  ];
  installPackages(wanted.filter(([path]) => !existsSync(path)).map(([, name]) => name));
}
