import t from 'tap';
import { cutoffOf } from '../../notice/cutoff.js';
import { DAY_16_MS, HOUR_MS, testStore } from '../support/testStore.js';

const DAY_MS = 24 * HOUR_MS;

t.test(
  'six weeks of windows are shown, however many car makers there are, and open ones whatever their age',
  async (t) => {
    const { store, clock } = await testStore(t);
    const makers = Array.from({ length: 20 }, (_, at) => `LSV${at}`);
    let days = 0;
    const openDay = () => {
      const at = DAY_16_MS + days * DAY_MS;
      clock.set(at);
      days += 1;
      const window = { kind: 'CL', cutoff: cutoffOf(at), type: 'P' } as const;
      return makers.map((code) => store.openWindow({ ...window, code }, at, 'daily').id);
    };
    const [kept = 0, ...old] = openDay();
    for (const id of old) store.windowDelivered(id);
    for (let day = 0; day < 45; day += 1) for (const id of openDay()) store.windowDelivered(id);
    const { windows } = store.status();
    const shownDays = new Set(windows.filter(({ state }) => state === 'delivered').map(({ cutoff }) => cutoff));
    t.equal(shownDays.size, 43, 'today and the 42 days before');
    t.equal(windows.length, 43 * 20 + 1);
    t.equal(windows[0]?.id, kept);
  },
);
