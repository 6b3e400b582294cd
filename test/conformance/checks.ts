import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import type { ComponentSpec, Kernel, OperatorSpec, Sink, Source } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item, Lines, Shape, TextFile } from '../../contract/item.js';
import { oneLine } from '../../contract/oneLine.js';
import { Receipt } from '../../contract/receipt.js';
import type { Store } from '../../contract/store.js';
import { runChain } from '../../engine/stream.js';
import { within } from '../support/within.js';

/** Each check gives what it finds wrong; nothing where a component conforms. */
export type Problems = string[];

const DEADLINE_MS = 60_000;
/** Nothing has moved for so long. */
const QUIET_MS = 200;
const BROKEN = new IovError('STORE_FAILED', 'the sink broke');

/** A component can be part of a chain: somebody gives what it takes, and somebody takes what it gives. */
export function fitsIntoChains(spec: ComponentSpec, others: readonly ComponentSpec[]): Problems {
  if (spec.role === 'connection') return [];
  const given = new Set<Shape>();
  for (const other of others) {
    if (other.role === 'source') for (const shape of shapesOf(other)) given.add(shape);
    if (other.role === 'operator' && other.gives !== 'same') given.add(other.gives);
  }
  const taken = new Set(
    others.flatMap((other) => (other !== spec && 'takes' in other ? other.takes : []) as readonly Shape[]),
  );
  const takes = spec.role === 'source' ? [] : spec.takes;
  const gives =
    spec.role === 'sink' ? [] : spec.role === 'source' ? shapesOf(spec) : spec.gives === 'same' ? takes : [spec.gives];
  return [
    ...(spec.role !== 'source' && takes.length === 0 ? ['takes nothing'] : []),
    ...takes.filter((shape) => !given.has(shape)).map((shape) => `takes ${shape}, which nobody gives`),
    ...gives.filter((shape) => !taken.has(shape)).map((shape) => `gives ${shape}, which nobody takes`),
  ];
}

/** What its examples give; `gives` alone where no option decides. */
function shapesOf(spec: Extract<ComponentSpec, { role: 'source' }>): Shape[] {
  const { givesFor } = spec;
  if (!givesFor) return [spec.gives];
  return [...new Set<Shape>([spec.gives, givesFor({ as: 'message' } as never), givesFor({ as: 'record' } as never)])];
}

/** Examples with input and output do what they say. */
export async function examplesHold(
  spec: OperatorSpec,
  create: (options: object) => Promise<Kernel>,
): Promise<Problems> {
  const problems: Problems = [];
  for (const { title, yaml, input, output } of spec.examples) {
    if (!input || !output) continue;
    const kernel = await create(parse(yaml) as object);
    const got: unknown[] = [];
    for (const value of input) {
      const item = { value, tags: {}, origin: 'example', effects: [], receipt: new Receipt(() => undefined) };
      for (const out of await kernel.transform(item)) got.push(await shown(out.value));
    }
    for (const out of (await kernel.flush?.()) ?? []) got.push(await shown(out.value));
    await kernel.close?.();
    const isSame = isDeepStrictEqual(JSON.parse(JSON.stringify(got)), output);
    if (!isSame) problems.push(`${title}: expected ${JSON.stringify(output)}, got ${JSON.stringify(got)}`);
  }
  return problems;
}

const isLines = (value: unknown): value is Lines => typeof (value as Partial<Lines>).sizeOf === 'function';

/** A value as an example writes it: ordered bytes as their text. */
async function shown(value: unknown): Promise<unknown> {
  if (!isLines(value)) return value;
  let text = '';
  for await (const bytes of value.read(0, value.count)) text += Buffer.from(bytes).toString();
  return text;
}

/** The rest of a chain: takes what a kernel gives, makes it durable, and settles it, a turn of the loop later. */
function restOfChain(store: Store) {
  const underWay: Promise<void>[] = [];
  const finish = async (item: Item) => {
    await new Promise((resolve) => setImmediate(resolve));
    try {
      const { content } = item.value as Partial<TextFile>;
      if (content) for await (const _chunk of content);
      if (item.effects.length > 0) await store.commit(item.effects);
      item.receipt.arrived();
    } catch (thrown) {
      item.receipt.failed(IovError.from(thrown));
    }
  };
  return { take: (item: Item) => void underWay.push(finish(item)), settled: () => Promise.all(underWay) };
}

/** Each receipt is settled once: by the kernel, or by whoever gets what the kernel made of the item; never by both. */
export async function settlesOnce(kernel: Kernel, values: readonly unknown[], store: Store): Promise<Problems> {
  const problems: Problems = [];
  const rest = restOfChain(store);
  const open = new Set<number>();
  for (const [index, value] of values.entries()) {
    open.add(index);
    const receipt = new Receipt(() => void open.delete(index));
    const item: Item = { value, tags: {}, origin: `item ${index}`, effects: [], receipt, raw: Buffer.from('{}') };
    try {
      const made = [...(await kernel.transform(item))];
      if (made.length > 0 && receipt.settled)
        problems.push(`item ${index} was passed on, and settled before it arrived`);
      for (const out of made) rest.take(out);
    } catch (thrown) {
      if (receipt.settled) problems.push(`item ${index} failed, and was settled before`);
      receipt.failed(IovError.from(thrown));
    }
  }
  for (const out of (await kernel.flush?.()) ?? []) rest.take(out);
  await within(DEADLINE_MS, 'what a kernel gave', rest.settled());
  await kernel.close?.();
  await quiet(store);
  for (const index of open) problems.push(`item ${index} was never settled`);
  return problems;
}

/** Every commit asked for by now is done, and whoever waited for it has gone on: commits keep their order. */
async function quiet(store: Store): Promise<void> {
  await store.commit([]);
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Where the run breaks, what a kernel holds is given up: closing acknowledges nothing, and closing again does no harm. */
export async function givesUpWhenBroken(kernel: Kernel, values: readonly unknown[], store: Store): Promise<Problems> {
  const problems: Problems = [];
  const error = new IovError('STOPPED', 'the run broke');
  let isClosing = false;
  for (const [index, value] of values.entries()) {
    const receipt = new Receipt((failure) => {
      if (isClosing && !failure) problems.push(`item ${index} was acknowledged by closing`);
    });
    const item: Item = { value, tags: {}, origin: `item ${index}`, effects: [], receipt };
    try {
      for (const out of await kernel.transform(item)) {
        const { plan, content } = out.value as Partial<TextFile>;
        plan?.catch(() => undefined);
        // a file that is given up must not look complete to whoever reads it
        if (content)
          void drain(content).then(
            () => problems.push('a file that was given up could be read to its end'),
            () => undefined,
          );
      }
    } catch (thrown) {
      receipt.failed(IovError.from(thrown));
    }
  }
  await quiet(store); // what an operator stores for itself is durable, and may say so
  isClosing = true;
  for (const time of ['once', 'twice']) {
    try {
      await kernel.close?.(error);
    } catch (thrown) {
      problems.push(`closing ${time}: ${String(thrown)}`);
    }
  }
  await quiet(store);
  return problems;
}

async function drain(content: AsyncIterable<unknown>): Promise<void> {
  for await (const _chunk of content);
}

interface Openable {
  open?(): Promise<void>;
  close?(): Promise<void> | void;
}

/** Closes before it was opened, after it was opened, and twice. */
export async function opensAndCloses(create: () => Promise<Openable>): Promise<Problems> {
  const problems: Problems = [];
  const lives: [string, ('open' | 'close')[]][] = [
    ['closed before it was opened', ['close', 'close']],
    ['opened and closed twice', ['open', 'close', 'close']],
  ];
  for (const [name, steps] of lives) {
    const subject = await create();
    for (const step of steps) {
      try {
        await within(DEADLINE_MS, step, Promise.resolve(subject[step]?.()));
      } catch (thrown) {
        problems.push(`${name}: ${step}: ${String(thrown)}`);
      }
    }
  }
  return problems;
}

/** A source that is watched: how many items it gave, and whether its reading is over. */
function watched(source: Source, signal: AbortSignal) {
  const seen = { given: 0, isOver: Promise.resolve() };
  let over: () => void = () => undefined;
  seen.isOver = new Promise((resolve) => {
    over = resolve;
  });
  async function* read(): AsyncGenerator<Item> {
    try {
      for await (const item of source.read(signal)) {
        seen.given += 1;
        yield item;
      }
    } finally {
      over();
    }
  }
  return { seen, read };
}

const neverStops = () => new AbortController().signal;

/** When the sink breaks the run, the source is destroyed: once closed its reading is over, and nothing more was read. */
export async function endsWithTheSink(
  source: Source,
  ready: () => Promise<void>,
  { overMs = DEADLINE_MS } = {},
): Promise<Problems> {
  const { seen, read } = watched(source, neverStops());
  await source.open?.();
  await ready();
  const sink: Sink = { concurrency: 1, write: () => Promise.reject(BROKEN) };
  const failed = async (item: Item, error: IovError) => {
    item.receipt.failed(error);
    throw error;
  };
  const run = runChain({ source: read(), stages: [], sink, failed, arrived: () => undefined, signal: neverStops() });
  const problems: Problems = [];
  try {
    await within(DEADLINE_MS, 'the run', run);
    problems.push('the run went well');
  } catch (thrown) {
    if (thrown !== BROKEN) problems.push(`the run: ${String(thrown)}`);
  }
  await source.close?.().catch(() => undefined); // a source may tell here that its last item failed
  await within(overMs, 'reading goes on after the sink has broken and the source was closed', seen.isOver).catch(
    (thrown) => problems.push(String(thrown)),
  );
  return problems;
}

/** Asked to stop, a source takes nothing new and its reading ends by itself; items under way settle afterwards. */
export async function endsWhenStopped(source: Source, ready: () => Promise<void>): Promise<Problems> {
  const stop = new AbortController();
  const { seen, read } = watched(source, stop.signal);
  await source.open?.();
  await ready();
  const items = read();
  const problems: Problems = [];
  const first = await within(DEADLINE_MS, 'the first item', items.next());
  stop.abort(new IovError('STOPPED', 'asked to stop'));
  (first.value as Item).receipt.arrived();
  for (;;) {
    // an all-or-nothing source refuses to end in the middle, which is an end too
    const step = await within(DEADLINE_MS, 'the end', items.next()).catch((thrown: unknown) => {
      if (!(thrown instanceof IovError && thrown.code === 'STOPPED')) problems.push(String(thrown));
      return undefined;
    });
    if (!step || step.done) break;
    step.value.receipt.arrived();
  }
  if (seen.given > 2) problems.push(`gave ${seen.given - 1} more items after it was asked to stop`);
  await source.close?.();
  return problems;
}

/** While nothing settles, so many items are read and not one more. */
export async function readsAtMost(source: Source, bound: number, ready: () => Promise<void>): Promise<Problems> {
  const { seen, read } = watched(source, neverStops());
  await source.open?.();
  await ready();
  const under: Item[] = [];
  const items = read();
  const pulling = (async () => {
    for await (const item of items) under.push(item);
  })();
  pulling.catch(() => undefined);
  await quietAt(() => seen.given, bound);
  const problems = seen.given === bound ? [] : [`read ${seen.given} items while none had settled, expected ${bound}`];
  await source.close?.();
  for (const item of under) item.receipt.failed(BROKEN);
  await source.close?.().catch(() => undefined);
  return problems;
}

/**
 * How many items a chain has read from a source when nothing moves any more: its sink is not done with what it has taken.
 * @param atLeast so many are waited for
 */
export async function readBeforeSlowSink(
  source: Source,
  ready: () => Promise<void>,
  { concurrency = 1, atLeast = 1 } = {},
): Promise<number> {
  const { seen, read } = watched(source, neverStops());
  await source.open?.();
  await ready();
  const breaker = new AbortController();
  const sink: Sink = { concurrency, write: () => new Promise(() => undefined) };
  const failed = async (item: Item, error: IovError) => item.receipt.failed(error);
  const run = runChain({
    source: read(),
    stages: [],
    sink,
    failed,
    arrived: () => undefined,
    signal: breaker.signal,
  });
  await quietAt(() => seen.given, atLeast);
  breaker.abort(BROKEN);
  await run.catch(() => undefined);
  await source.close?.().catch(() => undefined);
  return seen.given;
}

/** Waits until a count has come so far, within the deadline, and stands still for many turns of the loop and a while. */
async function quietAt(count: () => number, atLeast: number): Promise<void> {
  const beganMs = performance.now();
  for (let quiet = 0, before = 0, sinceMs = beganMs; quiet < 5_000 || performance.now() - sinceMs < QUIET_MS; ) {
    const isQuiet = count() >= atLeast && count() === before;
    quiet = isQuiet ? quiet + 1 : 0;
    if (!isQuiet) sinceMs = performance.now();
    if (sinceMs - beganMs > DEADLINE_MS) return;
    before = count();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The values of every item a source gives, each arrived at once. */
export async function valuesOf(source: Source): Promise<unknown[]> {
  const values: unknown[] = [];
  await source.open?.();
  for await (const item of source.read(neverStops())) {
    values.push(item.value);
    item.receipt.arrived();
  }
  await source.close?.();
  return values;
}

/** A line of record bytes as the archive or `order` gives it. */
export const line = (value: unknown): Lines => oneLine(Buffer.from(JSON.stringify(value)), 1);
