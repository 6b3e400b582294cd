import { isUtf8 } from 'node:buffer';
import type { CipherOptions } from '../../contract/peer.js';
import { createCipher } from '../../crypto/cipher.js';
import { parseStrictJson } from '../../notice/strictJson.js';
import { unpack } from '../../workers/unpack.js';
import { ZipWriter } from '../../workers/zip.js';

const BASE64 = 'base64:';
const BOUNDS = { fileBytesMax: 200_000_000, textBytesMax: 200_000_000, totalBytesMax: 500_000_000, entriesMax: 2_000 };

/** A text, or `base64:…` for what is none. */
export function bytesOf(text: string): Buffer {
  return text.startsWith(BASE64) ? Buffer.from(text.slice(BASE64.length), 'base64') : Buffer.from(text);
}

/** A file as a sender makes it of what stands in a test: a text as it is, or a zip of entries, encrypted where there is a cipher. */
export async function packedContent(
  content: unknown,
  cipher: CipherOptions | undefined,
  mtimeMs: number,
): Promise<Uint8Array> {
  if (typeof content !== 'object' || content === null) return bytesOf(String(content));
  const pieces: Uint8Array[] = [];
  const zip = new ZipWriter(6, (bytes) => pieces.push(Buffer.from(bytes)));
  for (const [name, entry] of Object.entries(content)) {
    zip.begin({ name, mtimeMs });
    const bytes = Array.isArray(entry) ? Buffer.from(linesOf(entry)) : bytesOf(String(entry));
    if (bytes.length > 0) zip.write(bytes);
    zip.end();
  }
  zip.finish();
  const packed = Buffer.concat(pieces);
  return cipher ? createCipher(cipher).encrypt(packed) : packed;
}

const linesOf = (records: readonly unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

/**
 * The same the other way round: what a delivered file holds, as a test writes it.
 * @param cipher of whom it is for; absent where the chain has not encrypted it
 */
export async function plainContent(path: string, bytes: Buffer, cipher: CipherOptions | undefined): Promise<unknown> {
  if (!cipher && !path.endsWith('.zip')) return textOf(bytes);
  const entries = await unpack(path, cipher, BOUNDS);
  const told: { [name: string]: unknown } = {};
  for (const entry of entries) {
    const pieces: Buffer[] = [];
    for await (const piece of await entry.open()) pieces.push(piece as Buffer);
    const content = Buffer.concat(pieces);
    told[entry.name] = (entry.name.endsWith('.txt') && recordsIn(content)) || textOf(content);
  }
  return told;
}

function textOf(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString() : `${BASE64}${bytes.toString('base64')}`;
}

/** The records of a text file, one a line; undefined where it holds something else. */
function recordsIn(text: Buffer): unknown[] | undefined {
  try {
    const lines = text.toString().split('\n');
    return lines.filter((line) => line !== '').map((line) => parseStrictJson(line));
  } catch {
    return undefined;
  }
}
