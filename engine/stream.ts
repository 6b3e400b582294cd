import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import highland from 'highland';
import type { Kernel, Sink } from '../contract/component.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';

/** A stretch of the chain: kernels that run fused in this thread, or a step that takes its time and runs for `atOnce` items. */
export type Stage = { kernels: readonly Kernel[] } | { step: (item: Item) => Promise<Item>; atOnce: number };

export interface Chain {
  source: AsyncIterable<Item>;
  stages: readonly Stage[];
  sink: Sink;
  /** Called for an item that failed; what it returns is awaited. A throw breaks the run. */
  failed(item: Item, error: IovError): Promise<void>;
  arrived(item: Item): void;
  /** Breaks the run: nothing more is flushed, what is unsettled stays so. */
  signal: AbortSignal;
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
  const sink = sinkStream(chain);
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
  const fail = (item: Item, error: IovError) =>
    chain.failed(item, error).catch((reason: unknown) => {
      sink.destroy(reason instanceof Error ? reason : new Error(String(reason)));
    });
  let stream = highland<Item>(source);
  for (const stage of chain.stages) {
    stream =
      'kernels' in stage
        ? stream.consume<Item>(fused(stage.kernels, fail, () => broken))
        : stepped(stream, stage, fail);
  }
  try {
    await pipeline(stream.toNodeStream({ objectMode: true }), sink, { signal: chain.signal });
  } finally {
    chain.signal.removeEventListener('abort', stop);
    stop();
  }
}

type Fail = (item: Item, error: IovError) => Promise<void>;

function stepped(
  stream: Highland.Stream<Item>,
  stage: Extract<Stage, { step: unknown }>,
  fail: Fail,
): Highland.Stream<Item> {
  const run = async (item: Item): Promise<Item[]> => {
    try {
      return [await stage.step(item)];
    } catch (thrown) {
      await fail(item, IovError.from(thrown));
      return [];
    }
  };
  return stream
    .map((item) => highland(run(item)))
    .mergeWithLimit(stage.atOnce)
    .flatMap((items) => highland(items));
}

/** One highland stage for neighbouring kernels: an item runs through all of them before the next is taken. */
function fused(kernels: readonly Kernel[], fail: Fail, broken: () => boolean) {
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
      const ended = flushFrom(kernels, 0, (out) => push(null, out), fail);
      const end = () => push(null, highland.nil);
      if (ended) ended.then(end, push);
      else end();
    } else {
      const fed = feed(kernels, 0, item, (out) => push(null, out), fail);
      if (fed) fed.then(() => next(), push);
      else next();
    }
  };
}

type Emit = (item: Item) => void;

/** Feeds an item to the kernels from `index` on. Returns a promise only where a kernel pushes back or an item failed. */
function feed(
  kernels: readonly Kernel[],
  index: number,
  item: Item,
  emit: Emit,
  fail: Fail,
): Promise<void> | undefined {
  const kernel = kernels[index];
  if (!kernel) {
    emit(item);
    return undefined;
  }
  try {
    const out = kernel.transform(item);
    if (out instanceof Promise) {
      return out.then(
        (items) => passOn(kernels, index + 1, items[Symbol.iterator](), emit, fail, item),
        (thrown: unknown) => fail(item, IovError.from(thrown)),
      );
    }
    return passOn(kernels, index + 1, out[Symbol.iterator](), emit, fail, item);
  } catch (thrown) {
    return fail(item, IovError.from(thrown));
  }
}

/** Takes a kernel's output item by item; waits where one of them has to wait, and goes on from there. */
function passOn(
  kernels: readonly Kernel[],
  index: number,
  items: Iterator<Item>,
  emit: Emit,
  fail: Fail,
  input?: Item,
): Promise<void> | undefined {
  try {
    for (let step = items.next(); !step.done; step = items.next()) {
      const waits = feed(kernels, index, step.value, emit, fail);
      if (waits) return waits.then(() => passOn(kernels, index, items, emit, fail, input));
    }
    return undefined;
  } catch (thrown) {
    if (input) return fail(input, IovError.from(thrown));
    return Promise.reject(thrown);
  }
}

/** At the end each kernel gives what it holds, which still runs through the kernels after it. */
async function flushFrom(kernels: readonly Kernel[], index: number, emit: Emit, fail: Fail): Promise<void> {
  for (let at = index; at < kernels.length; at += 1) {
    const left = await kernels[at]?.flush?.();
    if (left) await passOn(kernels, at + 1, left[Symbol.iterator](), emit, fail);
  }
}

/** The sink as a Node stream: up to `concurrency` writes under way; its last word comes when all have settled. */
function sinkStream(chain: Chain): Writable {
  const { sink } = chain;
  let underWay = 0;
  let wake: (() => void) | undefined;
  const settle = async (item: Item) => {
    try {
      try {
        await sink.write(item);
      } catch (thrown) {
        await chain.failed(item, IovError.from(thrown));
        return;
      }
      item.receipt.arrived();
      chain.arrived(item);
    } catch (thrown) {
      stream.destroy(thrown instanceof Error ? thrown : new Error(String(thrown)));
    } finally {
      underWay -= 1;
      wake?.();
    }
  };
  const stream = new Writable({
    objectMode: true,
    highWaterMark: 1,
    write(item: Item, _encoding, taken) {
      underWay += 1;
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
