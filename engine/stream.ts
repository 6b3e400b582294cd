import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import highland from 'highland';
import type { Kernel, Sink } from '../contract/component.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import type { LivePart, LivePipeline } from './live.js';

/**
 * A stretch of the chain: kernels that run fused in this thread, or a step that takes its time and runs for `atOnce` items, made
 * of one operator or of `operators` neighbours.
 */
export type Stage =
  | { kernels: readonly Kernel[] }
  | { step: (item: Item) => Promise<Item>; atOnce: number; operators?: number };

export interface Chain {
  source: AsyncIterable<Item>;
  stages: readonly Stage[];
  sink: Sink;
  /** Called for an item that failed; what it returns is awaited. A throw breaks the run. */
  failed(item: Item, error: IovError): Promise<void>;
  arrived(item: Item): void;
  /** Breaks the run: nothing more is flushed, what is unsettled stays so. */
  signal: AbortSignal;
  /** Where it is counted what passes. */
  live?: LivePipeline;
}

/** Items that wait between source and chain; more would only be memory. */
const SOURCE_BUFFER_ITEMS = 16;

/**
 * Runs a chain from its source to its sink and resolves when everything has settled. This is the only file that knows
 * highland: it joins the stages and carries backpressure between them. It has no power over lifecycle, since nothing travels
 * up through it (caolan/highland#558): Node's pipeline ends the run, and the source is destroyed here.
 */
export async function runChain(chain: Chain): Promise<void> {
  const source = Readable.from(chain.source, { objectMode: true, highWaterMark: SOURCE_BUFFER_ITEMS });
  const { live } = chain;
  const sink = sinkStream(chain, live?.parts.at(-1));
  let broken = false;
  // highland would read a source whose reader has gone to its end, and flush
  const stop = () => {
    broken = true;
    source.destroy();
  };
  sink.once('error', stop);
  // What it has given is not the whole: highland ends after an error, and would flush it as if it were. Nor does the error
  // get past a step that waits for more of the source.
  source.once('error', (error) => {
    stop();
    sink.destroy(error);
  });
  chain.signal.addEventListener('abort', stop, { once: true });
  const fail: Fail = (item, error, part) => {
    if (part) part.failed += 1;
    return chain.failed(item, error).catch((reason: unknown) => {
      sink.destroy(reason instanceof Error ? reason : new Error(String(reason)));
    });
  };
  let stream = highland<Item>(source);
  let behind = 0;
  for (const stage of chain.stages) {
    const size = 'kernels' in stage ? stage.kernels.length : (stage.operators ?? 1);
    const parts = live?.parts.slice(behind, behind + size) ?? [];
    behind += size;
    stream =
      'kernels' in stage
        ? stream.consume<Item>(fused({ kernels: stage.kernels, parts, fail }, () => broken))
        : stepped(stream, stage, parts, fail);
  }
  const waits = () => source.readableLength;
  const steps = () => chain.sink.steps ?? 0;
  live?.waits.add(waits);
  live?.strides.add(steps);
  try {
    await pipeline(stream.toNodeStream({ objectMode: true }), sink, { signal: chain.signal });
  } finally {
    live?.waits.delete(waits);
    live?.strides.delete(steps);
    chain.signal.removeEventListener('abort', stop);
    stop();
  }
}

type Fail = (item: Item, error: IovError, part: LivePart | undefined) => Promise<void>;

/**
 * Highland's own merge, and not `consume` as for kernels: a stage that asks for its next item later than at once is resumed even
 * while those behind it are paused, so that between two of them nothing would bound what waits.
 */
function stepped(
  stream: Highland.Stream<Item>,
  stage: Extract<Stage, { step: unknown }>,
  parts: readonly LivePart[],
  fail: Fail,
): Highland.Stream<Item> {
  const [first, ...others] = parts;
  if (first) first.limit = stage.atOnce;
  const run = async (item: Item): Promise<Item[]> => {
    first?.count(item);
    first?.begin();
    try {
      const done = await stage.step(item);
      for (const part of others) part.count(item); // in one task with the first
      return [done];
    } catch (thrown) {
      await fail(item, IovError.from(thrown), first);
      return [];
    } finally {
      first?.end();
    }
  };
  return stream
    .map((item) => highland(run(item)))
    .mergeWithLimit(stage.atOnce)
    .flatMap((items) => highland(items));
}

/** Neighbouring kernels, each with its counters where they are kept. */
interface Fused {
  kernels: readonly Kernel[];
  parts: readonly LivePart[];
  fail: Fail;
}

/** One highland stage for neighbouring kernels: an item runs through all of them before the next is taken. */
function fused(chain: Fused, broken: () => boolean) {
  return (
    error: Error,
    item: Item | Highland.Nil,
    push: (error: Error | null, item?: Item | Highland.Nil) => void,
    next: () => void,
  ) => {
    if (error) {
      push(error);
      next();
    } else if (highland.isNil(item) && broken()) {
      push(null, item);
    } else if (highland.isNil(item)) {
      const ended = flushFrom(chain, (out) => push(null, out));
      const end = () => push(null, highland.nil);
      if (ended) ended.then(end, push);
      else end();
    } else {
      const fed = feed(chain, 0, item, (out) => push(null, out));
      if (fed) fed.then(() => next(), push);
      else next();
    }
  };
}

type Emit = (item: Item) => void;

/** Feeds an item to the kernels from `index` on. Returns a promise only where a kernel pushes back or an item failed. */
function feed(chain: Fused, index: number, item: Item, emit: Emit): Promise<void> | undefined {
  const kernel = chain.kernels[index];
  if (!kernel) {
    emit(item);
    return undefined;
  }
  const part = chain.parts[index];
  part?.count(item);
  try {
    const out = kernel.transform(item);
    if (out instanceof Promise) return waitedFor(chain, index, item, out, emit);
    return passOn(chain, index + 1, out[Symbol.iterator](), emit, item);
  } catch (thrown) {
    return chain.fail(item, IovError.from(thrown), part);
  }
}

async function waitedFor(
  chain: Fused,
  index: number,
  item: Item,
  promised: Promise<Iterable<Item>>,
  emit: Emit,
): Promise<void> {
  const part = chain.parts[index];
  let out: Iterable<Item>;
  part?.begin();
  try {
    out = await promised;
  } catch (thrown) {
    return chain.fail(item, IovError.from(thrown), part);
  } finally {
    part?.end();
  }
  return passOn(chain, index + 1, out[Symbol.iterator](), emit, item);
}

/** Takes a kernel's output item by item; waits where one of them has to wait, and goes on from there. */
function passOn(
  chain: Fused,
  index: number,
  items: Iterator<Item>,
  emit: Emit,
  input?: Item,
): Promise<void> | undefined {
  try {
    for (let step = items.next(); !step.done; step = items.next()) {
      const waits = feed(chain, index, step.value, emit);
      if (waits) return waits.then(() => passOn(chain, index, items, emit, input));
    }
    return undefined;
  } catch (thrown) {
    if (input) return chain.fail(input, IovError.from(thrown), chain.parts[index - 1]);
    return Promise.reject(thrown);
  }
}

/** At the end each kernel gives what it holds, which still runs through the kernels after it. */
async function flushFrom(chain: Fused, emit: Emit): Promise<void> {
  for (let at = 0; at < chain.kernels.length; at += 1) {
    const left = await chain.kernels[at]?.flush?.();
    if (left) await passOn(chain, at + 1, left[Symbol.iterator](), emit);
  }
}

/** The sink as a Node stream: up to `concurrency` writes under way; its last word comes when all have settled. */
function sinkStream(chain: Chain, part: LivePart | undefined): Writable {
  const { sink } = chain;
  let underWay = 0;
  let wake: (() => void) | undefined;
  const settle = async (item: Item) => {
    try {
      try {
        await sink.write(item);
      } catch (thrown) {
        if (part) part.failed += 1;
        await chain.failed(item, IovError.from(thrown));
        return;
      }
      item.receipt.arrived();
      chain.arrived(item);
    } catch (thrown) {
      stream.destroy(thrown instanceof Error ? thrown : new Error(String(thrown)));
    } finally {
      underWay -= 1;
      part?.end();
      wake?.();
    }
  };
  const stream = new Writable({
    objectMode: true,
    highWaterMark: 1,
    write(item: Item, _encoding, taken) {
      underWay += 1;
      if (part) {
        part.limit = sink.concurrency;
        part.count(item);
        part.begin();
      }
      void settle(item);
      if (underWay < sink.concurrency) return taken();
      wake = () => {
        wake = undefined;
        taken();
      };
    },
    final(done) {
      if (underWay === 0) return done();
      wake = () => {
        if (underWay === 0) done();
      };
    },
  });
  return stream;
}
