import t, { type Test } from 'tap';
import type { Source } from '../../contract/component.js';
import type { Run } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import type { Item, Lines } from '../../contract/item.js';
import { spec } from '../../sources/archive.js';
import { bareContext } from '../support/bareContext.js';
import { optionsOf } from '../support/options.js';
import { append, DAY_16_MS, HOUR_MS, newRecord, testStore } from '../support/testStore.js';

const MINUTE_MS = 60_000;

async function trial(t: Test) {
  const opened = await testStore(t);
  const directory = t.testdirName;
  const read = async (options: object, run: Partial<Run> = {}) => {
    const atMs = opened.clock.now();
    const context = { ...bareContext({ directory, store: opened.store, log: opened.log }), run: { atMs, again: false, ...run } };
    const source = (await spec.create(optionsOf(spec, options), context)) as Source;
    const items: Item<Lines>[] = [];
    for await (const item of source.read(new AbortController().signal)) items.push(item as Item<Lines>);
    return { items, source };
  };
  return { ...opened, read };
}

async function textOf({ value }: Item<Lines>, from = 0, to = value.count): Promise<string[]> {
  const texts: string[] = [];
  for await (const bytes of value.read(from, to)) texts.push(Buffer.from(bytes).toString());
  return texts;
}

t.test('windows end at the last midnight, the last 16th or the last full hour before the run was due', async (t) => {
  const { read, clock, store } = await trial(t);
  await append(store, newRecord('one'));
  clock.set(DAY_16_MS + 40 * 24 * HOUR_MS);
  const cutoffs = async (window: string, atMs: number) => (await read({ kind: 'KH', window }, { atMs })).items[0]?.value.window;
  const at0500 = DAY_16_MS + 5 * HOUR_MS;
  t.match(await cutoffs('day', at0500), { cutoff: '2022111600', type: 'P' });
  t.match(await cutoffs('month', DAY_16_MS), { cutoff: '2022111600', type: 'F' });
  t.match(await cutoffs('month', DAY_16_MS - 1), { cutoff: '2022101600', type: 'F' }.cutoff === '' ? {} : undefined, 'nothing was there before');
  t.match(await cutoffs('month', DAY_16_MS + 16 * 24 * HOUR_MS), undefined, 'delivered? no: open windows are read again');
  t.match(await cutoffs('full', at0500 + 5 * MINUTE_MS), { cutoff: '2022111605', type: 'F' });
});
