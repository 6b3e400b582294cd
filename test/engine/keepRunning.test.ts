import t from 'tap';
import { IovError } from '../../contract/error.js';
import type { Store } from '../../contract/store.js';
import { systemClock } from '../../engine/clock.js';
import type { CheckedPipeline } from '../../engine/config.js';
import { type Keeping, keepRunning } from '../../engine/keepRunning.js';
import { keptLog } from '../support/bareContext.js';
import { until } from '../support/until.js';

t.test('a clock that is set back puts off no new attempt', async (t) => {
  const stop = new AbortController();
  const now = Date.now.bind(Date);
  t.teardown(() => {
    Date.now = now;
  });
  const log = keptLog();
  let attempts = 0;
  const keeping: Keeping = {
    clock: systemClock,
    log,
    store: {} as Store,
    drainMs: () => 0,
    connect: async () => undefined,
    prepare: async () => {
      attempts += 1;
      throw new IovError('STORE_FAILED', 'the disk is away');
    },
  };
  const pipeline = { name: 'test', source: { spec: { lasts: 'run' } } } as CheckedPipeline;
  const running = keepRunning(pipeline, undefined, keeping, stop.signal);
  await until('the failure of an attempt', () => log.lines.length === 1);
  Date.now = () => now() - 8 * 3_600_000;
  await until('the next one, a second later', () => attempts === 2, { ms: 10_000 }).finally(() => stop.abort());
  await running;
});
