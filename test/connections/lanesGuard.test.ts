import { type ChildProcess, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { cleanEnvironment } from '../support/cleanEnvironment.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const GUARD_MS = 1_000;
const MS = 60_000;
const GUARDED = fileURLToPath(new URL('../support/guardedProcess.js', import.meta.url));

interface Started {
  child: ChildProcess;
  ended: Promise<unknown[]>;
  /** What it says next; several words may come at once. */
  word(what: string): Promise<number>;
}

/** @param first what its first guards are, instead of ones that watch */
function started(t: Test, guardMs: number, ...first: string[]): Started {
  const child = spawn(process.execPath, [GUARDED, String(guardMs), ...first], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const words = on(child, 'message');
  const word = async (what: string) => ((await within(MS, what, words.next())).value as [number])[0];
  return { child, ended: once(child, 'exit'), word };
}

/** A process with a guard beside it, which is watched when this resolves. */
async function guarded(t: Test, guardMs = GUARD_MS): Promise<Started & { guard: number }> {
  const running = started(t, guardMs);
  return { ...running, guard: await running.word('the guard') };
}

/** A guard that never watches, and writes down its process id. */
function hanging(t: Test): { first: string; pid: () => number } {
  const first = `${t.testdir({})}/guard.sh`;
  writeFileSync(first, `#!/bin/sh\necho $$ > ${first}.pid\nexec sleep 600\n`, { mode: 0o700 });
  const pid = () => (existsSync(`${first}.pid`) ? Number(readFileSync(`${first}.pid`, 'utf8')) : 0);
  t.teardown(() => isGone(pid()) || process.kill(pid(), 'SIGKILL'));
  return { first, pid };
}

/** Not there, or dead and not yet waited for. */
function isGone(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

t.test('a process that is frozen for longer is killed, and its guard goes with it', async (t) => {
  const { child, ended, guard } = await guarded(t);
  const frozenAt = performance.now();
  child.kill('SIGSTOP');
  const [code, signal] = await within(MS, 'the end', ended);
  t.same([code, signal], [null, 'SIGKILL']);
  t.ok(performance.now() - frozenAt < 15 * GUARD_MS, 'in time');
  await until('the guard ends', () => isGone(guard), { ms: MS });
});

t.test('a process that is frozen for a shorter time lives on, and ends when it wants to', async (t) => {
  // so long that a machine with much to do does not freeze it for as long
  const { child, ended, guard, word } = await guarded(t, 30 * GUARD_MS);
  for (let times = 0; times < 3; times += 1) {
    child.kill('SIGSTOP');
    const wakesAt = performance.now() + GUARD_MS;
    await until('a while', () => performance.now() > wakesAt);
    child.kill('SIGCONT');
    child.send('are you there?');
    await word('an answer');
  }
  child.send('stop');
  t.same(await within(MS, 'the end', ended), [0, null]);
  await until('the guard ends', () => isGone(guard), { ms: MS });
});

t.test('a guard that was killed is there again, and kills', async (t) => {
  const { child, ended, guard, word } = await guarded(t);
  process.kill(guard, 'SIGKILL');
  t.not(await word('another guard'), guard);
  child.kill('SIGSTOP');
  t.same(await within(MS, 'the end', ended), [null, 'SIGKILL']);
});

t.test('where another guard cannot be started the process lives on, and tries it again', async (t) => {
  const { child, ended, guard, word } = await guarded(t);
  const ask = (words: string) => {
    child.send(words);
    return word('an answer');
  };
  await ask('no more guards');
  process.kill(guard, 'SIGKILL');
  // a line that the guard has ended, and one a try
  await until('it has been tried twice', async () => (await ask('are you there?')) > 2, { ms: MS });
  await ask('guards again');
  t.not(await word('another guard'), guard);
  child.kill('SIGSTOP');
  t.same(await within(MS, 'the end', ended), [null, 'SIGKILL']);
});

t.test('where the first one cannot be started it is tried again, too', async (t) => {
  const { child, ended, word } = started(t, GUARD_MS, '/nowhere');
  const ask = (words: string) => {
    child.send(words);
    return word('an answer');
  };
  await until('it has been tried twice', async () => (await ask('are you there?')) > 1, { ms: MS });
  await ask('guards again');
  await word('a guard');
  child.kill('SIGSTOP');
  t.same(await within(MS, 'the end', ended), [null, 'SIGKILL']);
});

t.test('one that hangs before it watches is killed, and another takes its place', async (t) => {
  const { first, pid } = hanging(t);
  const { child, ended, word } = started(t, GUARD_MS, first);
  await until('it hangs', () => pid() > 0, { ms: MS });
  child.send('guards again');
  t.equal(await word('an answer'), 0);
  await word('another guard');
  await until('the first one ends', () => isGone(pid()), { ms: MS });
  child.kill('SIGSTOP');
  t.same(await within(MS, 'the end', ended), [null, 'SIGKILL']);
});

t.test('neither one that hangs before it watches nor one that hangs later holds up a stop', async (t) => {
  const { first, pid } = hanging(t);
  const starting = started(t, GUARD_MS, first);
  await until('it hangs', () => pid() > 0, { ms: MS });
  starting.child.send('stop');
  t.same(await within(MS, 'the end', starting.ended), [0, null]);
  await until('its guard ends', () => isGone(pid()), { ms: MS });
  const watched = await guarded(t);
  process.kill(watched.guard, 'SIGSTOP');
  t.teardown(() => isGone(watched.guard) || process.kill(watched.guard, 'SIGKILL'));
  watched.child.send('stop');
  t.same(await within(MS, 'the end', watched.ended), [0, null]);
  await until('its guard ends, too', () => isGone(watched.guard), { ms: MS });
});
