import type { Bound } from '../connections/kafkaRange.js';
import { IovError } from '../contract/error.js';
import { isDay } from '../notice/timeFormat.js';
import { type Given, textOption } from './command.js';

const TIME = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,3})?)?(Z|[+-][01]\d:[0-5]\d)?$/;
const OFFSET = /^\d{1,15}$/;
const PARTITIONS = /^\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*$/;
const PARTITIONS_MAX = 100_000;

/**
 * An end of the range: an offset, a time (Asia/Shanghai where it says no zone), `earliest` or `latest`.
 * @throws IovError USAGE
 */
export function boundOf(given: Given, name: string, otherwise: 'earliest' | 'latest'): Bound {
  const text = textOption(given, name) ?? otherwise;
  if (text === 'earliest' || text === 'latest') return text;
  if (OFFSET.test(text)) return { offset: Number(text) };
  const [, day = '', , , , zone] = TIME.exec(text) ?? [];
  const timeMs = isDay(day.replaceAll('-', '')) ? Date.parse(zone === undefined ? `${text}+08:00` : text) : Number.NaN;
  if (timeMs >= 0) return { timeMs };
  const expected = 'an offset, a time as 2026-11-15T08:00 or with a zone (…Z, …+08:00), earliest or latest';
  throw new IovError('USAGE', `--${name}: expected ${expected}, got ${JSON.stringify(text.slice(0, 60))}`);
}

/**
 * `0,3-5` as numbers; undefined for all partitions.
 * @throws IovError USAGE
 */
export function partitionsOf(given: Given): number[] | undefined {
  const text = textOption(given, 'partitions');
  if (text === undefined) return undefined;
  const wrong = new IovError(
    'USAGE',
    `--partitions: expected numbers as 0,3-5, got ${JSON.stringify(text.slice(0, 60))}`,
  );
  if (!PARTITIONS.test(text)) throw wrong;
  const found = new Set<number>();
  for (const word of text.split(',')) {
    const [first = 0, last = first] = word.split('-').map(Number);
    if (last < first || last >= PARTITIONS_MAX) throw wrong;
    for (let partition = first; partition <= last; partition += 1) found.add(partition);
  }
  return [...found].sort((a, b) => a - b);
}

const TOPIC_WORDS = ['from', 'to', 'partitions', 'on'] as const;

/** @throws IovError USAGE */
export function checkWords(given: Given): void {
  const files = filesOf(given);
  const isTopic = textOption(given, 'topic') !== undefined;
  if (isTopic === files.length > 0)
    throw new IovError('USAGE', 'replay expects --topic or --file, and one of these only');
  const foreign = TOPIC_WORDS.find((word) => given.values[word] !== undefined);
  if (!isTopic && foreign) throw new IovError('USAGE', `--${foreign} goes with --topic`);
  if (isTopic && given.values.peer !== undefined) throw new IovError('USAGE', '--peer goes with --file');
  boundOf(given, 'from', 'earliest');
  boundOf(given, 'to', 'latest');
  partitionsOf(given);
}

export function filesOf({ values: { file } }: Given): string[] {
  return Array.isArray(file) ? file.map(String) : [];
}
