import { isUtf8 } from 'node:buffer';
import { createCipheriv, createDecipheriv, getCipherInfo, randomBytes } from 'node:crypto';
import { IovError } from '../contract/error.js';
import type { CipherOptions } from '../contract/peer.js';
import { CbcTexts } from './cbcTexts.js';
import { openKey } from './envelope.js';
import { bytesOfField } from './fieldText.js';
import { type CipherSizes, cipherFaults, cipherSizes } from './key.js';
import { RsaOaepCipher } from './rsaOaep.js';
import { sm4Stream } from './smCrypto.js';

/** A file on its way through a cipher, in pieces of any size; the concatenated output does not depend on how it was cut. */
export interface CipherStream {
  update(bytes: Uint8Array): Uint8Array;
  final(): Uint8Array;
}

/** One way of encrypting, agreed on with a peer (interpretation.md, "cipher"). Can be used any number of times, also interleaved. */
export interface Cipher {
  encrypt(bytes: Uint8Array, iv?: Uint8Array): Uint8Array;
  /** @throws IovError UNDECRYPTABLE */
  decrypt(bytes: Uint8Array): Uint8Array;
  /** Text, as UTF-8, to ciphertext in the peer's encoding: what tables 7 and 10 carry. */
  encryptText(text: string): string;
  /** @throws IovError UNDECRYPTABLE, also where the plain text is not UTF-8 */
  decryptText(text: string): string;
  /**
   * With `iv: prefix` the IV comes out first.
   * @param iv for `iv: prefix`, instead of a random one, that the same file comes out each time. Its first bytes are taken,
   *   as many as the cipher needs, so that the 16 bytes in the ledger serve every cipher. Other modes do not look at it.
   */
  encryptor(iv?: Uint8Array): CipherStream;
  /** What `update` gives is not yet authenticated: throw it away where `final` throws. */
  decryptor(): CipherStream;
}

/** @throws IovError CONFIG_INVALID with a fault for each wrong key or IV */
export function createCipher(options: CipherOptions): Cipher {
  const faults = cipherFaults(options);
  if (faults.length > 0) {
    const told = faults.map(
      (fault) => `${fault.field}: expected ${fault.rule}${fault.value ? `, got ${fault.value}` : ''}`,
    );
    throw new IovError('CONFIG_INVALID', `cipher ${options.name}: ${told.join('; ')}`, { faults });
  }
  const { name, rsa, encoding } = options;
  return name === 'rsa-oaep' && rsa ? new RsaOaepCipher({ rsa, encoding }) : new AgreedCipher(options);
}

class AgreedCipher implements Cipher {
  readonly #name: CipherOptions['name'];
  readonly #sizes: CipherSizes;
  readonly #key: Uint8Array;
  readonly #encoding: 'base64' | 'hex';
  /** Undefined where each text brings its own IV. */
  readonly #fixedIv: Uint8Array | undefined;
  /** Absent where another mode, or no SM4, makes each text need a decipher of its own. */
  readonly #texts: CbcTexts | undefined;

  constructor(options: CipherOptions) {
    this.#name = options.name;
    this.#sizes = cipherSizes(options.name);
    this.#key = options.envelope
      ? openKey(options.key, options.envelope.privateKey, this.#sizes.keyBytes)
      : Buffer.from(options.key, 'hex');
    this.#encoding = options.encoding;
    if (this.#sizes.ivBytes === 0) this.#fixedIv = Buffer.alloc(0);
    else this.#fixedIv = options.iv === 'fixed' ? Buffer.from(options.fixedIv ?? '', 'hex') : undefined;
    if (this.#name.endsWith('-cbc') && !this.#fixedIv && isNative(this.#name)) {
      this.#texts = new CbcTexts(this.#name, this.#key);
    }
  }

  encrypt(bytes: Uint8Array, iv?: Uint8Array): Buffer {
    return whole(this.encryptor(iv), bytes);
  }

  decrypt(bytes: Uint8Array): Buffer {
    if (!this.#texts) return whole(this.decryptor(), bytes);
    const plain = this.#texts.decrypt(bytes);
    if (!plain) throw this.#undecryptable(bytes.length);
    return plain;
  }

  encryptText(text: string): string {
    return this.encrypt(Buffer.from(text)).toString(this.#encoding);
  }

  decryptText(text: string): string {
    const encrypted = bytesOfField(text, this.#encoding);
    const plain = this.decrypt(encrypted);
    if (!isUtf8(plain)) throw this.#undecryptable(encrypted.length);
    return plain.toString();
  }

  encryptor(iv?: Uint8Array): CipherStream {
    const { ivBytes, tagBytes } = this.#sizes;
    if (this.#fixedIv) return new Encryptor(this.#open('encrypt', this.#fixedIv), Buffer.alloc(0), tagBytes);
    if (iv && iv.length < ivBytes) {
      throw new IovError('INTERNAL', `IV for ${this.#name}: expected at least ${ivBytes} bytes, got ${iv.length}`);
    }
    const own = iv ? Buffer.from(iv.subarray(0, ivBytes)) : randomBytes(ivBytes);
    return new Encryptor(this.#open('encrypt', own), own, tagBytes);
  }

  decryptor(): CipherStream {
    return new Decryptor({
      open: (iv) => this.#open('decrypt', iv),
      prefixBytes: this.#fixedIv ? 0 : this.#sizes.ivBytes,
      fixedIv: this.#fixedIv,
      tagBytes: this.#sizes.tagBytes,
      undecryptable: (bytes, cause) => this.#undecryptable(bytes, cause),
    });
  }

  #open(direction: 'encrypt' | 'decrypt', iv: Uint8Array): Engine {
    const name: string = this.#name; // node:crypto types the known modes apart; gcm's tag is seen to by `Engine`
    if (!isNative(name)) return sm4Stream(name, direction, this.#key, iv);
    return direction === 'encrypt' ? createCipheriv(name, this.#key, iv) : createDecipheriv(name, this.#key, iv);
  }

  // One text for wrong padding, wrong tag and wrong UTF-8: a peer that is told which could decrypt by asking.
  #undecryptable(bytes: number, cause?: unknown): IovError {
    const iv = this.#sizes.ivBytes === 0 ? '' : `, IV ${this.#fixedIv ? 'fixed' : 'in front'}`;
    const message = `ciphertext: expected ${this.#name}${iv}, under the key agreed on; got ${bytes} bytes that are not`;
    return new IovError('UNDECRYPTABLE', message, { cause });
  }
}

const nativeSm4 = getCipherInfo('sm4-cbc') !== undefined;
const isNative = (name: string): boolean => nativeSm4 || !name.startsWith('sm4');

/** node:crypto's Cipher and Decipher, or the replacement for SM4. */
interface Engine {
  update(bytes: Uint8Array): Buffer;
  final(): Buffer;
  getAuthTag?(): Buffer;
  setAuthTag?(tag: Uint8Array): unknown;
}

function whole(stream: CipherStream, bytes: Uint8Array): Buffer {
  return Buffer.concat([stream.update(bytes), stream.final()]);
}

class Encryptor implements CipherStream {
  readonly #engine: Engine;
  readonly #tagBytes: number;
  /** What is still to come out in front. */
  #front: Buffer;

  constructor(engine: Engine, front: Buffer, tagBytes: number) {
    this.#engine = engine;
    this.#front = front;
    this.#tagBytes = tagBytes;
  }

  update(bytes: Uint8Array): Buffer {
    return this.#after(this.#engine.update(bytes));
  }

  final(): Buffer {
    const last = this.#engine.final();
    return this.#after(this.#tagBytes > 0 ? Buffer.concat([last, this.#engine.getAuthTag!()]) : last);
  }

  #after(bytes: Buffer): Buffer {
    if (this.#front.length === 0) return bytes;
    const all = Buffer.concat([this.#front, bytes]);
    this.#front = Buffer.alloc(0);
    return all;
  }
}

interface Decryption {
  open(iv: Uint8Array): Engine;
  /** How many bytes in front are the IV; 0 with `fixedIv`. */
  prefixBytes: number;
  fixedIv: Uint8Array | undefined;
  tagBytes: number;
  undecryptable(bytes: number, cause?: unknown): IovError;
}

class Decryptor implements CipherStream {
  readonly #how: Decryption;
  #engine: Engine | undefined;
  /** Bytes that may be part of the IV, or of the tag at the end. */
  #held: Buffer = Buffer.alloc(0);
  #bytes = 0;

  constructor(how: Decryption) {
    this.#how = how;
    if (how.fixedIv) this.#engine = how.open(how.fixedIv);
  }

  update(bytes: Uint8Array): Buffer {
    this.#bytes += bytes.length;
    const { prefixBytes, tagBytes } = this.#how;
    let rest =
      this.#held.length === 0
        ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
        : Buffer.concat([this.#held, bytes]);
    if (!this.#engine) {
      if (rest.length < prefixBytes) return this.#hold(rest, 0);
      this.#engine = this.#how.open(rest.subarray(0, prefixBytes));
      rest = rest.subarray(prefixBytes);
    }
    const cut = Math.max(0, rest.length - tagBytes);
    this.#hold(rest, cut);
    return cut === 0 ? Buffer.alloc(0) : this.#engine.update(rest.subarray(0, cut));
  }

  final(): Buffer {
    const { tagBytes, undecryptable } = this.#how;
    if (!this.#engine || this.#held.length < tagBytes) throw undecryptable(this.#bytes);
    try {
      if (tagBytes > 0) this.#engine.setAuthTag!(this.#held);
      return this.#engine.final();
    } catch (cause) {
      throw undecryptable(this.#bytes, cause);
    }
  }

  /** Keeps a copy from `cut` on: the caller may use its buffer again. */
  #hold(bytes: Buffer, cut: number): Buffer {
    this.#held = cut === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(cut));
    return Buffer.alloc(0);
  }
}
