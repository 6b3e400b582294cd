import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { within } from '../support/within.js';

const MODULE = new URL('../../cli/stopSignal.js', import.meta.url).href;

/** A process that has been asked to stop, and does not. */
async function deaf(drainMs: string) {
  const script = `import(${JSON.stringify(MODULE)}).then(({ stopSignal }) => {
    stopSignal(${drainMs}).addEventListener('abort', () => console.log('asked'));
    setInterval(() => undefined, 1000);
    console.log('up');
  })`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 });
  const ended = once(child, 'exit');
  await within(30_000, 'its start', once(child.stdout, 'data'));
  child.kill('SIGTERM');
  await within(30_000, 'its answer', once(child.stdout, 'data'));
  return { child, ended, words: text(child.stderr) };
}

t.test('who does not stop is ended once that has had its time', async (t) => {
  const { ended, words } = await deaf('() => 10');
  t.same(await within(60_000, 'its end', ended), [2, null]);
  t.match(await words, 'not stopped 15000 ms after the 10 ms for what was under way');
});

t.test('a second signal ends at once who has no bound', async (t) => {
  const { child, ended, words } = await deaf('');
  child.kill('SIGTERM');
  t.same(await within(30_000, 'its end', ended), [2, null]);
  t.equal(await words, '');
});
