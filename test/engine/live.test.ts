import t from 'tap';
import type { Kernel, OperatorSpec, SinkSpec, SourceSpec } from '../../contract/component.js';
import type { Item } from '../../contract/item.js';
import { Receipt } from '../../contract/receipt.js';
import type { CheckedPipeline } from '../../engine/config.js';
import { Live } from '../../engine/live.js';
import { component } from '../../engine/registry.js';
import { runChain, type Stage } from '../../engine/stream.js';
import { until } from '../support/until.js';

/** `file → validate → encryptField → discard`, by name; the stages of a test stand in for its operators. */
const PIPELINE: CheckedPipeline = {
  name: 'numbers',
  manual: false,
  source: { spec: component('source', 'file') as SourceSpec, options: {}, place: 'numbers.source.file' },
  operators: ['validate', 'encryptField'].map((name, index) => ({
    spec: component('operator', name) as OperatorSpec,
    options: {},
    place: `numbers.operators[${index}].${name}`,
  })),
  sink: { spec: component('sink', 'discard') as SinkSpec, options: {}, place: 'numbers.sink.discard' },
};

const item = (value: number): Item => ({
  value: { number: value },
  tags: {},
  origin: `item ${value}`,
  receipt: new Receipt(() => undefined),
  effects: [],
  raw: new Uint8Array(10),
});

/** Runs so many items through two operators, and keeps what is written. */
function run(live: Live, count: number, stages: Stage[], write: () => Promise<void> = async () => undefined) {
  const pipeline = live.of('numbers')!;
  async function* source(): AsyncGenerator<Item> {
    for (let value = 0; value < count; value += 1) yield item(value);
  }
  return runChain({
    source: source(),
    stages,
    sink: { concurrency: 2, write },
    failed: async (_, error) => pipeline.settled(error.code),
    arrived: () => pipeline.settled(),
    signal: new AbortController().signal,
    live: pipeline,
  });
}

const pass: Kernel = { transform: (one) => [one] };
const odd: Kernel = {
  transform(one) {
    if ((one.value as { number: number }).number % 2 === 0) throw new Error('even');
    return [one];
  },
};

t.test('each edge counts what passes it, and each part what fails in it', async (t) => {
  const live = new Live([PIPELINE]);
  await run(live, 10, [{ kernels: [pass, odd] }]);
  const { parts, arrived, failures, underWay, waiting, lastSettledMs } = live.of('numbers')!;
  t.match(parts, [
    { name: 'validate', place: 'operators[0].validate', items: 10, bytes: 100, failed: 0 },
    { name: 'encryptField', place: 'operators[1].encryptField', items: 10, failed: 5 },
    { name: 'discard', place: 'sink.discard', items: 5, bytes: 50, failed: 0 },
  ]);
  t.match({ arrived, underWay, waiting }, { arrived: 5, underWay: 0, waiting: 0 });
  t.strictSame([...failures], [['INTERNAL', 5]]);
  t.ok(lastSettledMs !== undefined && lastSettledMs <= performance.now());
});

t.test('a step that runs beside others counts too, with all operators that share its task', async (t) => {
  const live = new Live([PIPELINE]);
  await run(live, 6, [{ step: async (one) => one, atOnce: 3, operators: 2 }]);
  t.match(live.of('numbers')?.parts, [
    { items: 6, underWay: 0, limit: 3 },
    { items: 6, underWay: 0 },
    { items: 6, underWay: 0, limit: 2 },
  ]);
});

t.test('what holds the others up is seen while it does, and how long it did is kept', async (t) => {
  const live = new Live([PIPELINE]);
  const [first, , sink] = live.of('numbers')!.parts;
  let go = () => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const running = run(live, 100, [{ kernels: [pass, pass] }], () => gate);
  await until('the sink is full', () => sink?.underWay === 2);
  t.equal(live.of('numbers')?.underWay, 2);
  const before = sink?.fullMs ?? 0;
  await until('time goes by', () => (sink?.fullMs ?? 0) > before);
  await until('what has been read waits', () => (live.of('numbers')?.waiting ?? 0) > 0);
  go();
  await running;
  t.equal(sink?.underWay, 0);
  t.equal(sink?.items, 100);
  const kept = sink?.fullMs;
  t.equal(sink?.fullMs, kept, 'it stands still');
  t.equal(first?.fullMs, 0, 'what never waits holds nobody up');
});

t.test('a kernel that waits for others is under way, also where it fails', async (t) => {
  const live = new Live([PIPELINE]);
  const [, second] = live.of('numbers')!.parts;
  const slow: Kernel = {
    async transform() {
      t.equal(second?.underWay, 0, 'before it begins');
      await new Promise(setImmediate);
      t.equal(second?.underWay, 1);
      throw new Error('late');
    },
  };
  await run(live, 2, [{ kernels: [pass, slow] }]);
  t.match(second, { underWay: 0, failed: 2 });
});

t.test('a tap sees what passes while it is there, beside others', async (t) => {
  const live = new Live([PIPELINE]);
  const [, second] = live.of('numbers')!.parts;
  const seen: string[] = [];
  const never = () => t.fail('the pipeline is there');
  const forgetOne = second?.watch(({ origin }, shape) => seen.push(`one ${shape} ${origin}`), never);
  const forgetOther = second?.watch(({ origin }) => seen.push(`other ${origin}`), never);
  await run(live, 1, [{ kernels: [pass, pass] }]);
  forgetOne?.();
  await run(live, 1, [{ kernels: [pass, pass] }]);
  forgetOther?.();
  await run(live, 1, [{ kernels: [pass, pass] }]);
  t.strictSame(seen, [`one ${second?.shape} item 0`, 'other item 0', 'other item 0']);
  t.equal(second?.items, 3, 'it goes on where it was, over the runs of a process');
});

t.test('a tap that throws ends, and harms nobody', async (t) => {
  const live = new Live([PIPELINE]);
  const pipeline = live.of('numbers')!;
  const told: string[] = [];
  const broken = () => {
    throw new Error('no tap');
  };
  pipeline.parts[1]?.watch(broken, () => told.push('ended'));
  pipeline.parts[1]?.watch(
    ({ origin }) => told.push(origin),
    () => told.push('renewed'),
  );
  await run(live, 2, [{ kernels: [pass, pass] }]);
  t.strictSame(told.splice(0), ['ended', 'item 0', 'item 1']);
  t.equal(pipeline.arrived, 2);
  live.follow([PIPELINE], ['numbers']);
  t.strictSame(told, ['renewed'], 'who watches a pipeline that is written anew learns that nothing more will come');
});

t.test('steps of a sink count while it runs', async (t) => {
  const live = new Live([PIPELINE]);
  const pipeline = live.of('numbers')!;
  let seen = 0;
  async function* source(): AsyncGenerator<Item> {
    yield item(1);
  }
  const write = async () => {
    seen = pipeline.steps;
  };
  await runChain({
    source: source(),
    stages: [{ kernels: [pass, pass] }],
    sink: { concurrency: 1, steps: 7, write },
    failed: async () => undefined,
    arrived: () => undefined,
    signal: new AbortController().signal,
    live: pipeline,
  });
  t.same([seen, pipeline.steps], [7, 0]);
});
