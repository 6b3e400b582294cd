import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { CipherOptions } from '../contract/peer.js';
import { unpack } from '../workers/unpack.js';
import { OPERATOR_CODE } from './agreed.js';
import type { Asked } from './made.js';

const BOUNDS = { fileBytesMax: 200_000_000, textBytesMax: 100_000_000 };

/**
 * Proves from the files alone that each command was answered: the operator's pictures and the car maker's contract are there,
 * under the names of 6.2.3.2 and 6.1.3.2, with the content that was taken.
 * @returns what is wrong; empty when everything is as it should be
 */
export async function checkAlbums(
  inbox: string,
  asked: readonly Asked[],
  ciphers: { t1: CipherOptions; t2: CipherOptions },
): Promise<string[]> {
  const problems: string[] = [];
  for (const { requestId, code, ownContracts, photos, contracts } of asked) {
    const all = [...ownContracts, ...photos];
    // without a contract any one picture stands for it
    const own = ownContracts.length > 0 ? numbered(all, 1) : numbered(all.slice(0, 1), 0);
    const albums = [
      { base: `KH_${requestId}_${OPERATOR_CODE}`, cipher: ciphers.t2, pictures: own },
      { base: `HT_${requestId}_${code}`, cipher: ciphers.t1, pictures: numbered(contracts, 1) },
    ];
    for (const album of albums) problems.push(...(await problemsOf(inbox, album)));
  }
  return problems;
}

type Numbered = { number: string; content: Buffer }[];

const numbered = (pictures: readonly Buffer[], first: number): Numbered =>
  pictures.map((content, index) => ({ number: String(first + index).padStart(3, '0'), content }));

async function problemsOf(
  inbox: string,
  { base, cipher, pictures }: { base: string; cipher: CipherOptions; pictures: Numbered },
): Promise<string[]> {
  const path = join(inbox, `${base}.bin`);
  if (!existsSync(path)) return [`${base}.bin has not come`];
  const entries = await unpack(path, cipher, BOUNDS);
  const wanted = pictures.map(({ number }) => `${base}_${number}.jpg`);
  const names = entries.map(({ name }) => name);
  if (names.join() !== wanted.join()) return [`${base}.bin: expected ${wanted.join(', ')}, got ${names.join(', ')}`];
  for (const [index, entry] of entries.entries()) {
    const content = await buffer(await entry.open());
    if (!pictures[index]?.content.equals(content))
      return [`${base}.bin: ${entry.name} is not the picture that was taken`];
  }
  return [];
}
