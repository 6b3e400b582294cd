import type { Fault } from '../contract/error.js';
import type { CipherOptions } from '../contract/peer.js';
import { rsaFaults } from './rsaKey.js';

/** Sizes in bytes; `ivBytes` is 0 where the mode has no IV, `tagBytes` where it does not authenticate. */
export interface CipherSizes {
  keyBytes: number;
  ivBytes: number;
  tagBytes: number;
}

const SIZES: Readonly<Record<CipherOptions['name'], CipherSizes>> = {
  'sm4-cbc': { keyBytes: 16, ivBytes: 16, tagBytes: 0 },
  'sm4-ecb': { keyBytes: 16, ivBytes: 0, tagBytes: 0 },
  'sm4-ctr': { keyBytes: 16, ivBytes: 16, tagBytes: 0 },
  'aes-128-cbc': { keyBytes: 16, ivBytes: 16, tagBytes: 0 },
  'aes-256-cbc': { keyBytes: 32, ivBytes: 16, tagBytes: 0 },
  'aes-128-gcm': { keyBytes: 16, ivBytes: 12, tagBytes: 16 },
  'aes-256-gcm': { keyBytes: 32, ivBytes: 12, tagBytes: 16 },
  'rsa-oaep': { keyBytes: 0, ivBytes: 0, tagBytes: 0 }, // has keys of its own (rsaKey.ts)
};

export function cipherSizes(name: CipherOptions['name']): CipherSizes {
  return SIZES[name];
}

/** An SM2 ciphertext is a point (64 bytes, without its leading 04), a digest (32 bytes) and the sealed bytes. */
export const SM2_OVERHEAD_BYTES = 64 + 32;

/**
 * What is wrong with a cipher's key, IV or envelope, as far as can be seen without opening anything; empty when all is well.
 * `iovpipe check` and `createCipher` tell the same. No fault shows a character of a key.
 */
export function cipherFaults(options: CipherOptions): Fault[] {
  const { keyBytes, ivBytes } = SIZES[options.name];
  if (options.name === 'rsa-oaep') return [...absent('key', options.key), ...rsaFaults(options)];
  return [
    ...absent('rsa', options.rsa),
    ...(options.envelope ? sealedKeyFaults(options, keyBytes) : hexFaults('key', options.key, keyBytes, options.name)),
    ...ivFaults(options, ivBytes),
  ];
}

/** What belongs to another cipher is a slip: probably the name is wrong. */
function absent(field: 'key' | 'rsa', given: unknown): Fault[] {
  if (given === undefined || given === '') return [];
  const rule = field === 'key' ? 'no key beside rsa-oaep, whose keys stand under rsa' : 'rsa only with name: rsa-oaep';
  return [{ field, label: '', rule }];
}

function sealedKeyFaults(options: CipherOptions, keyBytes: number): Fault[] {
  const faults = hexFaults('envelope.privateKey', options.envelope?.privateKey ?? '', 32, 'SM2');
  if (unsealable(options.key, keyBytes) === undefined) {
    const digits = 2 * (SM2_OVERHEAD_BYTES + keyBytes);
    const rule = `${digits} hex digits, or ${digits + 2} beginning with 04: a key of ${options.name} sealed with SM2 (C1C3C2)`;
    faults.push({ field: 'key', label: '', rule, value: described(options.key) });
  }
  return faults;
}

/** The SM2 ciphertext of a key without its leading 04, or undefined where it cannot be one. Its length tells the two apart. */
export function unsealable(sealed: string, keyBytes: number): string | undefined {
  const digits = 2 * (SM2_OVERHEAD_BYTES + keyBytes);
  if (!isHex(sealed)) return undefined;
  if (sealed.length === digits) return sealed;
  return sealed.length === digits + 2 && sealed.startsWith('04') ? sealed.slice(2) : undefined;
}

function ivFaults(options: CipherOptions, ivBytes: number): Fault[] {
  if (options.iv === 'prefix') {
    if (options.fixedIv === undefined) return [];
    return [{ field: 'fixedIv', label: '', rule: 'absent, for `iv: prefix` draws a new one each time' }];
  }
  if (ivBytes === 0) return []; // ecb has none, whatever the peer writes
  return hexFaults('fixedIv', options.fixedIv ?? '', ivBytes, options.name);
}

function hexFaults(field: string, value: string, bytes: number, of: string): Fault[] {
  if (value.length === 2 * bytes && isHex(value)) return [];
  const rule = `${2 * bytes} hex digits (the ${bytes} bytes that ${of} takes)${advice(value, bytes)}`;
  return [{ field, label: '', rule, value: described(value) }];
}

/** How the usual mistakes are mended. */
function advice(value: string, bytes: number): string {
  if (/^0x/i.test(value)) return '; leave 0x out';
  if (/\s/.test(value)) return '; remove spaces and line ends';
  if (value.length === bytes) return '; if these are the bytes as text, write each as two hex digits';
  if (value.length === Math.ceil(bytes / 3) * 4 && !isHex(value))
    return '; if this is base64, write the same bytes in hex';
  return '';
}

function described(value: string): string {
  if (value === '') return 'nothing';
  return `${value.length} characters${isHex(value) ? '' : ', not all of them hex digits'}`;
}

function isHex(value: string): boolean {
  return /^[0-9a-fA-F]+$/.test(value);
}
