import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import smCrypto from 'sm-crypto';
import t from 'tap';
import type { CipherOptions } from '../../contract/peer.js';
import { createCipher } from '../../crypto/cipher.js';
import { openKey, sealKey } from '../../crypto/envelope.js';

const KEY = '00112233445566778899aabbccddeeff';
const pair = smCrypto.sm2.generateKeyPairHex();
const other = smCrypto.sm2.generateKeyPairHex();

t.test('a sealed key is opened by its private key alone', async (t) => {
  const sealed = sealKey(KEY, pair.publicKey);
  t.match(sealed, /^04[0-9a-f]+$/);
  t.equal(Buffer.from(openKey(sealed, pair.privateKey, 16)).toString('hex'), KEY);
  t.throws(() => openKey(sealed, other.privateKey, 16), { code: 'CONFIG_INVALID', message: /does not open/ });
  const changed = `${sealed.slice(0, -1)}${sealed.endsWith('0') ? '1' : '0'}`;
  t.throws(() => openKey(changed, pair.privateKey, 16), { code: 'CONFIG_INVALID' });
});

t.test('the leading 04 may be there or not, also where the point itself begins with 04', async (t) => {
  let sealed = sealKey(KEY, pair.publicKey);
  for (let tries = 0; !sealed.startsWith('0404') && tries < 3000; tries += 1) sealed = sealKey(KEY, pair.publicKey);
  t.match(sealed, /^0404/);
  t.equal(Buffer.from(openKey(sealed, pair.privateKey, 16)).toString('hex'), KEY);
  t.equal(Buffer.from(openKey(sealed.slice(2), pair.privateKey, 16)).toString('hex'), KEY);
});

t.test('a cipher with an envelope is the cipher of the key inside', async (t) => {
  const plain: CipherOptions = { name: 'sm4-cbc', key: KEY, iv: 'prefix', encoding: 'base64' };
  const key = sealKey(KEY, pair.publicKey);
  const enveloped = createCipher({ ...plain, key, envelope: { privateKey: pair.privateKey } });
  t.equal(createCipher(plain).decryptText(enveloped.encryptText('车联网卡')), '车联网卡');
  t.throws(() => createCipher({ ...plain, key, envelope: { privateKey: other.privateKey } }), {
    code: 'CONFIG_INVALID',
  });
  t.throws(() => createCipher({ ...plain, key: KEY, envelope: { privateKey: pair.privateKey } }), {
    message: /key: expected 224 hex digits, or 226 beginning with 04/,
  });
});

t.test('sealing refuses what is no key and no point of the curve', async (t) => {
  t.throws(() => sealKey('xyz', pair.publicKey), { code: 'CONFIG_INVALID', message: /hex digits/ });
  t.throws(() => sealKey(KEY, pair.publicKey.slice(2)), { code: 'CONFIG_INVALID', message: /130 hex digits/ });
  t.throws(() => sealKey(KEY, `04${'1'.repeat(128)}`), { code: 'CONFIG_INVALID', message: /point of the curve/ });
});

t.test('a key that OpenSSL sealed is opened, and OpenSSL opens one sealed here', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'iovpipe-sm2-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'sm2.pem');
  const openssl = (args: string[], input?: Uint8Array) =>
    execFileSync('openssl', args, { timeout: 10_000, ...(input && { input }) });
  openssl(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:SM2', '-out', path]);
  const shown = openssl(['pkey', '-in', path, '-text', '-noout']).toString().replace(/[\s:]/g, '');
  const [, privateKey = '', publicKey = ''] = /priv([0-9a-f]+)pub([0-9a-f]+)ASN1/.exec(shown) ?? [];

  const der = openssl(['pkeyutl', '-encrypt', '-inkey', path], Buffer.from(KEY, 'hex'));
  t.equal(Buffer.from(openKey(rawOfDer(der), privateKey.slice(-64), 16)).toString('hex'), KEY);

  const sealed = derOfRaw(sealKey(KEY, publicKey));
  t.equal(openssl(['pkeyutl', '-decrypt', '-inkey', path], sealed).toString('hex'), KEY);
});

/** GM/T 0009: SEQUENCE { x INTEGER, y INTEGER, C3 OCTET STRING, C2 OCTET STRING } to 04 and C1C3C2. Lengths below 128. */
function rawOfDer(der: Buffer): string {
  const parts: string[] = [];
  for (let at = 2; at < der.length; ) {
    const length = der[at + 1]!;
    const part = der.subarray(at + 2, at + 2 + length).toString('hex');
    parts.push(der[at] === 0x02 ? part.padStart(64, '0').slice(-64) : part);
    at += 2 + length;
  }
  return `04${parts.join('')}`;
}

function derOfRaw(raw: string): Buffer {
  const bytes = Buffer.from(raw, 'hex');
  const tagged = (tag: number, content: Buffer) => Buffer.concat([Buffer.of(tag, content.length), content]);
  const integer = (from: number) => {
    let content = bytes.subarray(from, from + 32);
    while (content[0] === 0 && content[1]! < 0x80) content = content.subarray(1);
    return tagged(0x02, content[0]! < 0x80 ? content : Buffer.concat([Buffer.of(0), content]));
  };
  const octets = [tagged(0x04, bytes.subarray(65, 97)), tagged(0x04, bytes.subarray(97))];
  return tagged(0x30, Buffer.concat([integer(1), integer(33), ...octets]));
}
