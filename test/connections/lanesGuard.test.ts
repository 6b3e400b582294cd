import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { cleanEnvironment } from '../support/cleanEnvironment.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const GUARD_MS = 1_000;
const MS = 20_000;
const GUARDED = fileURLToPath(new URL('../support/guardedProcess.js', import.meta.url));

/** @param first what its first guards are, instead of ones that watch */
function started(t: Test, guardMs: number, ...first: string[]): { child: ChildProcess; ended: Promise<unknown[]> } {
  const child = spawn(process.execPath, [GUARDED, String(guardMs), ...first], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  return { child, ended: once(child, 'exit') };
}

/** A process with a guard beside it, which is watched when this resolves. */
async function guarded(
  t: Test,
  guardMs = GUARD_MS,
): Promise<{ child: ChildProcess; ended: Promise<unknown[]>; guard: number }> {
  const { child, ended } = started(t, guardMs);
  const [guard] = (await within(MS, 'the guard', once(child, 'message'))) as [number];
  return { child, ended, guard };
}

/** A guard that never watches, and writes down its process id. */
function hanging(t: Test): { first: string; pid: () => number } {
  const first = `${t.testdir({})}/guard.sh`;
  writeFileSync(first, `#!/bin/sh\necho $$ > ${first}.pid\nexec sleep 60\n`, { mode: 0o700 });
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
  t.ok(performance.now() - frozenAt < 3 * GUARD_MS, 'in time');
  await until('the guard ends', () => isGone(guard), { ms: MS });
});

t.test('a process that is frozen for a shorter time lives on, and ends when it wants to', async (t) => {
  // so long that a machine with much to do does not freeze it for as long
  const { child, ended, guard } = await guarded(t, 8 * GUARD_MS);
  for (let times = 0; times < 3; times += 1) {
    child.kill('SIGSTOP');
    const wakesAt = performance.now() + GUARD_MS;
    await until('a while', () => performance.now() > wakesAt);
    child.kill('SIGCONT');
    const answer = once(child, 'message');
    child.send('are you there?');
    await within(MS, 'an answer', answer);
  }
  child.send('stop');
  t.same(await within(MS, 'the end', ended), [0, null]);
  await until('the guard ends', () => isGone(guard), { ms: MS });
});

t.test('a guard that was killed is there again, and kills', async (t) => {
  const { child, ended, guard } = await guarded(t);
  const again = once(child, 'message');
  process.kill(guard, 'SIGKILL');
  const [another] = (await within(MS, 'another guard', again)) as [number];
  t.not(another, guard);
  child.kill('SIGSTOP');
  t.same(await within(MS, 'the end', ended), [null, 'SIGKILL']);
});

t.test('where another guard cannot be started the process lives on, and tries it again', async (t) => {
  const { child, ended, guard } = await guarded(t);
  const ask = async (words: string) => {
    const answer = once(child, 'message');
    child.send(words);
    const [lines] = (await within(MS, 'an answer', answer)) as [number];
    return lines;
  };
  await ask('no more guards');
  process.kill(guard, 'SIGKILL');
  // a line that the guard has ended, and one a try
  await until('it has been tried twice', async () => (await ask('are you there?')) > 2, { ms: MS });
  const again = once(child, 'message');
  child.send('guards again');
  await within(MS, 'an answer', again);
  const [another] = (await within(MS, 'another guard', once(child, 'message'))) as [number];
  t.not(another, guard);
  child.kill('SIGSTOP');
  t.same(await within(MS, 'the end', ended), [null, 'SIGKILL']);
});

t.test('where the first one cannot be started it is tried again, too', async (t) => {
  const { child, ended } = started(t, GUARD_MS, '/nowhere');
  const lines = async () => {
    const answer = once(child, 'message');
    child.send('are you there?');
    return ((await within(MS, 'an answer', answer)) as [number])[0];
  };
  await until('it has been tried twice', async () => (await lines()) > 1, { ms: MS });
  child.send('guards again');
  await within(
    MS,
    'a guard',
    once(child, 'message').then(() => once(child, 'message')),
  );
  child.kill('SIGSTOP');
  t.same(await within(MS, 'the end', ended), [null, 'SIGKILL']);
});

t.test('one that hangs before it watches is killed, and another takes its place', async (t) => {
  const { first, pid } = hanging(t);
  const { child, ended } = started(t, GUARD_MS, first);
  await until('it hangs', () => pid() > 0, { ms: MS });
  child.send('guards again');
  const [lines] = await within(MS, 'an answer', once(child, 'message'));
  t.equal(lines, 0);
  await within(MS, 'another guard', once(child, 'message'));
  t.ok(isGone(pid()));
  child.kill('SIGSTOP');
  t.same(await within(MS, 'the end', ended), [null, 'SIGKILL']);
});

t.test('neither one that hangs before it watches nor one that hangs later holds up a stop', async (t) => {
  const { first, pid } = hanging(t);
  const starting = started(t, GUARD_MS, first);
  await until('it hangs', () => pid() > 0, { ms: MS });
  starting.child.send('stop');
  t.same(await within(MS, 'the end', starting.ended), [0, null]);
  t.ok(isGone(pid()));
  const watched = await guarded(t);
  process.kill(watched.guard, 'SIGSTOP');
  t.teardown(() => isGone(watched.guard) || process.kill(watched.guard, 'SIGKILL'));
  watched.child.send('stop');
  t.same(await within(MS, 'the end', watched.ended), [0, null]);
  t.ok(isGone(watched.guard));
});
