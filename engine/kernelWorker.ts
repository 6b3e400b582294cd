// Runs in a worker thread: the pure operators of one pipeline, created once, fed batch by batch.
import { workerData } from 'node:worker_threads';
import type { Kernel } from '../contract/component.js';
import type { Context, Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item, JsonObject, Lines } from '../contract/item.js';
import { Receipt } from '../contract/receipt.js';
import { parseStrictJson } from '../notice/strictJson.js';
import { systemClock } from './clock.js';
import { type Batch, type BatchOutcome, joined, type Known, type Outcome, type ThreadData } from './kernelThreads.js';
import { component } from './registry.js';

/** Settled in the main thread; a pure operator has no business with it. */
const ELSEWHERE = new Receipt(() => undefined);

let kernels: Promise<readonly Kernel[]> | undefined;
let logged: BatchOutcome['logged'] = [];

export default async function run({ texts, lengths, known }: Batch): Promise<BatchOutcome> {
  kernels ??= create(dataOf(workerData));
  const chain = await kernels;
  const outcomes: Outcome[] = [];
  const encoded: Uint8Array[] = [];
  let at = 0;
  for (const [index, { tags, origin }] of (JSON.parse(known) as Known[]).entries()) {
    const length = lengths[index] ?? 0;
    const text = texts.subarray(at, at + length);
    at += length;
    outcomes.push(await outcomeOf(chain, { tags, origin }, text, encoded));
  }
  const said = logged;
  logged = [];
  return { outcomes: JSON.stringify(outcomes), bytes: joined(encoded), logged: said };
}

/** Piscina hands its user's data over inside its own. */
function dataOf(data: unknown): ThreadData {
  return (Array.isArray(data) ? data[1] : data) as ThreadData;
}

async function create(data: ThreadData): Promise<readonly Kernel[]> {
  const kernels: Kernel[] = [];
  for (const { name, options, place } of data.operators) {
    const created = await component('operator', name)?.create(options, contextOf(data, place));
    if (created && !('worker' in created)) kernels.push(created);
  }
  return kernels;
}

function contextOf({ pipeline, peers, site }: ThreadData, place: string): Context {
  const unavailable = (): never => {
    throw new IovError('INTERNAL', `${place}: a pure operator has no store and no connections`);
  };
  return {
    pipeline,
    place,
    peers,
    site,
    clock: systemClock,
    log: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') },
    get store() {
      return unavailable();
    },
    resolve: unavailable,
    connection: unavailable,
  };
}

const say = (level: keyof Log) => (fields: object, message: string) => void logged.push({ level, fields, message });

async function outcomeOf(
  chain: readonly Kernel[],
  known: Known,
  text: Uint8Array,
  encoded: Uint8Array[],
): Promise<Outcome> {
  try {
    let items: Item[] = [{ ...known, value: parseStrictJson(text), receipt: ELSEWHERE, effects: [] }];
    for (const kernel of chain) {
      const next: Item[] = [];
      for (const item of items) {
        const out = kernel.transform(item);
        next.push(...(out instanceof Promise ? await out : out));
      }
      items = next;
    }
    return { records: items.map(({ value, tags, origin }) => ({ tags, origin, ...crossed(value, encoded) })) };
  } catch (thrown) {
    const { code, message, component, retryable, faults, failureCause, keep } = IovError.from(thrown);
    return {
      failed: [
        code,
        message,
        { retryable, faults, keep, ...(component && { component }), ...(failureCause && { failureCause }) },
      ],
    };
  }
}

/** Encoded records are laid together, so that one buffer crosses for the whole batch. */
function crossed(value: unknown, encoded: Uint8Array[]): { value: JsonObject } | { bytes: number } {
  if (!isLines(value)) return { value: value as JsonObject };
  let bytes = 0;
  for (const part of value.read(0, value.count) as Iterable<Uint8Array>) {
    encoded.push(part);
    bytes += part.byteLength;
  }
  return { bytes };
}

const isLines = (value: unknown): value is Lines => typeof (value as Partial<Lines>).read === 'function';
