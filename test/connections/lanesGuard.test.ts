import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const GUARD_MS = 1_000;
const MS = 20_000;
const GUARDED = fileURLToPath(new URL('../support/guardedProcess.js', import.meta.url));

/** A process with a guard beside it, which is watched when this resolves. */
async function guarded(t: Test): Promise<{ child: ChildProcess; ended: Promise<unknown[]>; guard: number }> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn(process.execPath, [GUARDED, String(GUARD_MS)], {
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  const [guard] = (await within(MS, 'the guard', once(child, 'message'))) as [number];
  return { child, ended, guard };
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
  const { child, ended, guard } = await guarded(t);
  for (let times = 0; times < 3; times += 1) {
    child.kill('SIGSTOP');
    const wakesAt = performance.now() + GUARD_MS / 2;
    await until('half of the time', () => performance.now() > wakesAt);
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
    await within(MS, 'an answer', answer);
  };
  await ask('no more guards');
  process.kill(guard, 'SIGKILL');
  const triedAt = performance.now() + 2_500;
  await until('it has been tried twice', () => performance.now() > triedAt || child.exitCode !== null);
  await ask('are you there?');
  const again = once(child, 'message');
  child.send('guards again');
  await within(MS, 'an answer', again);
  const [another] = (await within(MS, 'another guard', once(child, 'message'))) as [number];
  t.not(another, guard);
  child.kill('SIGSTOP');
  t.same(await within(MS, 'the end', ended), [null, 'SIGKILL']);
});
