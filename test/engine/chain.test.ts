import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { type ComponentSpec, defineOperator, defineSink, type SinkSpec } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { PackedFile } from '../../contract/file.js';
import { Type } from '../../contract/schema.js';
import { ChainRun } from '../../engine/chain.js';
import type { CheckedPipeline } from '../../engine/config.js';
import { attempt, type Keeping } from '../../engine/keepRunning.js';
import { spec as order } from '../../operators/order.js';
import { spec as split } from '../../operators/split.js';
import { spec as zip } from '../../operators/zip.js';
import { spec as file } from '../../sources/file.js';
import { Packer } from '../../workers/packer.js';
import { bareContext, keptLog } from '../support/bareContext.js';
import { optionsOf } from '../support/options.js';
import { DAY_16_MS, testStore } from '../support/testStore.js';

const none = Type.Object({});
const about = { summary: '', options: none, examples: [] };

/** An operator that notes its end, and may fail at it. */
const noted = (name: string, closed: string[], failure?: Error) =>
  defineOperator({
    ...about,
    name,
    takes: ['record'],
    gives: 'record',
    create: () => ({
      transform: (item) => [item],
      close: () => {
        closed.push(name);
        if (failure) throw failure;
      },
    }),
  });

/** A file of one record through `first` and `last`. */
async function run(t: Test, closed: string[], sink: SinkSpec, failure?: Error) {
  const { store, path, clock } = await testStore(t);
  const directory = dirname(path);
  writeFileSync(join(directory, 'records.ndjson'), '{"ICCID":"1"}\n');
  const pipeline: CheckedPipeline = {
    name: 'test',
    manual: false,
    source: { spec: file, options: optionsOf(file, { path: 'records.ndjson' }) as Record<string, unknown>, place: '' },
    operators: [noted('first', closed, failure), noted('last', closed)].map((spec) => ({
      spec,
      options: {},
      place: '',
    })),
    sink: { spec: sink, options: {}, place: '' },
  };
  const around = { context: bareContext({ directory, store }), packer: {} as Packer, settled: () => undefined };
  const keeping: Keeping = {
    clock,
    log: keptLog(),
    store,
    drainMs: () => 5_000,
    prepare: () => ChainRun.create(pipeline, around),
    connect: async () => undefined,
  };
  await attempt(pipeline, undefined, keeping, new AbortController().signal);
}

/** A sink that notes its end. */
const sinkOf = (closed: string[], write: () => Promise<void>) =>
  defineSink({
    ...about,
    name: 'sink',
    takes: ['record'],
    create: () => ({ concurrency: 1, write, close: async () => void closed.push('sink') }),
  });

t.test('a source that tells its failure as it closes leaves no sink open behind it', async (t) => {
  const closed: string[] = [];
  const away = new IovError('PEER_UNREACHABLE', 'nobody is there');
  await t.rejects(
    run(
      t,
      closed,
      sinkOf(closed, () => Promise.reject(away)),
    ),
    away,
  );
  t.same(closed, ['first', 'last', 'sink']);
});

t.test('an operator that fails as it closes leaves none open behind it', async (t) => {
  const closed: string[] = [];
  const failure = new IovError('STORE_FAILED', 'the window cannot be noted');
  await t.rejects(
    run(
      t,
      closed,
      sinkOf(closed, async () => undefined),
      failure,
    ),
    failure,
  );
  t.same(closed, ['first', 'last', 'sink']);
});

t.test(
  'a file that is refused fails the run and leaves its window open: run again, the same file goes out',
  async (t) => {
    const { store, path, clock } = await testStore(t);
    const directory = dirname(path);
    writeFileSync(join(directory, 'records.ndjson'), '{"ICCID":"1"}\n');
    const packer = new Packer(store, directory);
    t.teardown(() => packer.close());
    const refusal = new IovError('SFTP_REFUSED', 'this login may not write there');
    const sent: string[] = [];
    let isRefused = true;
    const sink = defineSink({
      ...about,
      name: 'sink',
      takes: ['file'],
      create: () => ({
        concurrency: 1,
        write: async ({ value }) => {
          if (isRefused) throw refusal;
          sent.push((value as PackedFile).name);
        },
      }),
    });
    const of = <Spec extends ComponentSpec>(spec: Spec, options: object) => ({
      spec,
      options: optionsOf(spec, options) as Record<string, unknown>,
      place: spec.name,
    });
    const pipeline: CheckedPipeline = {
      name: 'backfill',
      manual: true,
      source: of(file, { path: 'records.ndjson', resume: false }),
      operators: [of(order, { table: 12 }), of(split, { name: 'KH_0002_{cutoff}_F_{seq}' }), of(zip, {})],
      sink: of(sink, {}),
    };
    const context = { ...bareContext({ directory, store }), pipeline: 'backfill', clock };
    const runAt = async (atMs: number) => {
      const around = { context: { ...context, run: { atMs, again: false } }, packer, settled: () => undefined };
      const made = await ChainRun.create(pipeline, around);
      await made.open();
      await made.run(new AbortController().signal).finally(() => made.close());
    };
    await t.rejects(runAt(DAY_16_MS), refusal);
    t.equal(store.status().windows[0]?.state, 'open');
    isRefused = false;
    await runAt(DAY_16_MS + 86_400_000);
    t.same(sent, ['KH_0002_2022111600_F_000001end.zip']);
    t.same(
      store.status().windows.map(({ state }) => state),
      ['delivered'],
    );
  },
);
