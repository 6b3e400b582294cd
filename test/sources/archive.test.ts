import t, { type Test } from 'tap';
import type { Source } from '../../contract/component.js';
import type { Run } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import type { Item, Lines } from '../../contract/item.js';
import { spec } from '../../sources/archive.js';
import { bareContext } from '../support/bareContext.js';
import { optionsOf } from '../support/options.js';
import { append, DAY_16_MS, HOUR_MS, newRecord, testStore } from '../support/testStore.js';

async function trial(t: Test) {
  const opened = await testStore(t);
  const directory = t.testdirName;
  const read = async (options: object, run: Partial<Run> = {}) => {
    const atMs = opened.clock.now();
    const context = {
      ...bareContext({ directory, store: opened.store, log: opened.log }),
      run: { atMs, again: false, ...run },
    };
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

t.test('a window ends at the last midnight, the last 16th or the last full hour before its run was due', async (t) => {
  const { read, clock } = await trial(t);
  clock.set(DAY_16_MS + 100 * 24 * HOUR_MS);
  const windowAt = async (window: string, atMs: number, cutoff?: string) => {
    const { items } = await read(
      { kind: 'KH', window, codes: ['0002'] },
      { atMs, ...(cutoff !== undefined && { cutoff }) },
    );
    const { window: { cutoff: end, type } = { cutoff: '', type: '' } } = items[0]?.value ?? {};
    return `${end} ${type}`;
  };
  t.equal(await windowAt('day', DAY_16_MS + 5 * HOUR_MS), '2022111600 P');
  t.equal(await windowAt('day', DAY_16_MS + 24 * HOUR_MS - 1, undefined), '2022111600 P');
  t.equal(await windowAt('day', DAY_16_MS + 24 * HOUR_MS), '2022111700 P');
  t.equal(await windowAt('month', DAY_16_MS), '2022111600 F');
  t.equal(await windowAt('month', DAY_16_MS - 1), '2022101600 F');
  t.equal(await windowAt('month', DAY_16_MS + 50 * 24 * HOUR_MS), '2022121600 F', 'on 5 January');
  t.equal(await windowAt('full', DAY_16_MS + 5 * HOUR_MS + 300_000), '2022111605 F');
  t.equal(await windowAt('full', DAY_16_MS, '2022110112'), '2022110112 F', 'a person may ask for another end');
});

t.test('blocks bear sizes and positions, and read their records only when asked', async (t) => {
  const { read, clock, store } = await trial(t);
  await append(
    store,
    ...['a', 'bb', 'ccc', 'dddd', 'eeeee'].map((text) => newRecord(text)),
    newRecord('x', { kind: 'CL' }),
  );
  clock.set(DAY_16_MS);
  const { items } = await read({ kind: 'KH', window: 'day', stretchRecordsMax: 2 });
  t.same(
    items.map(({ value }) => value.count),
    [2, 2, 1],
  );
  const block = items[1]!;
  t.match(block, {
    tags: { code: '0002' },
    origin: 'KH_0002_2022111600_P',
    value: { residentBytes: 0, window: { code: '0002' } },
  });
  t.same(
    [block.value.sizeOf(0), block.value.sizeOf(1), block.value.positionOf(0), block.value.positionOf(1)],
    [3, 4, 3, 4],
  );
  t.same(await textOf(block), ['ccc', 'dddd']);
  t.same(await textOf(block, 1, 2), ['dddd']);
  t.same(await textOf(block, 1, 1), []);
});

t.test('every code of the archive has its window, and codes that are named have one even if empty', async (t) => {
  const { read, clock, store } = await trial(t);
  await append(store, newRecord('a', { code: 'LSV1', kind: 'CL' }), newRecord('b', { code: 'WBA0', kind: 'CL' }));
  clock.set(DAY_16_MS);
  const codesOf = async (options: object) =>
    (await read({ kind: 'CL', window: 'day', ...options })).items.map(
      ({ tags, value }) => `${tags.code} ${value.count}`,
    );
  t.same(await codesOf({}), ['LSV1 1', 'WBA0 1']);
  t.same(await codesOf({ codes: ['WBA0', 'LFV2'] }), ['WBA0 1', 'LFV2 0']);
  t.same((await read({ kind: 'KH', window: 'day' })).items, []);
});

t.test(
  'a window is delivered when all its blocks have arrived; then it is passed over, unless asked for again',
  async (t) => {
    const { read, clock, store, log } = await trial(t);
    await append(store, newRecord('a'), newRecord('b'));
    clock.set(DAY_16_MS);
    const options = { kind: 'KH', window: 'day', stretchRecordsMax: 1 };
    const failing = await read(options);
    failing.items[0]!.receipt.arrived();
    failing.items[1]!.receipt.failed(new IovError('SFTP_REFUSED', 'no such directory'));
    t.match(store.status().windows, [{ state: 'open' }]);
    const { items } = await read(options);
    items[1]!.receipt.arrived();
    t.match(store.status().windows, [{ state: 'open' }]);
    items[0]!.receipt.arrived();
    t.match(store.status().windows, [{ state: 'delivered', deliveredAt: DAY_16_MS }]);
    t.same((await read(options)).items, []);
    t.match(log.lines.at(-1), { message: 'this window has been delivered before', fields: { code: '0002' } });
    t.equal((await read(options, { again: true })).items.length, 2);
    t.match(store.status().windows, [{ state: 'open', deliveredAt: undefined }]);
  },
);

t.test('a schedule goes on where a later window holds what it missed; who asks for it by hand is told', async (t) => {
  const { read, clock, store, log } = await trial(t);
  await append(store, newRecord('a'), newRecord('b', { code: '0003' }));
  clock.set(DAY_16_MS + 30 * HOUR_MS);
  const options = { kind: 'KH', window: 'day' };
  await read({ ...options, codes: ['0002'] });
  const late = await read(options, { atMs: DAY_16_MS });
  t.same(
    late.items.map(({ tags }) => tags.code),
    ['0003'],
    'one code does not keep the others',
  );
  t.match(
    log.lines.filter(({ level }) => level === 'error'),
    [{ fields: { alarm: 'windowCovered', code: '0002', cutoff: '2022111600' } }],
  );
  await t.rejects(read(options, { atMs: DAY_16_MS, cutoff: '2022111600' }), { code: 'WINDOW_COVERED' });
});

t.test('all windows that are to be delivered again are opened before the first is read', async (t) => {
  const { read, clock, store } = await trial(t);
  await append(store, newRecord('a'), newRecord('b', { code: '0003' }));
  clock.set(DAY_16_MS);
  const options = { kind: 'KH', window: 'day' };
  for (const { receipt } of (await read(options)).items) receipt.arrived();
  t.match(store.status().windows, [{ state: 'delivered' }, { state: 'delivered' }]);
  const context = { ...bareContext({ directory: '.', store }), run: { atMs: clock.now(), again: true } };
  const source = (await spec.create(optionsOf(spec, options), context)) as Source;
  for await (const _ of source.read(new AbortController().signal)) break; // as where a lane is lost
  t.match(store.status().windows, [{ state: 'open' }, { state: 'open' }]);
});

t.test('a stop breaks the run: a window that was read in part is not to look complete', async (t) => {
  const { clock, store, log } = await trial(t);
  await append(store, newRecord('a'), newRecord('b'));
  clock.set(DAY_16_MS);
  const context = { ...bareContext({ directory: t.testdirName, store, log }), run: { atMs: DAY_16_MS, again: false } };
  const source = (await spec.create(
    optionsOf(spec, { kind: 'KH', window: 'day', stretchRecordsMax: 1 }),
    context,
  )) as Source;
  const stop = new AbortController();
  const reading = source.read(stop.signal)[Symbol.asyncIterator]();
  const { value } = await reading.next();
  stop.abort();
  await t.rejects(reading.next(), { code: 'STOPPED' });
  value.receipt.arrived();
  t.match(store.status().windows, [{ state: 'open' }]);
});

t.test('a failure to note the delivery is told when the source closes', async (t) => {
  const { read, clock, store } = await trial(t);
  clock.set(DAY_16_MS);
  const { items, source } = await read({ kind: 'KH', window: 'day', codes: ['0002'] });
  await store.close();
  items[0]!.receipt.arrived();
  await t.rejects(Promise.resolve(source.close?.()), { code: 'STOPPED', message: /archive is closed/ });
  await source.close?.();
});
