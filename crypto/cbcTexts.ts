import { createDecipheriv } from 'node:crypto';

const BLOCK_BYTES = 16;

/**
 * Decrypts many texts of a CBC cipher, each with its IV in front, by one decipher: opening another for every text would cost as
 * much as a third of the work. CBC carries nothing from block to block but the block itself, so that a text that begins with
 * its IV is decrypted rightly after whatever came before; only what the IV's own place gives is thrown away.
 */
export class CbcTexts {
  readonly #decipher: ReturnType<typeof createDecipheriv>;

  constructor(name: string, key: Uint8Array) {
    this.#decipher = createDecipheriv(name, key, Buffer.alloc(BLOCK_BYTES)).setAutoPadding(false);
  }

  /** The text, or undefined where length or padding (PKCS #7) are not those of one. */
  decrypt(bytes: Uint8Array): Buffer | undefined {
    if (bytes.length < 2 * BLOCK_BYTES || bytes.length % BLOCK_BYTES !== 0) return undefined;
    const plain = this.#decipher.update(bytes);
    const padding = plain[plain.length - 1] ?? 0;
    if (padding < 1 || padding > BLOCK_BYTES) return undefined;
    const end = plain.length - padding;
    for (let at = end; at < plain.length; at += 1) if (plain[at] !== padding) return undefined;
    return plain.subarray(BLOCK_BYTES, end);
  }
}
