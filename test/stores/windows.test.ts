import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import type { WindowKey } from '../../contract/file.js';
import type { WindowRow } from '../../contract/store.js';
import { cutoffOf } from '../../notice/cutoff.js';
import type { SqliteStore } from '../../stores/sqlite/store.js';
import { append, DAY_16_MS, HOUR_MS, newRecord, testStore, textsOf } from '../support/testStore.js';

const key = (cutoffMs: number, more: Partial<WindowKey> = {}): WindowKey => ({
  kind: 'KH',
  code: '0002',
  cutoff: cutoffOf(cutoffMs),
  type: 'P',
  ...more,
});

t.test('a window covers what was accepted before its end, to the millisecond', async (t) => {
  const { store, clock } = await testStore(t);
  clock.set(DAY_16_MS - 1);
  await append(store, newRecord('before'));
  clock.set(DAY_16_MS);
  await append(store, newRecord('at the end'));
  const window = store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
  t.same(textsOf(store.records(window, 0, window.toPosition)), ['before']);
  t.match(window, { fromPosition: 0, toPosition: 1, state: 'open', pipeline: 'daily', options: '' });
  t.same(store.openWindow(key(DAY_16_MS), DAY_16_MS, 'another'), window, 'asked for again it is the same row');
  t.same(store.codes('KH', DAY_16_MS - 1), [], 'a code counts from its first record on');
  t.same(store.codes('KH', DAY_16_MS), ['0002']);
});

t.test('nothing accepted later falls into a planned window, though the clock goes back', async (t) => {
  let now = DAY_16_MS + 5;
  const clock = { now: () => now, until: () => Promise.reject(new Error('nobody waits here')) };
  const { store } = await testStore(t, { clock });
  const window = store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
  now -= HOUR_MS;
  await append(store, newRecord('late'), newRecord('other code', { code: '0003' }));
  t.same(textsOf(store.records(window, 0, 1e9)), []);
  t.same(
    store.status().records.map(({ lastAcceptedAt }) => lastAcceptedAt),
    [DAY_16_MS, DAY_16_MS],
    'it counts as accepted at the end of the window, at the earliest',
  );
  now = DAY_16_MS + 9;
  await append(store, newRecord('at 9 ms'));
  now = DAY_16_MS + 7;
  await append(store, newRecord('at 7 ms'));
  t.equal(store.status().records[0]?.lastAcceptedAt, DAY_16_MS + 9, 'times never fall');
});

t.test('a window in the future, or before a later P window, is refused', async (t) => {
  const { store, clock } = await testStore(t);
  t.throws(() => store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily'), { code: 'WINDOW_CONFLICT', message: /future/ });
  clock.set(DAY_16_MS + 48 * HOUR_MS);
  const later = DAY_16_MS + 24 * HOUR_MS;
  store.openWindow(key(later), later, 'daily');
  t.throws(() => store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily'), {
    code: 'WINDOW_COVERED',
    message: /2022111700/,
  });
  t.ok(store.openWindow(key(DAY_16_MS, { type: 'F' }), DAY_16_MS, 'monthly'), 'an F window of an earlier time is fine');
  t.ok(store.openWindow(key(DAY_16_MS, { code: '0003' }), DAY_16_MS, 'daily'), 'and so is that of another code');
});

t.test('a window of a chain without the archive is its own thing', async (t) => {
  const { store, clock } = await testStore(t);
  clock.set(DAY_16_MS + 1);
  await append(store, newRecord('archived'));
  const direct = store.openDirectWindow(key(DAY_16_MS + 24 * HOUR_MS), 'backfill');
  t.match(direct, { fromPosition: 0, toPosition: 0 });
  t.same(store.openDirectWindow(key(DAY_16_MS + 24 * HOUR_MS), 'backfill'), direct);
  clock.set(DAY_16_MS + 25 * HOUR_MS);
  const at = DAY_16_MS + HOUR_MS;
  t.match(
    store.openWindow(key(at), at, 'daily'),
    { fromPosition: 0, toPosition: 1 },
    'it is no earlier or later P window',
  );
  t.throws(() => store.openWindow(key(DAY_16_MS + 24 * HOUR_MS), DAY_16_MS + 24 * HOUR_MS, 'daily'), {
    code: 'WINDOW_CONFLICT',
  });
  t.throws(() => store.openDirectWindow(key(at), 'backfill'), { code: 'WINDOW_CONFLICT' });
  t.same(
    store.openWindows('backfill').map(({ id }) => id),
    [direct.id],
  );
  store.windowDelivered(direct.id);
  t.same(store.openWindows('backfill'), []);
});

t.test('how a window is cut is fixed once; delivered and opened again its files are planned again', async (t) => {
  const { store, clock } = await testStore(t);
  clock.set(DAY_16_MS);
  const window = store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
  store.setWindowOptions(window.id, '{"bytesMax":1}');
  store.setWindowOptions(window.id, '{"bytesMax":2}');
  const plan = {
    baseName: 'KH_0002_2022111600_P_000001end',
    window: key(DAY_16_MS),
    sequence: 1,
    records: 0,
    textBytes: 0,
    iv: 'ab',
    mtimeMs: DAY_16_MS,
    state: 'planned' as const,
  };
  t.match(store.planFile({ windowId: window.id, plan, fromPosition: 0, toPosition: 0 }), {
    state: 'planned',
    plan: { iv: 'ab' },
  });
  const again = store.planFile({ windowId: window.id, plan: { ...plan, iv: 'cd' }, fromPosition: 0, toPosition: 0 });
  t.equal(again.plan.iv, 'ab', 'the first plan under a name stays');
  const packed = { packedName: `${plan.baseName}.bin`, path: '/outbox/x', bytes: 9, sm3: 'ee' };
  await store.filePacked(plan.baseName, packed);
  t.match(store.file(plan.baseName), { ...packed, state: 'packed', plan: { state: 'packed' } });
  await store.fileUploading(plan.baseName);
  await store.filePacked(plan.baseName, packed);
  t.equal(store.file(plan.baseName)?.state, 'uploading', 'packed anew it may still have been uploaded before');
  await store.fileDelivered(plan.baseName, '/upload/x');
  await store.fileUploading(plan.baseName);
  t.match(store.file(plan.baseName), { state: 'delivered', remotePath: '/upload/x', deliveredAt: DAY_16_MS });
  store.windowDelivered(window.id);
  t.match(store.status().windows, [
    { state: 'delivered', files: 1, filesDelivered: 1, recordsTotal: 0, options: '{"bytesMax":1}' },
  ]);
  store.reopenWindow(window.id);
  t.equal(store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily').state, 'open');
  t.match(store.file(plan.baseName), { state: 'planned', deliveredAt: undefined, plan: { iv: 'ab' } });
  await t.resolves(store.fileUploading('KH_unknown'), 'one that is only forwarded is no file of the ledger');
  await t.rejects(store.filePacked('KH_unknown', packed), { code: 'INTERNAL' });
});

t.test('a file packed to other bytes than before is noted in the log', async (t) => {
  const { store, clock, log } = await testStore(t);
  clock.set(DAY_16_MS);
  const { id } = store.openWindow(key(DAY_16_MS), DAY_16_MS, 'daily');
  const plan = {
    baseName: 'KH_x',
    window: key(DAY_16_MS),
    sequence: 1,
    records: 0,
    textBytes: 0,
    iv: '',
    mtimeMs: 0,
    state: 'planned' as const,
  };
  store.planFile({ windowId: id, plan, fromPosition: 0, toPosition: 0 });
  for (const sm3 of ['aa', 'aa', 'bb'])
    await store.filePacked('KH_x', { packedName: 'KH_x.bin', path: '/x', bytes: 1, sm3 });
  t.same(
    log.lines.map(({ fields }) => fields),
    [{ file: 'KH_x', before: 'aa', now: 'bb' }],
  );
});

type Step =
  | { do: 'append'; code: string; kind: 'KH' | 'CL'; size: number }
  | { do: 'wait'; hours: number }
  | { do: 'window'; code: string; kind: 'KH' | 'CL'; type: 'P' | 'F'; hoursAgo: number };

const code = fc.constantFrom('0002', 'LSV1');
const kind = fc.constantFrom('KH' as const, 'CL' as const);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('append' as const), code, kind, size: fc.integer({ min: 0, max: 40 }) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), hours: fc.integer({ min: 0, max: 3 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('window' as const),
        code,
        kind,
        type: fc.constantFrom('P' as const, 'F' as const),
        hoursAgo: fc.integer({ min: 0, max: 4 }),
      }),
    },
  ),
  { minLength: 10, maxLength: 60, size: 'max' },
);

interface ModelWindow {
  row: WindowRow;
  endMs: number;
  texts: string[];
}

/** What the store should do, as plainly as it can be said: every record with its time, windows as filters over them. */
class Model {
  readonly #records: { kind: string; code: string; text: string; at: number }[] = [];
  readonly windows: ModelWindow[] = [];

  async append(store: SqliteStore, at: number, { kind, code, size }: Extract<Step, { do: 'append' }>): Promise<void> {
    const text = `${this.#records.length}${'\0x'.repeat(size)}`;
    await append(store, newRecord(text, { code, kind }));
    this.#records.push({ kind, code, text, at });
  }

  /** Whether it was opened; one before a later P window has to be refused. */
  openWindow(store: SqliteStore, nowMs: number, step: Extract<Step, { do: 'window' }>): boolean {
    const { kind, code, type } = step;
    const endMs = nowMs - step.hoursAgo * HOUR_MS;
    const wanted = key(endMs, { kind, code, type });
    const alike = this.windows.filter(({ row }) => row.kind === kind && row.code === code && row.type === type);
    const known = alike.find((window) => window.endMs === endMs);
    if (!known && type === 'P' && alike.some((window) => window.endMs > endMs)) {
      assert.throws(() => store.openWindow(wanted, endMs, 'test'), { code: 'WINDOW_COVERED' });
      return false;
    }
    const row = store.openWindow(wanted, endMs, 'test');
    assert.equal(row.id, known?.row.id ?? row.id);
    const fromMs = type === 'P' ? Math.max(0, ...alike.map((window) => window.endMs)) : 0;
    const inside = this.#records.filter(
      (record) => record.kind === kind && record.code === code && record.at >= fromMs && record.at < endMs,
    );
    if (!known) this.windows.push({ row, endMs, texts: inside.map(({ text }) => text) });
    return true;
  }
}

t.test('windows part the archive: each record in exactly one P, and in every later F', async (t) => {
  const folder = t.testdir({});
  let runs = 0;
  let opened = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const { store, clock } = await testStore(t, { path: `${folder}/${runs++}.db` });
      const model = new Model();
      for (const step of steps) {
        if (step.do === 'wait') clock.set(clock.now() + step.hours * HOUR_MS);
        else if (step.do === 'append') await model.append(store, clock.now(), step);
        else opened += model.openWindow(store, clock.now(), step) ? 1 : 0;
      }
      for (const window of model.windows) assertSame(store, window);
      await store.close();
    }),
    { seed: 35, numRuns: 60 },
  );
  t.comment(`seed 35, ${opened} windows opened`);
  t.ok(opened > 100);
});

/** Sizes and positions say the same as the records, and the records are the model's. */
function assertSame(store: SqliteStore, { row, texts }: ModelWindow): void {
  const stretches = [...store.stretches(row, 3)];
  const positions = stretches.flatMap((stretch) => [...stretch.positions]);
  const sizes = stretches.flatMap((stretch) => [...stretch.sizes]);
  assert.deepEqual(textsOf(store.records(row, row.fromPosition, row.toPosition)), texts);
  assert.deepEqual(
    sizes,
    texts.map((text) => text.length),
  );
  assert.ok(positions.every((position, index) => index === 0 || position > (positions[index - 1] ?? 0)));
  const [first = 0] = positions;
  assert.deepEqual(
    textsOf(store.records(row, first, row.toPosition)),
    texts.slice(1),
    'a part begins after its first position',
  );
  assert.equal(store.status().windows.find(({ id }) => id === row.id)?.recordsTotal, texts.length);
}
