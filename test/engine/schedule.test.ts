import t from 'tap';
import type { Store } from '../../contract/store.js';
import { type Turn, turns } from '../../engine/schedule.js';
import { DAY_16_MS, HOUR_MS, testStore } from '../support/testStore.js';
import { until } from '../support/until.js';

const DAY_MS = 24 * HOUR_MS;
const daily = { pipeline: 'daily', at: '0 0 * * *', finishBy: '05:00' };

/** The next turns, so many; asking for the one after the last counts that as done. */
async function take(from: AsyncGenerator<Turn>, count: number): Promise<Turn[]> {
  const taken: Turn[] = [];
  for (let index = 0; index < count; index += 1) taken.push((await from.next()).value as Turn);
  return taken;
}

const remembered = (store: Store) =>
  until('a schedule is remembered', () => store.position('daily', 'schedule') !== undefined);

t.test('a schedule that never ran has missed nothing, and waits for its time', async (t) => {
  const { store, clock } = await testStore(t);
  clock.set(DAY_16_MS - HOUR_MS);
  const stop = new AbortController();
  const waiting = turns(daily, clock, store, stop.signal);
  const first = waiting.next();
  await remembered(store);
  clock.set(DAY_16_MS);
  t.same((await first).value, { dueMs: DAY_16_MS, finishByMs: DAY_16_MS + 5 * HOUR_MS });
  await waiting.return(undefined);
});

t.test('where machines share the work a new one takes part in what may be under way', async (t) => {
  const { store, clock } = await testStore(t);
  clock.set(DAY_16_MS + HOUR_MS);
  const { signal } = new AbortController();
  const shared = turns({ ...daily, isShared: true }, clock, store, signal);
  t.same(await take(shared, 1), [{ dueMs: DAY_16_MS, finishByMs: undefined }]);
  t.equal(store.position('daily', 'schedule'), undefined, 'after a crash it is new once more');
  const next = shared.next();
  await remembered(store);
  clock.set(DAY_16_MS + DAY_MS);
  t.match((await next).value, { dueMs: DAY_16_MS + DAY_MS, finishByMs: DAY_16_MS + DAY_MS + 5 * HOUR_MS });
  await shared.return(undefined);
  const monthly = turns({ pipeline: 'monthly', at: '0 0 16 * *', isShared: true }, clock, store, signal);
  t.match(await take(monthly, 1), [{ dueMs: DAY_16_MS }]);
  await monthly.return(undefined);
});

t.test('what was missed comes at once, oldest first, each with its own deadline', async (t) => {
  const { store, clock } = await testStore(t);
  clock.set(DAY_16_MS);
  const { signal } = new AbortController();
  const before = turns(daily, clock, store, signal);
  const first = before.next(); // remembered as of now
  await remembered(store);
  clock.set(DAY_16_MS + DAY_MS);
  await first;
  await before.return(undefined); // it was due, and not done
  clock.set(DAY_16_MS + 3 * DAY_MS + HOUR_MS);
  const after = turns(daily, clock, store, signal);
  const expected = [1, 2, 3].map((day) => DAY_16_MS + day * DAY_MS);
  t.same(
    await take(after, 3),
    expected.map((dueMs) => ({ dueMs, finishByMs: dueMs + 5 * HOUR_MS })),
  );
  await after.return(undefined);
  t.equal(store.position('daily', 'schedule')?.offset, expected[1], 'the last one has not been done yet');
});
