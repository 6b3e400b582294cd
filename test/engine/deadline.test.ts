import t from 'tap';
import type { Clock } from '../../contract/context.js';
import { watchDeadline } from '../../engine/deadline.js';
import { keptLog } from '../support/bareContext.js';

const HOUR_MS = 3_600_000;

/** A clock that goes to whatever is waited for, and tells what time it is. */
function hurriedClock(startMs: number): Clock {
  let now = startMs;
  return {
    now: () => now,
    until: async (timeMs, signal) => {
      signal?.throwIfAborted();
      now = Math.max(now, timeMs);
    },
  };
}

/** Alarms of five hours of work, with the hour at which each came. */
async function alarms(progressAt: (hour: number) => number, doneAt = Number.POSITIVE_INFINITY) {
  const clock = hurriedClock(0);
  const raised: { alarm: unknown; hour: number }[] = [];
  const log = keptLog();
  log.error = (fields) => void raised.push({ alarm: (fields as { alarm?: unknown }).alarm, hour: clock.now() / HOUR_MS });
  const done = new AbortController();
  const progress = () => {
    const hour = clock.now() / HOUR_MS;
    if (hour >= doneAt) done.abort();
    return progressAt(hour);
  };
  await watchDeadline({ name: 'daily', startMs: 0, deadlineMs: 5 * HOUR_MS, progress }, clock, log, done.signal);
  return raised;
}

t.test('work that is on its way raises no alarm', async (t) => {
  t.same(await alarms((hour) => hour / 4, 4), []);
});

t.test('work that is too slow raises the alarm long before its deadline, once, and again when it is missed', async (t) => {
  const raised = await alarms((hour) => hour / 10);
  t.same(raised.map(({ alarm }) => alarm), ['deadlineAtRisk', 'deadlineMissed']);
  t.ok(raised[0]!.hour <= 1, `after ${raised[0]?.hour} hours`);
  t.equal(raised[1]?.hour, 5);
});

t.test('work of which nothing is done raises the alarm at half time', async (t) => {
  const [first] = await alarms(() => 0);
  t.match(first, { alarm: 'deadlineAtRisk', hour: 2.5 });
});
