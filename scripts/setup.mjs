// Makes a fresh clone ready: `npm start` and `npm test` call it first. Installs only what is missing, then compiles.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error || status !== 0) {
    process.stderr.write(`setup: ${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}\n`);
    process.exit(2);
  }
}

const changedAt = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

if (changedAt('node_modules/.package-lock.json') < changedAt('package-lock.json')) {
  process.stdout.write('setup: installing packages; better-sqlite3 is compiled here, which takes about a minute\n');
  // `npm ci` refuses a lockfile without the optional packages of platforms that a registry does not offer;
  // this takes the same versions from it, and leaves it as it is.
  run('npm', 'install', '--no-save', '--no-audit', '--no-fund');
}
run(process.execPath, 'node_modules/typescript/bin/tsc', '-b');
chmodSync('dist/cli/main.js', 0o755); // `npx iovpipe`

if (process.argv.includes('--tests')) {
  if (!existsSync('node_modules/@tapjs/test-built') || !existsSync('.tap/plugins')) {
    run(process.execPath, 'node_modules/.bin/tap', 'build');
  }
  installServices();
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
  ];
  const missing = wanted.filter(([path]) => !existsSync(path)).map(([, name]) => name);
  if (missing.length === 0 || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  process.stdout.write(`setup: installing ${missing.join(', ')}\n`);
  spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore' });
  // the tests start a server of their own; the system's must not start by being installed
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { stdio: 'ignore', env });
}
