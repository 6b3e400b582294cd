import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import highland from 'highland';
import type { Kernel, Sink } from '../contract/component.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import type { LivePart, LivePipeline } from './live.js';

/** A stretch of the chain: neighbouring kernels, an item through all of them before the next is taken, or one that works on many. */
export interface Stage {
  kernels: readonly Kernel[];
  /** Items that may be in it at once, which leave as they are done; without it one after the other. */
  atOnce?: number;
  /** How many operators it stands for, where it is not one a kernel. */
  operators?: number;
}

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
    const size = stage.operators ?? stage.kernels.length;
    const parts = live?.parts.slice(behind, behind + size) ?? [];
    behind += size;
    stream = stream.consume<Item>(staged({ ...stage, parts, fail }, () => broken));
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

/** A stage, with the counters of its operators where they are kept. */
interface Staged extends Stage {
  parts: readonly LivePart[];
  fail: Fail;
}

/** One highland stage: items are fed to its kernels, up to `atOnce` of them, and at the end each kernel gives what it holds. */
function staged(stage: Staged, broken: () => boolean) {
  const { kernels, parts, atOnce = 1 } = stage;
  const others = parts.slice(kernels.length); // in one task with the one before them
  if (stage.atOnce !== undefined && parts[0]) parts[0].limit = atOnce;
  let underWay = 0;
  let wake: (() => void) | undefined;
  const settled = () => {
    underWay -= 1;
    const woken = wake;
    wake = undefined;
    woken?.();
  };
  return (
    error: Error,
    item: Item | Highland.Nil,
    push: (error: Error | null, item?: Item | Highland.Nil) => void,
    next: () => void,
  ) => {
    const emit = (out: Item) => {
      if (broken()) return; // highland may have had its end
      for (const part of others) part.count(out);
      push(null, out);
    };
    const end = () => push(null, highland.nil);
    const flush = () => {
      if (underWay > 0) wake = flush;
      else if (broken()) end();
      else flushFrom(stage, emit).then(end, push);
    };
    if (error) {
      push(error);
      next();
    } else if (highland.isNil(item)) {
      if (broken()) end();
      else flush();
    } else {
      underWay += 1;
      const fed = feed(stage, 0, item, emit);
      if (fed) fed.then(settled, push);
      else settled();
      if (underWay < atOnce) next();
      else wake = next;
    }
  };
}

type Emit = (item: Item) => void;

/** Feeds an item to the kernels from `index` on. Returns a promise only where a kernel pushes back or an item failed. */
function feed(stage: Staged, index: number, item: Item, emit: Emit): Promise<void> | undefined {
  const kernel = stage.kernels[index];
  if (!kernel) {
    emit(item);
    return undefined;
  }
  const part = stage.parts[index];
  part?.count(item);
  try {
    const out = kernel.transform(item);
    if (out instanceof Promise) return waitedFor(stage, index, item, out, emit);
    return passOn(stage, index + 1, out[Symbol.iterator](), emit, item);
  } catch (thrown) {
    return stage.fail(item, IovError.from(thrown), part);
  }
}

async function waitedFor(
  stage: Staged,
  index: number,
  item: Item,
  promised: Promise<Iterable<Item>>,
  emit: Emit,
): Promise<void> {
  const part = stage.parts[index];
  let out: Iterable<Item>;
  part?.begin();
  try {
    out = await promised;
  } catch (thrown) {
    return stage.fail(item, IovError.from(thrown), part);
  } finally {
    part?.end();
  }
  return passOn(stage, index + 1, out[Symbol.iterator](), emit, item);
}

/** Takes a kernel's output item by item; waits where one of them has to wait, and goes on from there. */
function passOn(
  stage: Staged,
  index: number,
  items: Iterator<Item>,
  emit: Emit,
  input?: Item,
): Promise<void> | undefined {
  try {
    for (let step = items.next(); !step.done; step = items.next()) {
      const waits = feed(stage, index, step.value, emit);
      if (waits) return waits.then(() => passOn(stage, index, items, emit, input));
    }
    return undefined;
  } catch (thrown) {
    if (input) return stage.fail(input, IovError.from(thrown), stage.parts[index - 1]);
    return Promise.reject(thrown);
  }
}

/** At the end each kernel gives what it holds, which still runs through the kernels after it. */
async function flushFrom(stage: Staged, emit: Emit): Promise<void> {
  for (let at = 0; at < stage.kernels.length; at += 1) {
    const left = await stage.kernels[at]?.flush?.();
    if (left) await passOn(stage, at + 1, left[Symbol.iterator](), emit);
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
