import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { freePort } from '../../demo/site.js';
import { loadAndCheck } from '../../engine/check.js';
import { cleanEnvironment } from '../support/cleanEnvironment.js';
import { type Page, pageOf } from '../support/page.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const page = pageOf('docs/operations.md');
const UNIT = join(ROOT, 'packaging/systemd/iovpipe.service');

const missing = ['/usr/bin/openssl', '/usr/bin/ssh-keygen'].filter((path) => !existsSync(path));
const skip = missing.length > 0 ? `no ${missing.join(', ')}` : false;
if (skip && process.env.CI) t.fail(`under CI this must run: ${skip}`);

/** What the page calls and a test has not: a package manager, a booted systemd, a user of its own. */
const STAND_INS: Readonly<Record<string, string>> = {
  apt: `[ "$1" = install ] && DESTDIR=$MACHINE sh ${ROOT}packaging/systemd/install.sh`,
  chgrp: 'exit 0',
  chown: 'exit 0',
  systemctl: `pid=$MACHINE/pid
start() {
  mkdir -p "$MACHINE/credentials" && for f in "$MACHINE"/etc/iovpipe/secrets/*; do cp "$f" "$MACHINE/credentials/secrets_\${f##*/}"; done
  CREDENTIALS_DIRECTORY=$MACHINE/credentials $EXEC >/dev/null 2>>"$MACHINE/journal" & echo $! >"$pid"
  until tail -n 50 "$MACHINE/journal" | grep -q '"ready"'; do kill -0 $! || { cat "$MACHINE/journal" >&2; exit 1; }; sleep 0.05; done
}
stop() {
  [ -e "$pid" ] || return 0
  p=$(cat "$pid"); rm "$pid"; kill -TERM "$p"
  while kill -0 "$p" 2>/dev/null; do sleep 0.05; done
  mv "$MACHINE/journal" "$MACHINE/journal.old"; : >"$MACHINE/journal"
}
case "$*" in
  "enable --now iovpipe"|"start iovpipe") start ;;
  "stop iovpipe") stop ;;
  "restart iovpipe") stop; start ;;
  "status iovpipe") kill -0 "$(cat "$pid")" ;;
  "reload iovpipe") kill -HUP "$(cat "$pid")"; until grep -q 'reloaded:' "$MACHINE/journal"; do kill -0 "$(cat "$pid")"; sleep 0.05; done ;;
  *) echo "systemctl $*: not known here" >&2; exit 64 ;;
esac`,
  journalctl: '[ "$1 $2" = "-u iovpipe" ] && cat "$MACHINE/journal"',
};

t.test('each block of the page does what it says', { skip }, async (t) => {
  t.setTimeout(600_000);
  const machine = mkdtempSync(join(tmpdir(), 'iovpipe-operations-'));
  t.teardown(() => {
    if (existsSync(join(machine, 'pid'))) spawnSync('sh', ['-c', `kill -9 $(cat ${machine}/pid)`]);
    rmSync(machine, { recursive: true, force: true });
  });
  const here = (text: string) => text.replace(/\/(etc\/iovpipe|var\/lib|var\/backups)/g, `${machine}/$1`);
  for (const folder of ['bin', 'var/lib/iovpipe', 'var/backups']) mkdirSync(join(machine, folder), { recursive: true });
  writeFileSync(join(machine, 'journal'), '');
  for (const [name, text] of Object.entries(STAND_INS)) {
    writeFileSync(join(machine, 'bin', name), `#!/bin/sh\nset -e\n${text}\n`);
    chmodSync(join(machine, 'bin', name), 0o755);
  }
  const [, command = ''] = /^ExecStart=(.*)$/m.exec(readFileSync(UNIT, 'utf8')) ?? [];
  const env = {
    ...cleanEnvironment(),
    MACHINE: machine,
    EXEC: here(command.replace('/usr/bin', join(machine, 'usr/bin'))),
    PATH: `${machine}/bin:${machine}/usr/bin:${process.env.PATH}`,
  };
  const path = join(machine, 'etc/iovpipe/pipeline.yaml');
  let edited = false;
  for (const [index, { language, text }] of page.fenced.entries()) {
    if (language === 'yaml') {
      writeFileSync(path, `${readFileSync(path, 'utf8')}\n${text}`); // and the reload that follows goes over to it
      t.same((await loadAndCheck(path)).faults, [], `block ${index + 1} is taken`);
      continue;
    }
    t.equal(language, 'sh');
    const shown = text.trim().split('\n')[0];
    const words = ['-e', '-c', here(text)];
    const { status, stderr } = spawnSync('sh', words, { cwd: machine, env, encoding: 'utf8', timeout: 240_000 });
    t.equal(status, 0, `block ${index + 1}: ${shown}`, { stderr });
    if (edited) continue;
    edited = true; // what a person does after the installation
    let site = here(readFileSync(path, 'utf8'));
    for (const port of [8443, 8444, 2022]) site = site.replace(`0.0.0.0:${port}`, `127.0.0.1:${await freePort()}`);
    writeFileSync(path, site);
  }
  t.ok(page.fenced.length >= 10);
});

/** Folders whose code may raise an alarm. */
const RAISING = 'stores workers connections files sources operators sinks engine cli dashboard'.split(' ');

/** Names in the first column of a page's tables of alarms. */
function alarmsOn({ table }: Page): string[] {
  const cells = [...table('Alarm'), ...table('Log line with `alarm`')].map(([cell = '']) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name));
}

t.test('every alarm is on a page, every one on a page is raised, and every file it names is there', async (t) => {
  const source = execFileSync('grep', ['-rhoE', "alarm: '\\w+'", ...RAISING], { cwd: ROOT, encoding: 'utf8' });
  const raised = new Set([...source.matchAll(/'(\w+)'/g)].map(([, name = '']) => name));
  const told = new Set([...alarmsOn(page), ...alarmsOn(pageOf('docs/pictures.md'))]);
  t.ok(told.size > 15);
  t.same([...told].sort(), [...raised].sort());
  for (const [, file = ''] of page.text.matchAll(/`(packaging\/[\w/.]+)`/g)) t.ok(existsSync(join(ROOT, file)), file);
});
