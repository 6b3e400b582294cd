import t from 'tap';
import type { Clock } from '../../contract/context.js';
import { deliveredShare, watchDeadline } from '../../engine/deadline.js';
import { keptLog } from '../support/bareContext.js';
import { append, DAY_16_MS, newRecord, testStore } from '../support/testStore.js';

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
  log.error = (fields) =>
    void raised.push({ alarm: (fields as { alarm?: unknown }).alarm, hour: clock.now() / HOUR_MS });
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

t.test(
  'work that is too slow raises the alarm long before its deadline, once, and again when it is missed',
  async (t) => {
    const raised = await alarms((hour) => hour / 10);
    t.same(
      raised.map(({ alarm }) => alarm),
      ['deadlineAtRisk', 'deadlineMissed'],
    );
    t.ok(raised[0]!.hour <= 1, `after ${raised[0]?.hour} hours`);
    t.equal(raised[1]?.hour, 5);
  },
);

t.test('work of which nothing is done raises the alarm at half time', async (t) => {
  const [first] = await alarms(() => 0);
  t.match(first, { alarm: 'deadlineAtRisk', hour: 2.5 });
});

t.test(
  'what is done is counted in records of all windows of the cut-off, not in the files that are known by then',
  async (t) => {
    const { store, clock } = await testStore(t);
    await append(
      store,
      ...Array.from({ length: 8 }, (_, index) => newRecord(`${index}`)),
      newRecord('x', { code: '0003' }),
    );
    clock.set(DAY_16_MS);
    t.equal(deliveredShare(store.status().windows, 'daily', DAY_16_MS), 0, 'nothing is known yet');
    const [first, second] = ['0002', '0003'].map((code) => {
      const window = { kind: 'KH', code, cutoff: '2022111600', type: 'P' } as const;
      return { window, row: store.openWindow(window, DAY_16_MS, 'daily') };
    });
    const plan = async (at: typeof first, records: number) => {
      const { window, row } = at!;
      const baseName = `KH_${window.code}_2022111600_P_000001`;
      const bearings = { sequence: 1, textBytes: 1, iv: '0'.repeat(32), mtimeMs: DAY_16_MS, state: 'planned' } as const;
      store.planFile({
        windowId: row.id,
        plan: { baseName, window, records, ...bearings },
        fromPosition: 1,
        toPosition: records,
      });
      await store.fileDelivered(baseName, `/upload/${baseName}`);
    };
    await plan(first, 2);
    t.equal(
      deliveredShare(store.status().windows, 'daily', DAY_16_MS),
      2 / 9,
      'the only file that is known has been delivered',
    );
    await plan(second, 1);
    store.windowDelivered(second!.row.id);
    t.equal(deliveredShare(store.status().windows, 'daily', DAY_16_MS), 3 / 9, 'a code that is done counts');
  },
);

t.test('until the windows of a day are opened nothing of it is done, whatever became of the day before', async (t) => {
  const { store, clock } = await testStore(t);
  await append(store, newRecord('0'));
  clock.set(DAY_16_MS);
  const window = { kind: 'KH', code: '0002', cutoff: '2022111600', type: 'P' } as const;
  const { id } = store.openWindow(window, DAY_16_MS, 'daily');
  const baseName = 'KH_0002_2022111600_P_000001end';
  const bearings = { sequence: 1, textBytes: 1, iv: '0'.repeat(32), mtimeMs: DAY_16_MS, state: 'planned' } as const;
  store.planFile({ windowId: id, plan: { baseName, window, records: 1, ...bearings }, fromPosition: 1, toPosition: 1 });
  await store.fileDelivered(baseName, `/upload/${baseName}`);
  store.windowDelivered(id);
  const share = (dueMs: number) => deliveredShare(store.status().windows, 'daily', dueMs);
  t.equal(share(DAY_16_MS), 1);
  t.equal(share(DAY_16_MS + 24 * HOUR_MS), 0);
});

t.test('a ledger that cannot be read for a moment is no end of the watch', async (t) => {
  let looks = 0;
  const raised = await alarms((hour) => {
    looks += 1;
    if (looks === 3) throw new Error('the disk is away');
    return hour / 10;
  });
  t.same(
    raised.map(({ alarm }) => alarm),
    ['deadlineAtRisk', 'deadlineMissed'],
  );
});
