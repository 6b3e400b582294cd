import t from 'tap';
import type { Item } from '../../contract/item.js';
import { type Archived, type Entry, ReplaySource } from '../../engine/replay.js';
import { keptLog } from '../support/bareContext.js';
import { testStore } from '../support/testStore.js';
import { until } from '../support/until.js';

const KEY = 'replay of a test';

t.test('what settles after a replay was broken off takes nothing from what was noted', async (t) => {
  const { store } = await testStore(t);
  const opened = () => ({ value: {}, tags: {} });
  const entries = [1, 2, 3].map((at): Entry => {
    return { part: '0', at, origin: `t/0/${at}`, bytes: 1, raw: undefined, tags: () => ({}), open: opened };
  });
  const archived: Archived = {
    key: KEY,
    open: async () => [{ name: '0', from: 1, to: 4 }],
    read: async function* () {
      yield entries;
    },
    close: async () => undefined,
  };
  const nothing = () => undefined;
  const given = { archived, store, log: keptLog(), pipeline: 'in', tellsNew: false, resume: true };
  const source = new ReplaySource({ ...given, began: nothing, progress: nothing });
  const items: Item[] = [];
  for await (const item of source.read(new AbortController().signal)) items.push(item);
  const [first, ...late] = items;
  first?.receipt.arrived();
  const noteIsDueAt = performance.now() + 1_100;
  await until('it would note anew', () => performance.now() > noteIsDueAt);
  await source.close();
  const noted = () => store.position('in', KEY)?.fingerprint;
  const fingerprint = JSON.stringify({ parts: [{ name: '0', from: 2, to: 4 }] });
  t.equal(noted(), fingerprint);
  for (const { receipt } of late) receipt.arrived();
  await store.commit([nothing]); // whatever is to be written is written by then
  t.equal(noted(), fingerprint, 'the next replay goes on there');
});
