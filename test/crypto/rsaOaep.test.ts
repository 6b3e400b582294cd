import { execFileSync } from 'node:child_process';
import { constants, createHash, generateKeyPairSync, privateDecrypt, publicEncrypt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { CipherOptions, RsaOptions } from '../../contract/peer.js';
import { type CipherStream, createCipher } from '../../crypto/cipher.js';
import { unpad } from '../../crypto/oaep.js';
import { cut } from '../support/cut.js';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
const PEM = {
  publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
};
const HASHES = ['sha1', 'sha256', 'sha384', 'sha512'] as const;
const JAVA = { oaepHash: 'sha256', mgf1Hash: 'sha1' } as const;
const ALIKE = { oaepHash: 'sha256', mgf1Hash: 'sha256' } as const;
const UNDECRYPTABLE = { code: 'UNDECRYPTABLE', failureCause: '400' };

function options(rsa: Partial<RsaOptions> = {}, more: Partial<CipherOptions> = {}): CipherOptions {
  const whole = { ...PEM, ...ALIKE, blocksMax: 1000, ...rsa };
  return { name: 'rsa-oaep', key: '', rsa: whole, iv: 'prefix', encoding: 'base64', ...more };
}

/** Runs openssl pkeyutl on one block with the key and hashes. */
function openssl(t: Test, direction: 'encrypt' | 'decrypt', block: Uint8Array, hashes: typeof JAVA | typeof ALIKE) {
  const folder = t.testdir({ 'public.pem': PEM.publicKey, 'private.pem': PEM.privateKey });
  writeFileSync(join(folder, 'in'), block);
  const key = direction === 'encrypt' ? ['-pubin', '-inkey', 'public.pem'] : ['-inkey', 'private.pem'];
  const given = ['rsa_padding_mode:oaep', `rsa_oaep_md:${hashes.oaepHash}`, `rsa_mgf1_md:${hashes.mgf1Hash}`];
  const words = ['pkeyutl', `-${direction}`, ...key, '-in', 'in', '-out', 'out'];
  execFileSync('openssl', [...words, ...given.flatMap((option) => ['-pkeyopt', option])], { cwd: folder });
  return readFileSync(join(folder, 'out'));
}

function through(stream: CipherStream, pieces: Iterable<Uint8Array>): Buffer {
  const out: Buffer[] = [];
  for (const piece of pieces) out.push(Buffer.from(stream.update(piece)));
  return Buffer.concat([...out, stream.final()]);
}

const TEXT = JSON.stringify({ CustomerName: '张三', VehicleOrgName: '某某汽车有限公司', Cards: 'x'.repeat(300) });

t.test('RSA-1024 with SHA-256 takes blocks of 62 bytes, and gives 128 for each', async (t) => {
  const cipher = createCipher(options());
  for (const [bytes, blocks] of [
    [0, 1],
    [1, 1],
    [62, 1],
    [63, 2],
    [124, 2],
    [125, 3],
  ] as const) {
    const encrypted = cipher.encrypt(Buffer.alloc(bytes, 7));
    t.equal(encrypted.length, 128 * blocks, `${bytes} bytes`);
    t.same(cipher.decrypt(encrypted), Buffer.alloc(bytes, 7));
  }
});

t.test('openssl reads what we write and we read what openssl writes, with both pairs of hashes', async (t) => {
  for (const hashes of [ALIKE, JAVA]) {
    const cipher = createCipher(options(hashes));
    const encrypted = Buffer.from(cipher.encryptText(TEXT), 'base64');
    const blocks = Array.from({ length: encrypted.length / 128 }, (_, at) =>
      encrypted.subarray(128 * at, 128 * at + 128),
    );
    const read = Buffer.concat(blocks.map((block) => openssl(t, 'decrypt', block, hashes)));
    t.equal(read.toString(), TEXT, `openssl reads ${hashes.oaepHash} with ${hashes.mgf1Hash}`);
    const plain = Buffer.from(TEXT);
    const written: Buffer[] = [];
    for (let at = 0; at < plain.length; at += 62) {
      written.push(openssl(t, 'encrypt', plain.subarray(at, at + 62), hashes));
    }
    t.equal(cipher.decryptText(Buffer.concat(written).toString('base64')), TEXT, 'we read openssl');
  }
});

t.test('node:crypto, which has one hash for both, agrees where they are alike', async (t) => {
  const cipher = createCipher(options());
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const block = Buffer.from('one block');
  t.same(privateDecrypt({ key: privateKey, padding, oaepHash: 'sha256' }, cipher.encrypt(block)), block);
  t.same(cipher.decrypt(publicEncrypt({ key: publicKey, padding, oaepHash: 'sha256' }, block)), block);
  t.throws(
    () => createCipher(options(JAVA)).decrypt(publicEncrypt({ key: publicKey, padding, oaepHash: 'sha256' }, block)),
    UNDECRYPTABLE,
    'control: with another pair of hashes it does not',
  );
});

t.test('every pair of hashes gives bytes and text back, however they are cut', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keys = {
    publicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
  };
  for (const oaepHash of HASHES) {
    for (const mgf1Hash of HASHES) {
      const cipher = createCipher(options({ ...keys, oaepHash, mgf1Hash }, { encoding: 'hex' }));
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 600, size: 'max' }), fc.array(fc.nat(700)), (bytes, at) => {
          const encrypted = through(cipher.encryptor(), cut(bytes, at));
          const plain = through(cipher.decryptor(), cut(encrypted, at));
          return Buffer.compare(plain, bytes) === 0;
        }),
        { numRuns: 5 },
      );
    }
  }
});

t.test('with the IV of the ledger the same file comes out each time, without it never', async (t) => {
  const cipher = createCipher(options());
  const iv = createHash('md5').update('iv').digest();
  const text = Buffer.alloc(200, 'a');
  t.same(cipher.encrypt(text, iv), cipher.encrypt(text, iv));
  t.notSame(cipher.encrypt(text), cipher.encrypt(text));
  const [first, second] = [0, 1].map((at) => Buffer.from(cipher.encrypt(text, iv)).subarray(128 * at, 128 * at + 128));
  t.notSame(first, second, 'blocks of the same text differ');
});

t.test('whatever is wrong with a ciphertext is told in the same words', async (t) => {
  const cipher = createCipher(options());
  const sound = Buffer.from(cipher.encrypt(Buffer.alloc(100, 'x')));
  const encryptRaw = (block: Buffer) => publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, block);
  const spoiled: [what: string, bytes: Buffer][] = [
    ['a bit', Buffer.from(sound.map((byte, at) => (at === 200 ? byte ^ 1 : byte)))],
    ['an unpadded block', encryptRaw(Buffer.alloc(128, 0))],
    ['a first byte that is not 0', encryptRaw(Buffer.concat([Buffer.from([1]), Buffer.alloc(127, 9)]))],
    ['a number above the modulus', Buffer.alloc(128, 255)],
    ['text that is not UTF-8', Buffer.from(cipher.encrypt(Buffer.from([0xff, 0xfe])))],
  ];
  const messages = spoiled.map(([what, bytes]) => {
    try {
      return cipher.decryptText(bytes.subarray(-128).toString('base64'));
    } catch (thrown) {
      t.match(thrown, UNDECRYPTABLE, what);
      return (thrown as Error).message;
    }
  });
  t.equal(new Set(messages).size, 1);
  t.throws(() => cipher.decryptText(''), UNDECRYPTABLE, 'nothing');
  t.throws(() => cipher.decrypt(sound.subarray(0, 200)), UNDECRYPTABLE, 'half a block');
  t.throws(() => cipher.decryptText('!!!!'), UNDECRYPTABLE, 'no base64');
});

t.test('a padding is wrong wherever a byte of it is', async (t) => {
  const hashes = { oaepHash: 'sha1', mgf1Hash: 'sha1' };
  const { pad } = await import('../../crypto/oaep.js');
  const sound = pad(Buffer.from('text'), Buffer.alloc(20, 5), 64, hashes);
  t.same(unpad(Buffer.from(sound), hashes)?.toString(), 'text', 'control');
  for (let at = 0; at < sound.length; at += 1) {
    const spoiled = Buffer.from(sound);
    spoiled[at]! ^= 0x80;
    const read = unpad(spoiled, hashes);
    // the last bytes are the text itself; RSA, not the padding, keeps them from being changed alone
    if (at < sound.length - 4) t.equal(read, undefined, `byte ${at}`);
  }
});

t.test('a field of more than blocksMax blocks is not decrypted', async (t) => {
  const cipher = createCipher(options({ blocksMax: 2 }));
  t.equal(cipher.decryptText(cipher.encryptText('x'.repeat(124))).length, 124);
  t.throws(() => cipher.decryptText(cipher.encryptText('x'.repeat(125))), { ...UNDECRYPTABLE, message: /blocksMax/ });
});

t.test('one key is enough for one direction; the other says which is missing', async (t) => {
  const { publicKey, privateKey } = PEM;
  const common = { ...ALIKE, blocksMax: 10 };
  const writer = createCipher({ ...options(), rsa: { publicKey, ...common } });
  const reader = createCipher({ ...options(), rsa: { privateKey, ...common } });
  t.equal(reader.decryptText(writer.encryptText('text')), 'text');
  t.throws(() => writer.decryptText('AAAA'), {
    code: 'CONFIG_INVALID',
    message: /rsa\.privateKey/,
    failureCause: '604',
  });
  t.throws(() => reader.encryptText('text'), { code: 'CONFIG_INVALID', message: /rsa\.publicKey/ });
});

t.test('wrong keys are refused, and none of their characters shown', async (t) => {
  const short = generateKeyPairSync('rsa', { modulusLength: 512 }).publicKey.export({ format: 'pem', type: 'spki' });
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'pem', type: 'spki' });
  const { rsa: _, ...none } = options();
  const wrong: [CipherOptions, RegExp][] = [
    [none as CipherOptions, /^cipher rsa-oaep: rsa: expected a mapping with publicKey .* got nothing$/],
    [{ ...options(), rsa: { ...ALIKE, blocksMax: 1 } }, /rsa: .* got neither$/],
    [options({ publicKey: 'hush' }), /rsa\.publicKey: expected an RSA public key, .* got 4 characters that are not$/],
    [options({ publicKey: curve.toString() }), /rsa\.publicKey: expected an RSA public key/],
    [options({ privateKey: PEM.publicKey }), /rsa\.privateKey: expected an RSA private key without a passphrase/],
    [options({ publicKey: short.toString() }), /a key of 1024 to 8192 bits, .* got one of 512$/],
    [options({ oaepHash: 'sha512' }), /a key of 1048 to 8192 bits, for OAEP with sha512, got one of 1024/],
    [options({}, { key: 'ff' }), /^cipher rsa-oaep: key: expected no key beside rsa-oaep/],
    [options({}, { name: 'sm4-cbc', key: '0'.repeat(32) }), /rsa: expected rsa only with name: rsa-oaep/],
  ];
  for (const [given, message] of wrong) t.throws(() => createCipher(given), { code: 'CONFIG_INVALID', message });
});
