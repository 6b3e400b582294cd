import { IovError } from '../contract/error.js';
import { unsealable } from './key.js';
import { sm2Decrypt, sm2Encrypt } from './smCrypto.js';

/**
 * Seals a cipher's key for a peer: an SM2 envelope, as `CipherOptions.envelope` opens it.
 * @param key hex digits
 * @param publicKey the peer's SM2 key: 130 hex digits, 04 and the point
 * @returns hex digits, 04 and C1C3C2
 */
export function sealKey(key: string, publicKey: string): string {
  if (!/^([0-9a-f]{2})+$/i.test(key)) {
    throw new IovError(
      'CONFIG_INVALID',
      `key to seal: expected pairs of hex digits, got ${key.length} characters that are not`,
    );
  }
  if (!/^04[0-9a-f]{128}$/i.test(publicKey)) {
    const got = `${publicKey.length} characters`;
    throw new IovError('CONFIG_INVALID', `SM2 public key: expected 130 hex digits that begin with 04, got ${got}`);
  }
  try {
    return `04${sm2Encrypt(Buffer.from(key, 'hex'), publicKey)}`;
  } catch (cause) {
    throw new IovError('CONFIG_INVALID', 'SM2 public key: expected a point of the curve, got one beside it', { cause });
  }
}

/**
 * Opens what `sealKey`, or the peer's own means, sealed.
 * @throws IovError CONFIG_INVALID where key and envelope do not belong together
 */
export function openKey(sealed: string, privateKey: string, keyBytes: number): Uint8Array {
  // The package takes a ciphertext without its 04, and answers one that has it with nothing at all.
  const ciphertext = unsealable(sealed, keyBytes);
  const key = ciphertext && sm2Decrypt(ciphertext, privateKey);
  if (key && key.length === keyBytes) return key;
  const expected = `expected ${keyBytes} bytes sealed for this private key (SM2, C1C3C2)`;
  throw new IovError('CONFIG_INVALID', `envelope: ${expected}, got a ciphertext that it does not open`);
}
