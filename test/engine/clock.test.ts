import { mock } from 'node:test';
import t from 'tap';
import { systemClock } from '../../engine/clock.js';
import { within } from '../support/within.js';

const HOUR_MS = 3_600_000;

t.test('who waits for a time is there when the clock is set ahead, or the machine has slept', async (t) => {
  const now = Date.now.bind(Date);
  t.teardown(() => {
    Date.now = now;
    mock.timers.reset();
  });
  mock.timers.enable({ apis: ['setTimeout'] });
  const waiting = systemClock.until(now() + HOUR_MS);
  Date.now = () => now() + HOUR_MS;
  mock.timers.tick(HOUR_MS / 60);
  mock.timers.reset();
  await within(60_000, 'the end of the wait', waiting);
});
