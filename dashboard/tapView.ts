import { IovError } from '../contract/error.js';
import type { PackedFile } from '../contract/file.js';
import type { Item, Lines, Shape } from '../contract/item.js';
import type { JsonObject, Tags } from '../contract/tags.js';
import { maskTags } from '../engine/deadLetters.js';
import type { Live, LivePart, LivePipeline, Tap } from '../engine/live.js';
import { parseStrictJson } from '../notice/strictJson.js';

/** A person reads no more, and masking has its price. */
const ITEMS_PER_SECOND = 50;

/** An item as it passes, masked. */
export interface TappedItem {
  shape: Shape;
  origin: string;
  tags: Tags;
  /** Of a stretch of records: how many, and the first of them. */
  records?: number;
  value?: JsonObject;
}

/**
 * The edge that `NAME[.operator]` means: what the source gives, or what leaves that operator, called by its word or its place
 * (`operators[2]`).
 * @throws IovError USAGE where there is none
 */
export function edgeOf(live: Live | undefined, words: string): LivePart {
  const dot = words.indexOf('.');
  const [name, word] = dot < 0 ? [words, 'source'] : [words.slice(0, dot), words.slice(dot + 1)];
  const pipeline = live?.of(name);
  if (!pipeline) {
    const names = (live?.pipelines ?? []).map((one) => one.name);
    throw new IovError('USAGE', `no pipeline is called ${JSON.stringify(name)}; there are: ${names.join(', ')}`);
  }
  const index = word === 'source' || word === pipeline.source ? 0 : after(pipeline, word);
  const part = pipeline.parts[index];
  if (part) return part;
  const operators = pipeline.parts.slice(0, -1).map((one) => one.name);
  throw new IovError('USAGE', `${name} has no operator ${JSON.stringify(word)}; it has: ${operators.join(', ')}`);
}

/** The edge out of an operator leads into what follows it. */
function after({ parts }: LivePipeline, word: string): number {
  const found = parts
    .slice(0, -1)
    .findIndex(({ name, place }) => word === name || word === place.replace(/\.\w+$/, ''));
  return found < 0 ? -1 : found + 1;
}

/** A tap that tells at most so many items a second, masked, and counts the others. */
export function maskedTap(
  mask: (record: JsonObject) => JsonObject,
  tell: (item: TappedItem) => void,
): { tap: Tap; skipped(): number } {
  let second = 0;
  let told = 0;
  let skipped = 0;
  const tap: Tap = (item, shape) => {
    const now = Math.floor(performance.now() / 1_000);
    if (now !== second) {
      second = now;
      told = 0;
    }
    if (told >= ITEMS_PER_SECOND) {
      skipped += 1;
      return;
    }
    told += 1;
    tell(masked(item, shape, mask));
  };
  return {
    tap,
    skipped() {
      const count = skipped;
      skipped = 0;
      return count;
    },
  };
}

function masked(item: Item, shape: Shape, mask: (record: JsonObject) => JsonObject): TappedItem {
  const value = maskedValue(item, shape, mask);
  return {
    shape,
    origin: item.origin,
    tags: maskTags(item.tags),
    ...(shape === 'bytes' && { records: (item.value as Lines).count }),
    ...(value && { value }),
  };
}

/** Whatever came may pass an edge: what is no record is told without its value. */
function maskedValue({ value }: Item, shape: Shape, mask: (record: JsonObject) => JsonObject): JsonObject | undefined {
  try {
    switch (shape) {
      case 'bytes': {
        const record = firstOf(value as Lines);
        return record && mask(record);
      }
      case 'file': {
        const { name, bytes, sm3 } = value as PackedFile;
        return { name, bytes, sm3 };
      }
      case 'text':
      case 'album':
        return undefined; // it is being written, and knows its name when it is full
      default:
        return mask(value as JsonObject);
    }
  } catch {
    return undefined;
  }
}

/** The first record of a block that is in memory; of one that would have to be fetched none. */
function firstOf(lines: Lines): JsonObject | undefined {
  if (lines.residentBytes === 0 || lines.count === 0) return undefined;
  const records = lines.read(0, 1);
  if (!(Symbol.iterator in records)) return undefined;
  for (const record of records) return parseStrictJson(record);
  return undefined;
}
