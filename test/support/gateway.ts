import { execFileSync } from 'node:child_process';
import { constants, createHash, generateKeyPairSync, privateDecrypt, publicEncrypt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import type { JsonObject } from '../../contract/tags.js';
import type { Certificates } from '../../demo/certificates.js';

export interface RsaPair {
  publicKey: string;
  privateKey: string;
}

/** RSA-1024 as PEM. */
export const rsaPair = (): RsaPair =>
  generateKeyPairSync('rsa', {
    modulusLength: 1024,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });

/** MGF1 of the gateway; OAEP itself has SHA-256. */
export type Mgf1 = 'sha1' | 'sha256';

const TEXT_BYTES = 62;
const BLOCK_BYTES = 128;

/** What the gateway of facts.md does to a text, with none of our code: node:crypto for one hash, openssl where there are two. */
export function gatewayEncrypt(plain: JsonObject, publicKey: string, mgf1: Mgf1): string {
  const bytes = Buffer.from(JSON.stringify(plain));
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += TEXT_BYTES) {
    blocks.push(crypt('encrypt', bytes.subarray(at, at + TEXT_BYTES), publicKey, mgf1));
  }
  return Buffer.concat(blocks).toString('base64');
}

export function gatewayDecrypt(encrypted: string, privateKey: string, mgf1: Mgf1): JsonObject {
  const bytes = Buffer.from(encrypted, 'base64');
  const plain: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    plain.push(crypt('decrypt', bytes.subarray(at, at + BLOCK_BYTES), privateKey, mgf1));
  }
  return JSON.parse(Buffer.concat(plain).toString());
}

function crypt(direction: 'encrypt' | 'decrypt', block: Buffer, key: string, mgf1: Mgf1): Buffer {
  const how = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  if (mgf1 === 'sha256') return direction === 'encrypt' ? publicEncrypt(how, block) : privateDecrypt(how, block);
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-gateway-'));
  try {
    writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
    writeFileSync(join(folder, 'in'), block);
    const given = ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256', `rsa_mgf1_md:${mgf1}`];
    const words = ['pkeyutl', `-${direction}`, ...(direction === 'encrypt' ? ['-pubin'] : []), '-inkey', 'key.pem'];
    const files = ['-in', 'in', '-out', 'out'];
    execFileSync('openssl', [...words, ...files, ...given.flatMap((option) => ['-pkeyopt', option])], { cwd: folder });
    return readFileSync(join(folder, 'out'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** SM3 of id and password in capitals. */
export const gatewaySignature = (platformId: string, password: string): string =>
  createHash('sm3')
    .update(platformId + password)
    .digest('hex')
    .toUpperCase();

export interface Taken {
  path: string;
  message: JsonObject;
  /** What was encrypted in it. */
  record: JsonObject;
}

/** One car maker's public gateway (facts.md), as a server: what it wants, and what it answers. */
export async function openGateway(
  t: Test,
  certificates: Certificates,
  given: { platformId: string; password: string; mgf1: Mgf1; before?: (message: JsonObject) => JsonObject | undefined },
) {
  const keys = rsaPair();
  const taken: Taken[] = [];
  const judge = (path: string, message: JsonObject): JsonObject => {
    const early = given.before?.(message);
    if (early) return early;
    const auth = message.Auth as JsonObject | undefined;
    if (auth?.SignNature !== gatewaySignature(given.platformId, given.password)) {
      return { Code: '401', Message: '签名错误' };
    }
    const encrypted = message[path.endsWith('vehicle') ? 'EncryptCarInfo' : 'EncryptUserInfo'];
    const record = gatewayDecrypt(String(encrypted), keys.privateKey, given.mgf1);
    if (!Array.isArray(record.CardInfo)) return { Code: '400', Message: '缺少CardInfo' };
    taken.push({ path, message, record });
    return { Code: '200', Message: '成功' };
  };
  const server = createServer({ cert: certificates.cert, key: certificates.key }, async (request, response) => {
    const message = JSON.parse(await text(request)) as JsonObject;
    response.end(JSON.stringify(judge(request.url ?? '', message)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { taken, publicKey: keys.publicKey, url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
