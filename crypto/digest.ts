import { createHash, getHashes } from 'node:crypto';
import { BufferedSm3 } from './smCrypto.js';

const native = getHashes().includes('sm3');

/** SM3 (GB/T 32905) of what is fed in pieces, however it is cut. A string counts as its UTF-8 bytes. */
export class Sm3 {
  readonly #hash: { update(bytes: Uint8Array | string): unknown; digest(encoding: 'hex'): string };

  constructor() {
    this.#hash = native ? createHash('sm3') : new BufferedSm3();
  }

  update(bytes: Uint8Array | string): this {
    this.#hash.update(bytes);
    return this;
  }

  /** 64 lower-case hex digits; ends the digest. */
  hex(): string {
    return this.#hash.digest('hex');
  }
}

/** SM3 as 64 lower-case hex digits. */
export function sm3Hex(bytes: Uint8Array | string): string {
  return new Sm3().update(bytes).hex();
}
