import type { CipherOptions, Peers } from '../../contract/peer.js';
import { createCipher } from '../../crypto/cipher.js';
import { generator } from '../../demo/generator.js';
import { compileSerializer } from '../../notice/serializer.js';
import { tableOf } from '../../notice/tables/index.js';
import { ZipWriter } from '../../workers/zip.js';

// What an operator and a car maker send to the regulator, right or spoiled: made with fixed IVs, so that it is the same each time.

export const cipher: CipherOptions = {
  name: 'sm4-cbc',
  key: '00112233445566778899aabbccddeeff',
  iv: 'prefix',
  encoding: 'base64',
};
export const otherCipher: CipherOptions = { ...cipher, key: 'ffeeddccbbaa99887766554433221100' };
export const makerCipher: CipherOptions = { ...cipher, key: '0123456789abcdef0123456789abcdef' };

/** The regulator's peers: one operator, one car maker. */
export const peers: Peers = {
  operator: { platformId: 'CMCC', password: 'secret', codes: ['0002'], cipher },
  oem: { platformId: 'OEM-1', password: 'secret', codes: ['LSV1'], cipher: makerCipher },
};

const IV = Buffer.from('101112131415161718191a1b1c1d1e1f', 'hex');

export const sealed = (bytes: Uint8Array, by = cipher): Buffer => Buffer.from(createCipher(by).encrypt(bytes, IV));

export type Entry = readonly [name: string, content: string | Buffer];

export async function zipped(...entries: readonly Entry[]): Promise<Buffer> {
  const out: Uint8Array[] = [];
  const writer = new ZipWriter(6, (bytes) => out.push(Buffer.from(bytes)));
  for (const [name, content] of entries) {
    writer.begin({ name, mtimeMs: Date.UTC(2022, 10, 16) });
    if (content.length > 0) writer.write(Buffer.from(content));
    writer.end();
  }
  writer.finish();
  return Buffer.concat(out);
}

const made = generator(7);
const serialize = compileSerializer(tableOf(12));

/** Accounts as lines of table 12: `from` (included) to `to` (excluded) of an endless row. */
export function accounts(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => Buffer.from(serialize(made.record(from + index))).toString());
}

/** Vehicles as lines of table 10 without Auth. */
export function vehicles(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) =>
    JSON.stringify({ RequestID: `R-${from + index}`, Code: 'LSV1', EncryptCarInfo: 'c2VjcmV0' }),
  );
}

export const lines = (records: readonly string[]): string => records.map((record) => `${record}\n`).join('');

/** A batch as its name has it: accounts encrypted, vehicles not. */
export async function batch(name: string, text: string | Buffer): Promise<Buffer> {
  const zip = await zipped([name.replace(/\.(bin|zip)$/, '.txt'), text]);
  return name.endsWith('.bin') ? sealed(zip) : zip;
}

export async function album(by: CipherOptions, ...entries: readonly Entry[]): Promise<Buffer> {
  return sealed(await zipped(...entries), by);
}

const filler = Buffer.alloc(400, 'picture');
export const JPG = Buffer.concat([Buffer.from('ffd8ffe000104a464946', 'hex'), filler]);
export const PNG = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), filler]);

const LOCAL = Buffer.from('504b0304', 'hex');
const CENTRAL = Buffer.from('504b0102', 'hex');

/** A zip whose first entry is said to have so many bytes. */
export function declaring(zip: Buffer, bytes: number): Buffer {
  const copy = Buffer.from(zip);
  copy.writeUInt32LE(bytes, copy.indexOf(CENTRAL) + 24);
  return copy;
}

/** A zip whose first entry is marked as encrypted with a password. */
export function withPassword(zip: Buffer): Buffer {
  const copy = Buffer.from(zip);
  for (const at of [copy.indexOf(LOCAL) + 6, copy.indexOf(CENTRAL) + 8])
    copy.writeUInt16LE(copy.readUInt16LE(at) | 1, at);
  return copy;
}

export function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ 0x10, at);
  return copy;
}
