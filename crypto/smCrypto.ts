import { createRequire } from 'node:module';
import { IovError } from '../contract/error.js';

/** What is used of the package; its own types have `doDecrypt` give text where it gives bytes. */
interface SmCrypto {
  sm2: {
    doEncrypt(bytes: ArrayLike<number>, publicKey: string, mode: 1): string;
    doDecrypt(hex: string, privateKey: string, mode: 1, as: { output: 'array' }): number[];
  };
  sm3(bytes: ArrayLike<number>): string;
  sm4: Record<
    'encrypt' | 'decrypt',
    (bytes: ArrayLike<number>, key: ArrayLike<number>, options: Sm4Options) => number[]
  >;
}

interface Sm4Options {
  padding: 'none';
  output: 'array';
  mode?: 'cbc';
  iv?: ArrayLike<number>;
}

let loaded: SmCrypto | undefined;

/** Loaded at the first use: only SM2, and hosts whose OpenSSL lacks SM3 or SM4, ever need it. */
function smCrypto(): SmCrypto {
  loaded ??= createRequire(import.meta.url)('sm-crypto') as SmCrypto;
  return loaded;
}

/** SM2 (GB/T 32918.4), C1C3C2: hex without the leading 04. `publicKey`: 130 hex digits that begin with 04. */
export function sm2Encrypt(bytes: Uint8Array, publicKey: string): string {
  return smCrypto().sm2.doEncrypt(bytes, publicKey, 1);
}

/** The bytes that were sealed, or undefined where key and ciphertext do not belong together. */
export function sm2Decrypt(ciphertext: string, privateKey: string): Uint8Array | undefined {
  const bytes = smCrypto().sm2.doDecrypt(ciphertext, privateKey, 1, { output: 'array' });
  return bytes.length === 0 ? undefined : Uint8Array.from(bytes);
}

const BUFFERED_BYTES_MAX = 16 * 1024 * 1024;

/** SM3 for a host whose OpenSSL lacks it. The package takes a message whole, so this one is bounded. */
export class BufferedSm3 {
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;

  update(bytes: Uint8Array | string): this {
    const chunk = Buffer.from(bytes as Uint8Array); // a copy: the caller may use its buffer again
    this.#bytes += chunk.byteLength;
    if (this.#bytes > BUFFERED_BYTES_MAX) {
      const message = `SM3 of more than ${BUFFERED_BYTES_MAX} bytes: expected an OpenSSL with SM3, got one without`;
      throw new IovError('COMPONENT_UNAVAILABLE', `${message}; install a Node.js that brings its own OpenSSL`);
    }
    this.#chunks.push(chunk);
    return this;
  }

  digest(_encoding: 'hex'): string {
    return smCrypto().sm3(Buffer.concat(this.#chunks));
  }
}

const BLOCK_BYTES = 16;

/** SM4 with PKCS#7 for a host whose OpenSSL lacks it: about 5 MB/s. Same calls and same bytes as node:crypto's. */
export function sm4Stream(name: string, direction: 'encrypt' | 'decrypt', key: Uint8Array, iv: Uint8Array) {
  if (name === 'sm4-ctr') return new Sm4Counter(key, iv);
  return new Sm4Blocks(direction, key, name === 'sm4-cbc' ? iv : undefined);
}

class Sm4Blocks {
  #waiting: Buffer = Buffer.alloc(0);

  /** `chain` is the IV, then the last block of ciphertext; undefined in ECB. */
  constructor(
    readonly direction: 'encrypt' | 'decrypt',
    readonly key: Uint8Array,
    private chain: Uint8Array | undefined,
  ) {}

  update(bytes: Uint8Array): Buffer {
    const all = Buffer.concat([this.#waiting, bytes]);
    // Decrypting keeps the last block back, for it may be the one with the padding.
    const keep = this.direction === 'encrypt' ? all.length % BLOCK_BYTES : ((all.length + 15) % BLOCK_BYTES) + 1;
    const cut = Math.max(0, all.length - keep);
    this.#waiting = all.subarray(cut);
    return this.#crypt(all.subarray(0, cut));
  }

  final(): Buffer {
    if (this.direction === 'encrypt') {
      const pad = BLOCK_BYTES - this.#waiting.length;
      return this.#crypt(Buffer.concat([this.#waiting, Buffer.alloc(pad, pad)]));
    }
    if (this.#waiting.length !== BLOCK_BYTES) throw new Error('wrong final block length');
    const last = this.#crypt(this.#waiting);
    const pad = last[BLOCK_BYTES - 1]!;
    const padding = last.subarray(BLOCK_BYTES - pad);
    if (pad < 1 || pad > BLOCK_BYTES || !padding.every((byte) => byte === pad)) throw new Error('bad decrypt');
    return last.subarray(0, BLOCK_BYTES - pad);
  }

  #crypt(blocks: Buffer): Buffer {
    if (blocks.length === 0) return blocks;
    const chained = this.chain && { mode: 'cbc' as const, iv: this.chain };
    const crypted = smCrypto().sm4[this.direction](blocks, this.key, { padding: 'none', output: 'array', ...chained });
    const result = Buffer.from(crypted);
    if (this.chain) this.chain = Buffer.from((this.direction === 'encrypt' ? result : blocks).subarray(-BLOCK_BYTES));
    return result;
  }
}

/** Both directions are the same: the text XOR the encrypted counter, which begins at the IV. */
class Sm4Counter {
  readonly #counter: Buffer;
  #stream: ArrayLike<number> = [];
  #used = BLOCK_BYTES;

  constructor(
    readonly key: Uint8Array,
    iv: Uint8Array,
  ) {
    this.#counter = Buffer.from(iv);
  }

  update(bytes: Uint8Array): Buffer {
    const result = Buffer.from(bytes);
    for (let at = 0; at < result.length; at += 1) {
      if (this.#used === BLOCK_BYTES) this.#next();
      result[at]! ^= this.#stream[this.#used]!;
      this.#used += 1;
    }
    return result;
  }

  final(): Buffer {
    return Buffer.alloc(0);
  }

  #next(): void {
    this.#stream = smCrypto().sm4.encrypt(this.#counter, this.key, { padding: 'none', output: 'array' });
    this.#used = 0;
    for (let at = BLOCK_BYTES - 1; at >= 0; at -= 1) {
      this.#counter[at] = (this.#counter[at]! + 1) & 0xff;
      if (this.#counter[at] !== 0) return; // no carry
    }
  }
}
