import { createHash } from 'node:crypto';

/** The hashes of OAEP: of the label, and of the mask. Java has two by default, node:crypto only one for both. */
export interface OaepHashes {
  oaepHash: string;
  mgf1Hash: string;
}

/** Bytes of a hash's digest. */
export const digestBytes = (hash: string): number => createHash(hash).digest().length;

/** How many bytes of text fit a block of a key: 62 with RSA-1024 and SHA-256. Below 1 the key is too short for the hash. */
export const textBytesOf = (keyBytes: number, oaepHash: string): number => keyBytes - 2 * digestBytes(oaepHash) - 2;

/** EME-OAEP encoding (RFC 8017, 7.1.1), without a label: as long as the key. */
export function pad(text: Uint8Array, seed: Uint8Array, keyBytes: number, hashes: OaepHashes): Buffer {
  const label = createHash(hashes.oaepHash).digest();
  const block = Buffer.alloc(keyBytes);
  const data = block.subarray(1 + label.length);
  data.set(label);
  data[data.length - text.length - 1] = 1;
  data.set(text, data.length - text.length);
  mask(data, seed, hashes.mgf1Hash);
  const maskedSeed = block.subarray(1, 1 + label.length);
  maskedSeed.set(seed);
  mask(maskedSeed, data, hashes.mgf1Hash);
  return block;
}

/**
 * EME-OAEP decoding (7.1.2), in place; undefined for whatever is wrong. What is wrong is found without a branch, and only
 * asked for at the end: whoever could tell a wrong first byte from a wrong label would decrypt by asking (Manger 2001).
 */
export function unpad(block: Buffer, hashes: OaepHashes): Buffer | undefined {
  const label = createHash(hashes.oaepHash).digest();
  const seed = block.subarray(1, 1 + label.length);
  const data = block.subarray(1 + label.length);
  mask(seed, data, hashes.mgf1Hash);
  mask(data, seed, hashes.mgf1Hash);
  let wrong = block[0]!;
  for (let at = 0; at < label.length; at += 1) wrong |= data[at]! ^ label[at]!;
  let start = 0;
  let isPadding = 1; // until the byte 01 has been seen
  for (let at = label.length; at < data.length; at += 1) {
    const isZero = (data[at]! - 1) >>> 31;
    const isOne = ((data[at]! ^ 1) - 1) >>> 31;
    start |= (at + 1) & -(isPadding & isOne);
    wrong |= isPadding & (isZero ^ 1) & (isOne ^ 1);
    isPadding &= isZero;
  }
  return (wrong | isPadding) === 0 ? data.subarray(start) : undefined;
}

/** XORs a mask over the bytes, made of the seed by MGF1 (RFC 8017, B.2.1). */
function mask(bytes: Uint8Array, seed: Uint8Array, hash: string): void {
  const counter = Buffer.alloc(4);
  for (let from = 0, round = 0; from < bytes.length; round += 1) {
    counter.writeUInt32BE(round);
    const digest = createHash(hash).update(seed).update(counter).digest();
    for (let at = 0; at < digest.length && from < bytes.length; at += 1, from += 1) bytes[from]! ^= digest[at]!;
  }
}
