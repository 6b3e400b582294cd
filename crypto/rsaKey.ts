import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { Fault } from '../contract/error.js';
import type { CipherOptions } from '../contract/peer.js';
import { digestBytes, textBytesOf } from './oaep.js';

export type RsaSide = 'publicKey' | 'privateKey';

const BITS_MIN = 1024; // one car maker's gateway has no more
const BITS_MAX = 8192;

/** An RSA key from PEM, or from the base64 of its DER, which is what Java programs hand out; undefined where it is neither. */
export function rsaKey(side: RsaSide, text: string): KeyObject | undefined {
  const isPem = text.includes('-----BEGIN');
  const der = Buffer.from(text, 'base64');
  try {
    const key =
      side === 'publicKey'
        ? createPublicKey(isPem ? text : { key: der, format: 'der', type: 'spki' })
        : createPrivateKey(isPem ? text : { key: der, format: 'der', type: 'pkcs8' });
    return key.asymmetricKeyType === 'rsa' ? key : undefined;
  } catch {
    return undefined;
  }
}

/** Bytes of a key's modulus, and of each block of ciphertext. */
export const keyBytesOf = (key: KeyObject): number => Math.ceil(bitsOf(key) / 8);

const bitsOf = (key: KeyObject): number => key.asymmetricKeyDetails?.modulusLength ?? 0;

/** What is wrong with the keys of rsa-oaep; no fault shows a character of one. */
export function rsaFaults({ rsa }: CipherOptions): Fault[] {
  if (!rsa || (rsa.publicKey === undefined && rsa.privateKey === undefined)) {
    const rule = 'a mapping with publicKey (to send to the peer), privateKey (to read what it sends), or both';
    return [{ field: 'rsa', label: '', rule, value: rsa ? 'neither' : 'nothing' }];
  }
  return (['publicKey', 'privateKey'] as const).flatMap((side) => {
    const text = rsa[side];
    if (text === undefined) return [];
    const key = rsaKey(side, text);
    const fault = (rule: string, value: string) => [{ field: `rsa.${side}`, label: '', rule, value }];
    if (!key) {
      const kind = side === 'publicKey' ? 'an RSA public key' : 'an RSA private key without a passphrase';
      return fault(`${kind}, PEM or base64 of its DER`, `${text.length} characters that are not`);
    }
    const bits = bitsOf(key);
    // RFC 8017: a block holds two digests and two bytes besides the text
    const needed = Math.max(BITS_MIN, 8 * (2 * digestBytes(rsa.oaepHash) + 3));
    if (bits >= needed && bits <= BITS_MAX && textBytesOf(keyBytesOf(key), rsa.oaepHash) > 0) return [];
    return fault(`a key of ${needed} to ${BITS_MAX} bits, for OAEP with ${rsa.oaepHash}`, `one of ${bits}`);
  });
}
