import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import type { CipherOptions } from '../contract/peer.js';
import type { JsonObject } from '../contract/tags.js';
import { createCipher } from '../crypto/cipher.js';
import { type BatchName, parseFileName } from '../notice/fileName.js';
import { mergeRegistration } from '../notice/registration.js';
import { tables } from '../notice/tables/index.js';
import { unpack } from '../workers/unpack.js';

export interface Sent {
  kind: 'account' | 'vehicle';
  requestId: string;
  detail: JsonObject;
}

export interface InboxReport {
  files: (BatchName & { fileName: string; records: number; textBytes: number })[];
  /** What is wrong; empty when everything is as it should be. */
  problems: string[];
}

/** What the received records are held against. */
export interface Expected {
  sent: readonly Sent[];
  ciphers: { t1: CipherOptions; t2: CipherOptions };
  bytesMax: number;
}

/**
 * Proves the day right from the files alone: every message that was answered with success is in exactly one daily file and in
 * the monthly one, with the content that was sent; sequences are whole, `end` comes once, no file is too large.
 */
export async function checkInbox(folder: string, expected: Expected): Promise<InboxReport> {
  const report: InboxReport = { files: [], problems: [] };
  const found = new Map<string, { record: JsonObject; times: number }>();
  for (const fileName of readdirSync(folder).sort()) {
    const name = parseFileName(fileName);
    if (name?.kind === 'album' && !name.partial) continue; // checked by what was asked for: albums.ts
    if (name?.kind !== 'batch' || name.partial) {
      if (!fileName.startsWith('.')) report.problems.push(`${fileName} is no finished file of 6.2.1.2 or 6.2.2.2`);
      continue;
    }
    const { records, textBytes } = await readRecords(join(folder, fileName), name, expected, report.problems);
    report.files.push({ ...name, fileName, records: records.length, textBytes });
    for (const record of records) count(found, name, record);
  }
  checkSequences(report);
  checkSent(found, expected, report.problems);
  return report;
}

async function readRecords(path: string, name: BatchName, expected: Expected, problems: string[]) {
  const cipher = name.extension === 'bin' ? expected.ciphers.t2 : undefined;
  const [entry] = await unpack(path, cipher, { fileBytesMax: 200_000_000, textBytesMax: 100_000_000 });
  if (!entry) throw new Error(`${path} is an empty zip`);
  const text = await buffer(await entry.open());
  if (text.length > expected.bytesMax)
    problems.push(`${entry.name} has ${text.length} bytes, more than ${expected.bytesMax}`);
  const records = text
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JsonObject);
  const order = (tables[name.content === 'KH' ? 12 : 10]?.fields ?? []).map((field) => field.name);
  const disordered = records.find((record) => {
    const at = Object.keys(record).map((field) => order.indexOf(field));
    return at.some((index, position) => index < 0 || index < (at[position - 1] ?? -1));
  });
  if (disordered) problems.push(`${entry.name} has a record whose fields are not in the order of the notice`);
  return { records, textBytes: text.length };
}

const keyOf = (content: 'KH' | 'CL', type: 'P' | 'F', id: unknown) => `${content} ${type} ${String(id)}`;

function count(found: Map<string, { record: JsonObject; times: number }>, name: BatchName, record: JsonObject): void {
  const key = keyOf(name.content, name.type, name.content === 'KH' ? record.ICCID : record.RequestID);
  found.set(key, { record, times: (found.get(key)?.times ?? 0) + 1 });
}

function checkSequences(report: InboxReport): void {
  const windowOf = ({ content, code, cutoff, type }: BatchName) => `${content}_${code}_${cutoff}_${type}`;
  for (const window of new Set(report.files.map(windowOf))) {
    const sorted = report.files
      .filter((file) => windowOf(file) === window)
      .sort((one, other) => one.sequence - other.sequence);
    const whole = sorted.every(
      (file, index) => file.sequence === index + 1 && file.end === (index === sorted.length - 1),
    );
    if (!whole) report.problems.push(`${window}: the sequence has a gap, or \`end\` is missing or in the middle`);
  }
}

function checkSent(
  found: ReadonlyMap<string, { record: JsonObject; times: number }>,
  expected: Expected,
  problems: string[],
): void {
  const t1 = createCipher(expected.ciphers.t1);
  for (const { kind, requestId, detail } of expected.sent) {
    for (const type of ['P', 'F'] as const) {
      const key = kind === 'account' ? keyOf('KH', type, detail.ICCID) : keyOf('CL', type, requestId);
      const { record, times } = found.get(key) ?? { record: {}, times: 0 };
      if (times !== 1) problems.push(`${requestId}: expected once in ${type}, found ${times} times`);
      else if (!sameContent(kind, detail, record, t1))
        problems.push(`${requestId}: its record in ${type} is not what was sent`);
    }
  }
}

function sameContent(
  kind: Sent['kind'],
  detail: JsonObject,
  record: JsonObject,
  t1: ReturnType<typeof createCipher>,
): boolean {
  if (kind === 'vehicle') return isDeepStrictEqual(JSON.parse(t1.decryptText(String(record.EncryptCarInfo))), detail);
  const merged = mergeRegistration(detail, record, String(record.OperType));
  return isDeepStrictEqual(JSON.parse(JSON.stringify(merged)), record); // what has no value is not written
}
