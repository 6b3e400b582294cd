import t, { type Test } from 'tap';
import type { Kernel } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { FilePlan } from '../../contract/file.js';
import type { Item, TextFile } from '../../contract/item.js';
import { Receipt } from '../../contract/receipt.js';
import type { FileRow } from '../../contract/store.js';
import { Unfinished } from '../../contract/unfinished.js';
import { spec } from '../../operators/lanes.js';
import { OpenFile } from '../../workers/openFile.js';
import { TextContent } from '../../workers/textContent.js';
import { bareContext } from '../support/bareContext.js';
import { handedLanes } from '../support/handedLanes.js';
import { optionsOf } from '../support/options.js';
import { DAY_16_MS, HOUR_MS, testStore } from '../support/testStore.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const MS = 30_000;
const KEY = { kind: 'KH', code: '0002', cutoff: '2022111600', type: 'P' } as const;

/** The operator over an archive with one open window, and files of it. */
async function window(t: Test, count: number, held: readonly number[] | undefined) {
  const { store, clock } = await testStore(t);
  clock.set(DAY_16_MS + HOUR_MS);
  const row = await store.openWindow(KEY, DAY_16_MS, 'test');
  const { lanes, give } = handedLanes(count, held);
  let looks = 0;
  const openWindow = store.openWindow.bind(store);
  store.openWindow = (...given) => {
    looks += 1;
    return openWindow(...given);
  };
  const context = { ...bareContext({ directory: '.', store, connections: { lanes: lanes as never } }), clock };
  const kernel = (await spec.create(optionsOf(spec, { on: 'lanes', lookMs: 10 }), context)) as Kernel;
  const settled = new Map<number, IovError | 'arrived'>();
  const discarded: number[] = [];
  const planned = (sequence: number): FilePlan => ({
    baseName: `KH_0002_2022111600_P_${String(sequence).padStart(6, '0')}`,
    window: KEY,
    sequence,
    records: 1,
    textBytes: 1,
    iv: '0'.repeat(32),
    mtimeMs: 0,
    state: 'planned',
  });
  const file = (sequence: number): Item => {
    const plan = planned(sequence);
    const known: FileRow | undefined = store.file(plan.baseName);
    store.planFile({ windowId: row.id, plan, fromPosition: 1, toPosition: 1 });
    const receipt = new Receipt((error) => void settled.set(sequence, error ?? 'arrived'));
    const value: Partial<TextFile> = {
      sequence,
      known,
      plan: Promise.resolve(plan),
      discard: () => void discarded.push(sequence),
    };
    return { value, tags: {}, origin: 'test', effects: [], receipt };
  };
  const delivered = (sequence: number) => store.fileDelivered(planned(sequence).baseName, '/upload');
  const through = async (...sequences: number[]) => {
    const passed: number[] = [];
    for (const sequence of sequences)
      for (const { value } of await kernel.transform(file(sequence))) passed.push((value as TextFile).sequence);
    return passed;
  };
  const state = async () => (await openWindow(KEY, DAY_16_MS, 'test')).state;
  /** The first of two looks that begin after this has seen all that is so now, and is over. */
  const looked = () => {
    const from = looks;
    return until('two further looks', () => looks >= from + 2, { ms: MS });
  };
  return { kernel, give, settled, discarded, delivered, through, state, looked };
}

/** What closing throws. */
async function unfinished(kernel: Kernel): Promise<Unfinished> {
  try {
    await kernel.close?.();
  } catch (thrown) {
    if (thrown instanceof Unfinished) return thrown;
    throw thrown;
  }
  throw new Error('expected an unfinished window');
}

t.test('files of other lanes are passed over, and their window stays open until all are delivered', async (t) => {
  const { kernel, settled, discarded, delivered, through, state, looked } = await window(t, 3, [0, 2]);
  t.same(await through(1, 2, 3, 4, 5), [1, 3, 4]);
  t.same(discarded, [2, 5]);
  t.match(settled.get(2), { code: 'WINDOW_UNFINISHED' });
  const error = await unfinished(kernel);
  t.match(error, { code: 'WINDOW_UNFINISHED', retryable: true, message: /2 files are delivered by other processes/ });
  let isOver = false;
  const resting = error.rest(new AbortController().signal).then(() => {
    isOver = true;
  });
  await delivered(2);
  await looked();
  t.notOk(isOver);
  t.equal(await state(), 'open');
  await delivered(5);
  await within(MS, 'the rest', resting);
  t.equal(await state(), 'delivered', 'so that it need not be read once more');
});

t.test('what somebody has delivered has arrived, whoever it was', async (t) => {
  const { kernel, settled, discarded, delivered, through } = await window(t, 2, [0]);
  await through(1, 2);
  await delivered(1);
  await delivered(2);
  settled.clear();
  discarded.length = 0;
  t.same(await through(1, 2), []);
  t.same(
    [...settled],
    [
      [1, 'arrived'],
      [2, 'arrived'],
    ],
  );
  t.same(discarded, [1, 2]);
  await kernel.close?.(new Error('not this run') as IovError);
});

/** A file that is delivered, while its records are read anew. */
async function readAnew(t: Test) {
  const { kernel, delivered, through } = await window(t, 1, [0]);
  await through(1);
  await delivered(1);
  const file = new OpenFile(new TextContent('lines', 1_000), 1, { state: 'delivered' } as FileRow);
  const settled: (IovError | 'arrived')[] = [];
  const record = () => file.receipts.push(new Receipt((error) => void settled.push(error ?? 'arrived')));
  record();
  t.same(await kernel.transform({ value: file, tags: {}, origin: 'test', effects: [], receipt: file.receipt }), []);
  record(); // of a stretch that was read later
  return { kernel, file, settled };
}

t.test('a delivered file has arrived with its last record, not before', async (t) => {
  const { kernel, file, settled } = await readAnew(t);
  t.same(settled, []);
  file.finish({ baseName: 'KH_0002_2022111600_P_000001' } as FilePlan);
  await until('it has arrived', () => settled.length > 0, { ms: MS });
  t.same(settled, ['arrived', 'arrived']);
  await kernel.close?.();
});

t.test('a delivered file that is cut otherwise now fails the run', async (t) => {
  const { kernel, file, settled } = await readAnew(t);
  file.abandon(new IovError('WINDOW_CONFLICT', 'other records'));
  await until('it has failed', () => settled.length > 0, { ms: MS });
  t.match(settled, [{ code: 'WINDOW_CONFLICT' }, { code: 'WINDOW_CONFLICT' }]);
  t.equal(settled.length, 2);
  await t.rejects(async () => kernel.close?.(), { code: 'WINDOW_CONFLICT' });
});

t.test('when a lane comes whose files are missing the run goes again at once', async (t) => {
  const { kernel, give, through, state } = await window(t, 2, [0]);
  await through(1, 2);
  const { rest } = await unfinished(kernel);
  const resting = rest(new AbortController().signal);
  give(undefined);
  give([0, 1]);
  await within(MS, 'the rest', resting);
  t.equal(await state(), 'open');
});

t.test('where lanes are added a file may come here that was of another lane', async (t) => {
  const { kernel, give, through } = await window(t, 2, [1]);
  t.same(await through(1, 2, 3), [2]);
  const { rest } = await unfinished(kernel);
  const resting = rest(new AbortController().signal);
  give([2, 3], 4);
  await within(MS, 'the rest', resting);
});

t.test('it waits while nobody knows who holds which lane, and a stop ends that', async (t) => {
  const { kernel, give, through } = await window(t, 2, undefined);
  const waiting = through(1);
  give([0]);
  t.same(await within(MS, 'the file', waiting), [1]);
  await kernel.close?.();
  const other = await window(t, 2, [0]);
  await other.through(2);
  const { rest } = await unfinished(other.kernel);
  const stop = new AbortController();
  const resting = rest(stop.signal);
  stop.abort();
  await within(MS, 'the end', resting);
});
