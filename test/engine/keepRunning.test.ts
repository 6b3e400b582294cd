import t from 'tap';
import { IovError } from '../../contract/error.js';
import type { Store } from '../../contract/store.js';
import { systemClock } from '../../engine/clock.js';
import type { CheckedPipeline } from '../../engine/config.js';
import { type Keeping, keepRunning } from '../../engine/keepRunning.js';
import { keptLog } from '../support/bareContext.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const pipeline = { name: 'test', source: { spec: { lasts: 'run' } } } as CheckedPipeline;

/** An engine none of whose attempts succeeds. */
function breaking(attempt: () => void): Keeping & { log: ReturnType<typeof keptLog> } {
  return {
    clock: systemClock,
    log: keptLog(),
    store: {} as Store,
    drainMs: () => 0,
    connect: async () => undefined,
    prepare: async () => {
      attempt();
      throw new IovError('STORE_FAILED', 'the disk is away');
    },
  };
}

t.test('a clock that is set back puts off no new attempt', async (t) => {
  const stop = new AbortController();
  const now = Date.now.bind(Date);
  t.teardown(() => {
    Date.now = now;
  });
  let attempts = 0;
  const keeping = breaking(() => {
    attempts += 1;
  });
  const { log } = keeping;
  const running = keepRunning(pipeline, undefined, keeping, stop.signal);
  await until('the failure of an attempt', () => log.lines.length >= 1);
  Date.now = () => now() - 8 * 3_600_000;
  const before = attempts;
  await until('the next one, a second later', () => attempts > before).finally(() => stop.abort());
  await running;
});

t.test('a run that lasted is begun again as soon as one that broke for the first time', async (t) => {
  const stop = new AbortController();
  const now = performance.now.bind(performance);
  let passedMs = 0;
  performance.now = () => now() + passedMs;
  t.teardown(() => {
    performance.now = now;
  });
  let attempts = 0;
  const keeping = breaking(() => {
    attempts += 1;
    if (attempts === 3) passedMs += 7 * 24 * 3_600_000;
    if (attempts === 4) stop.abort();
  });
  await within(
    60_000,
    'four attempts',
    keepRunning(pipeline, undefined, keeping, stop.signal).catch(() => undefined),
  );
  const told = [1_000, 2_000, 1_000, undefined].map((againInMs) => ({ fields: { againInMs } }));
  t.match(keeping.log.lines, told, 'the third ran for a week');
});
