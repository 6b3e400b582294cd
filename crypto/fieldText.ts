import { IovError } from '../contract/error.js';

// Buffer.from skips what it does not know, so that a spoiled text would pass. Line ends are let through: older Java
// encoders break lines at 76 characters. No two neighbouring parts can match the same character, so that a hostile text
// costs no more time than its length.
const ENCODED = { base64: /^[A-Za-z0-9+/\r\n]*(?:=[\r\n]*){0,2}$/, hex: /^(?:[0-9a-fA-F]{2})*$/ };

/**
 * The bytes of a ciphertext as it stands in a JSON field (tables 7 and 10).
 * @throws IovError UNDECRYPTABLE
 */
export function bytesOfField(text: string, encoding: 'base64' | 'hex'): Buffer {
  if (ENCODED[encoding].test(text)) return Buffer.from(text, encoding);
  const got = `${text.length} characters that are not`;
  throw new IovError('UNDECRYPTABLE', `ciphertext: expected ${encoding}, got ${got}`);
}
