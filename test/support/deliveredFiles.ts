import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Peer } from '../../contract/peer.js';
import type { JsonObject } from '../../contract/tags.js';
import { type BatchName, parseFileName } from '../../notice/fileName.js';

/** A file of a directory by its final name, read with the tools that anybody has: openssl and unzip. */
export interface DeliveredFile extends BatchName {
  fileName: string;
  text: string;
  records: JsonObject[];
}

export function deliveredFiles(directory: string, peer: Peer): DeliveredFile[] {
  return readdirSync(directory)
    .sort()
    .map((fileName) => deliveredFile(directory, fileName, peer));
}

export function deliveredFile(directory: string, fileName: string, { cipher }: Peer): DeliveredFile {
  const name = parseFileName(fileName);
  if (name?.kind !== 'batch' || name.partial) throw new Error(`${fileName} is no final name of a batch`);
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-delivered-'));
  try {
    const bytes = readFileSync(join(directory, fileName));
    const zip = join(folder, 'batch.zip');
    writeFileSync(zip, name.extension === 'bin' ? decrypted(bytes, cipher!.key) : bytes);
    const text = execFileSync('unzip', ['-p', zip], { maxBuffer: 200_000_000 }).toString();
    const records = text.split('\n').filter(Boolean);
    return { ...name, fileName, text, records: records.map((line) => JSON.parse(line) as JsonObject) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The IV stands in front. */
function decrypted(bytes: Buffer, key: string): Buffer {
  const iv = bytes.subarray(0, 16).toString('hex');
  const words = ['enc', '-d', '-sm4-cbc', '-K', key, '-iv', iv];
  return execFileSync('openssl', words, { input: bytes.subarray(16), maxBuffer: 200_000_000 });
}

/** Windows whose sequence has a gap, a number twice, or not one `end` as the last. */
export function brokenSequences(files: readonly DeliveredFile[]): string[] {
  const windows = new Map<string, DeliveredFile[]>();
  for (const file of files) {
    const window = `${file.content}_${file.code}_${file.cutoff}_${file.type}`;
    windows.set(window, [...(windows.get(window) ?? []), file]);
  }
  const isWhole = (group: readonly DeliveredFile[]) =>
    [...group]
      .sort((one, other) => one.sequence - other.sequence)
      .every(({ sequence, end }, index) => sequence === index + 1 && end === (sequence === group.length));
  return [...windows].filter(([, group]) => !isWhole(group)).map(([window]) => window);
}

/**
 * What is not as promised: an account (by ICCID) or vehicle (by RequestID) that is not exactly once in the files of each of
 * these types, or is there though nobody asked for it.
 */
export function notOnce(
  files: readonly DeliveredFile[],
  expected: { accounts?: readonly string[]; vehicles?: readonly string[] },
  types: readonly ('P' | 'F')[] = ['P', 'F'],
): string[] {
  const problems: string[] = [];
  for (const type of types) {
    for (const [content, field, wanted = []] of [
      ['KH', 'ICCID', expected.accounts],
      ['CL', 'RequestID', expected.vehicles],
    ] as const) {
      const times = new Map(wanted.map((key) => [key, 0]));
      for (const file of files) {
        if (file.content !== content || file.type !== type) continue;
        for (const record of file.records) {
          const key = String(record[field]);
          if (times.has(key)) times.set(key, (times.get(key) ?? 0) + 1);
          else problems.push(`${file.fileName}: ${key} was not expected`);
        }
      }
      for (const [key, count] of times)
        if (count !== 1) problems.push(`${content} ${type}: ${key} came ${count} times`);
    }
  }
  return problems;
}

/** Holds a directory to its word: a final name, once seen, has the same content for ever. */
export class FinalNames {
  readonly problems: string[] = [];
  /** Looks at a final name. */
  looks = 0;
  readonly #directory: string;
  readonly #digests = new Map<string, string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  get count(): number {
    return this.#digests.size;
  }

  lookAt(name: string): void {
    const path = join(this.#directory, name);
    if (name.endsWith('.tmp') || !existsSync(path)) return;
    this.looks += 1;
    const digest = createHash('sha256').update(readFileSync(path)).digest('hex');
    const before = this.#digests.get(name) ?? digest;
    this.#digests.set(name, before);
    if (before !== digest) this.problems.push(`${name} has other content than before`);
  }

  lookAtAll(): void {
    for (const name of readdirSync(this.#directory)) this.lookAt(name);
    for (const name of this.#digests.keys()) {
      if (!existsSync(join(this.#directory, name))) this.problems.push(`${name} was there and is gone`);
    }
  }
}

/** Names of what is still being uploaded. */
export const partialNames = (directory: string): string[] =>
  readdirSync(directory).filter((name) => name.endsWith('.tmp'));
