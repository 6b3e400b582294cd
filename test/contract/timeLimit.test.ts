import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { timeLimit } from '../../contract/timeLimit.js';
import { within } from '../support/within.js';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** What a signal aborts with; nobody but its listener holds it meanwhile. */
const reasonOf = (signal: AbortSignal) =>
  new Promise<unknown>((resolve) => signal.addEventListener('abort', () => resolve(signal.reason), { once: true }));

t.test('the limit comes, also where the garbage has been collected before', async (t) => {
  const [other, stayedOpen] = [new AbortController(), setInterval(() => undefined, 1_000)];
  t.teardown(() => clearInterval(stayedOpen));
  const reasons = [reasonOf(timeLimit(200)), reasonOf(timeLimit(200, other.signal))];
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  t.match(await within(60_000, 'the limits', Promise.all(reasons)), [
    { name: 'TimeoutError' },
    { name: 'TimeoutError' },
  ]);
  t.equal(other.signal.aborted, false);
});

t.test('another signal ends it before its time, also one that has aborted already', async (t) => {
  const other = new AbortController();
  const limit = timeLimit(60_000, new AbortController().signal, other.signal);
  const reason = reasonOf(limit);
  other.abort(new Error('stopped'));
  t.match(await within(10_000, 'the stop', reason), { message: 'stopped' });
  t.match(timeLimit(60_000, other.signal).reason, { message: 'stopped' });
});
