import t from 'tap';
import { LedgerWatch } from '../../dashboard/ledgerView.js';
import type { LiveWatch } from '../../dashboard/liveView.js';
import { Metrics } from '../../dashboard/metrics.js';
import type { CheckedConfig } from '../../engine/config.js';
import type { Engine } from '../../engine/engine.js';
import { append, DAY_16_MS, HOUR_MS, newRecord, testStore } from '../support/testStore.js';

const WINDOW = { kind: 'KH', code: '0002', cutoff: '2022111600', type: 'P' } as const;
const config = {
  pipelines: [{ name: 'daily', schedule: { at: '0 0 * * *', finishBy: '05:00' } }, { name: 'intake' }],
} as unknown as CheckedConfig;

t.test('a window is told against its time, and when it will be done at its pace', async (t) => {
  const { store, clock } = await testStore(t);
  const engine = { store, config } as unknown as Pick<Engine, 'store' | 'config'>;
  const watch = new LedgerWatch(engine, clock, 0);
  t.match(watch.look(), {
    windows: [],
    schedules: [{ pipeline: 'daily', nextAt: DAY_16_MS, finishBy: '05:00' }],
    due: [],
  });
  await append(store, ...Array.from({ length: 8 }, (_, index) => newRecord(`${index}`)));
  clock.set(DAY_16_MS);
  const { id } = await store.openWindow(WINDOW, DAY_16_MS, 'daily');
  const [open] = watch.look().windows;
  t.match(open, {
    name: 'KH_0002_2022111600_P',
    state: 'open',
    deadline: DAY_16_MS + 5 * HOUR_MS,
    records: { total: 8, delivered: 0 },
    expectedAt: undefined,
  });

  const deliver = async (sequence: number) => {
    const baseName = `KH_0002_2022111600_P_00000${sequence}`;
    const plan = { baseName, window: WINDOW, sequence, records: 2, textBytes: 1, iv: '0'.repeat(32), mtimeMs: 0 };
    store.planFile({ windowId: id, plan: { ...plan, state: 'planned' }, fromPosition: 1, toPosition: 2 });
    await store.fileDelivered(baseName, `/upload/${baseName}`);
  };
  await deliver(1);
  clock.set(DAY_16_MS + 2 * HOUR_MS);
  t.match(watch.look().windows, [
    { files: { known: 1, delivered: 1 }, records: { delivered: 2 }, expectedAt: DAY_16_MS + 8 * HOUR_MS },
  ]);
  await deliver(2);
  clock.set(DAY_16_MS + 3 * HOUR_MS);
  t.match(watch.look().windows, [{ expectedAt: DAY_16_MS + 6 * HOUR_MS }], 'late, at this pace');
  store.windowDelivered(id);
  const [done] = watch.look().windows;
  t.match(done, { state: 'delivered', deliveredAt: DAY_16_MS + 3 * HOUR_MS, expectedAt: undefined });
});

t.test('what is due soonest stands first, without the card', async (t) => {
  const { store, clock } = await testStore(t);
  const engine = { store, config } as unknown as Pick<Engine, 'store' | 'config'>;
  const iccid = '89860012345678901234';
  const add = (name: string, hours: number) =>
    store.commit([
      (transaction) =>
        transaction.addDueFile({
          name,
          content: 'KH',
          requestId: name,
          code: '0002',
          iccid,
          withinMs: hours * HOUR_MS,
        }),
    ]);
  await add('KH_CMD-1_0002', 6);
  await add('KH_CMD-2_0002', 1);
  const { due } = new LedgerWatch(engine, clock).look();
  t.match(due, [{ name: 'KH_CMD-2_0002' }, { name: 'KH_CMD-1_0002' }]);
  t.notMatch(JSON.stringify(due), iccid);
});

t.test('all the metrics of one scrape are read from one look into the ledger', async (t) => {
  const { store, clock } = await testStore(t);
  const status = t.capture(store, 'status', store.status);
  const engine = { store, config } as unknown as Pick<Engine, 'store' | 'config'>;
  const live = { view: { at: 0, busy: 0, pipelines: [], connections: [] } } as unknown as LiveWatch;
  const text = await new Metrics(live, new LedgerWatch(engine, clock, HOUR_MS)).text();
  t.match(text, /^iovpipe_dead_letters 0$/m);
  t.equal(status().length, 1);
});
