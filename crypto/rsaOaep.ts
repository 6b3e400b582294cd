import { isUtf8 } from 'node:buffer';
import { constants, createHash, type KeyObject, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto';
import { IovError } from '../contract/error.js';
import type { CipherOptions, RsaOptions } from '../contract/peer.js';
import { bytesOfField } from './fieldText.js';
import { digestBytes, pad, textBytesOf, unpad } from './oaep.js';
import { keyBytesOf, type RsaSide, rsaKey } from './rsaKey.js';

/** Gives the seed of each block: `digestBytes` of them, never the same twice. */
type Seeds = () => Uint8Array;

/**
 * RSA with OAEP on one block after the other (facts: one car maker's gateway). The padding is done here, since node:crypto
 * has one hash for OAEP and MGF1, and Java two. It has no authentication: whoever has the public key can write anything.
 */
export class RsaOaepCipher {
  readonly #options: RsaOptions;
  readonly #encoding: CipherOptions['encoding'];
  readonly #keys: Readonly<Record<RsaSide, KeyObject | undefined>>;

  /** @param options as `cipherFaults` has found them sound */
  constructor({ rsa, encoding }: { rsa: RsaOptions; encoding: CipherOptions['encoding'] }) {
    const keyOf = (side: RsaSide) => (rsa[side] === undefined ? undefined : rsaKey(side, rsa[side]));
    this.#options = rsa;
    this.#encoding = encoding;
    this.#keys = { publicKey: keyOf('publicKey'), privateKey: keyOf('privateKey') };
  }

  encrypt(bytes: Uint8Array, iv?: Uint8Array): Buffer {
    const stream = this.encryptor(iv);
    return Buffer.concat([stream.update(bytes), stream.final()]);
  }

  decrypt(bytes: Uint8Array): Buffer {
    const stream = this.decryptor();
    return Buffer.concat([stream.update(bytes), stream.final()]);
  }

  encryptText(text: string): string {
    return this.encrypt(Buffer.from(text)).toString(this.#encoding);
  }

  decryptText(text: string): string {
    const encrypted = bytesOfField(text, this.#encoding);
    const { blocksMax } = this.#options;
    const blocks = encrypted.length / keyBytesOf(this.#key('privateKey'));
    if (blocks > blocksMax) {
      const rule = `expected at most ${blocksMax} blocks (blocksMax), got ${Math.ceil(blocks)}`;
      throw new IovError('UNDECRYPTABLE', `ciphertext: ${rule}`);
    }
    const plain = this.decrypt(encrypted);
    if (!isUtf8(plain)) throw undecryptable(encrypted.length);
    return plain.toString();
  }

  /** @param iv what the seeds are drawn from, that the same file comes out each time; nobody else may know it */
  encryptor(iv?: Uint8Array): Blocks {
    const { oaepHash } = this.#options;
    const key = this.#key('publicKey');
    const keyBytes = keyBytesOf(key);
    const nextSeed = iv ? seedsFrom(iv, digestBytes(oaepHash)) : () => randomBytes(digestBytes(oaepHash));
    const encrypt = (text: Uint8Array) => {
      const padded = pad(text, nextSeed(), keyBytes, this.#options);
      return publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, padded);
    };
    return new Blocks(textBytesOf(keyBytes, oaepHash), (blocks, last) => {
      // a text of no length is one block too, that it can be told from nothing
      if (last && blocks.length === 0) return [encrypt(Buffer.alloc(0))];
      return blocks.map(encrypt);
    });
  }

  decryptor(): Blocks {
    const key = this.#key('privateKey');
    const keyBytes = keyBytesOf(key);
    return new Blocks(keyBytes, (blocks, last, bytes) => {
      // every block is decrypted before any is told to be wrong
      const plain = blocks.map((block) => (block.length === keyBytes ? this.#decryptBlock(key, block) : undefined));
      const sound = plain.filter((block) => block !== undefined);
      if (sound.length < blocks.length || (last && bytes === 0)) throw undecryptable(bytes);
      return sound;
    });
  }

  #decryptBlock(key: KeyObject, block: Uint8Array): Buffer | undefined {
    try {
      const padded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, block);
      return unpad(padded, this.#options);
    } catch {
      return undefined; // a number above the modulus, which its sender knows
    }
  }

  #key(side: RsaSide): KeyObject {
    const key = this.#keys[side];
    if (key) return key;
    const use = side === 'publicKey' ? 'encrypt what is sent to this peer' : 'decrypt what this peer sends';
    // ours to mend, not the sender's: it is asked to come again
    throw new IovError('CONFIG_INVALID', `cipher rsa-oaep: expected rsa.${side}, to ${use}, got none`, {
      failureCause: '604',
    });
  }
}

/** Cuts what comes into blocks, and passes them on as soon as they are whole; the last may be shorter. */
class Blocks {
  readonly #size: number;
  readonly #crypt: (blocks: Uint8Array[], last: boolean, bytes: number) => Buffer[];
  #held: Buffer = Buffer.alloc(0);
  #bytes = 0;

  constructor(size: number, crypt: (blocks: Uint8Array[], last: boolean, bytes: number) => Buffer[]) {
    this.#size = size;
    this.#crypt = crypt;
  }

  update(bytes: Uint8Array): Buffer {
    this.#bytes += bytes.length;
    const all = Buffer.concat([this.#held, bytes]);
    const cut = all.length - (all.length % this.#size);
    this.#held = all.subarray(cut);
    return Buffer.concat(this.#crypt(this.#cut(all.subarray(0, cut)), false, this.#bytes));
  }

  final(): Buffer {
    const isEmpty = this.#bytes === 0;
    if (!isEmpty && this.#held.length === 0) return Buffer.alloc(0);
    return Buffer.concat(this.#crypt(this.#cut(this.#held), true, this.#bytes));
  }

  #cut(bytes: Buffer): Uint8Array[] {
    const blocks: Uint8Array[] = [];
    for (let from = 0; from < bytes.length; from += this.#size) blocks.push(bytes.subarray(from, from + this.#size));
    return blocks;
  }
}

function seedsFrom(secret: Uint8Array, bytes: number): Seeds {
  let block = 0;
  return () => {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(block++));
    return createHash('sha512').update('rsa-oaep seed').update(secret).update(counter).digest().subarray(0, bytes);
  };
}

// One text for every fault of the ciphertext: a peer that is told which could decrypt by asking.
function undecryptable(bytes: number): IovError {
  const message = `ciphertext: expected rsa-oaep blocks under the key and hashes agreed on; got ${bytes} bytes that are not`;
  return new IovError('UNDECRYPTABLE', message);
}
