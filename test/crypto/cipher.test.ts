import { execFileSync } from 'node:child_process';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import fc from 'fast-check';
import smCrypto from 'sm-crypto';
import t from 'tap';
import { IovError } from '../../contract/error.js';
import type { CipherOptions } from '../../contract/peer.js';
import { type CipherStream, createCipher } from '../../crypto/cipher.js';
import { cipherSizes } from '../../crypto/key.js';
import { sm4Stream } from '../../crypto/smCrypto.js';
import { cut } from '../support/cut.js';

const KEY = '0123456789abcdeffedcba9876543210';
const NAMES = ['sm4-cbc', 'sm4-ecb', 'sm4-ctr', 'aes-128-cbc', 'aes-256-cbc', 'aes-128-gcm', 'aes-256-gcm'] as const;

function options(name: CipherOptions['name'], more: Partial<CipherOptions> = {}): CipherOptions {
  const key = KEY.repeat(2).slice(0, 2 * cipherSizes(name).keyBytes);
  return { name, key, iv: 'prefix', encoding: 'base64', ...more };
}

const fixedIv = (name: CipherOptions['name']) => KEY.slice(0, 2 * (cipherSizes(name).ivBytes || 16));

function* everyOption(): Generator<CipherOptions> {
  for (const name of NAMES) {
    for (const encoding of ['base64', 'hex'] as const) {
      yield options(name, { encoding });
      yield options(name, { encoding, iv: 'fixed', fixedIv: fixedIv(name) });
    }
  }
}

function through(stream: CipherStream, pieces: Iterable<Uint8Array>): Buffer {
  const out: Buffer[] = [];
  for (const piece of pieces) out.push(Buffer.from(stream.update(piece)));
  out.push(Buffer.from(stream.final()));
  return Buffer.concat(out);
}

t.test('SM4 gives the ciphertexts of GB/T 32907 appendix A', async (t) => {
  const plain = Buffer.from(KEY, 'hex');
  const encrypted = Buffer.from(createCipher(options('sm4-ecb')).encrypt(plain));
  t.equal(encrypted.subarray(0, 16).toString('hex'), '681edf34d206965e86b3e94f536e4246');

  let block: Uint8Array = plain;
  const encryptor = createCipher(options('sm4-ecb')).encryptor();
  for (let round = 0; round < 1_000_000; round += 1) block = encryptor.update(block);
  t.equal(Buffer.from(block).toString('hex'), '595298c7c6fd271f0402f804c33d3f66');
});

t.test('every cipher gives bytes and text back as they were', async () => {
  for (const each of everyOption()) {
    const cipher = createCipher(each);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100, size: 'max' }),
        fc.string({ unit: 'grapheme', maxLength: 40, size: 'max' }),
        (bytes, text) => {
          const same = Buffer.compare(cipher.decrypt(cipher.encrypt(bytes)), bytes) === 0;
          return same && cipher.decryptText(cipher.encryptText(text)) === text;
        },
      ),
      { seed: 32907, numRuns: 50 },
    );
  }
});

t.test('a stream gives the same bytes however it is cut, both ways', async () => {
  for (const each of everyOption()) {
    const cipher = createCipher(each);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200, size: 'max' }),
        fc.array(fc.nat(40), { maxLength: 6 }),
        (bytes, sizes) => {
          const iv = Buffer.alloc(16, 5);
          const encrypted = cipher.encrypt(bytes, iv);
          const pieces = through(cipher.encryptor(iv), cut(bytes, sizes));
          const back = through(cipher.decryptor(), cut(encrypted, sizes));
          return pieces.equals(encrypted) && back.equals(bytes);
        },
      ),
      { seed: 1, numRuns: 50 },
    );
  }
});

t.test('sm4-cbc goes both ways with `openssl enc`, the IV in front', async (t) => {
  const plain = Buffer.from(JSON.stringify({ CustomerName: '张三', ICCID: '89860012345678901234' }));
  const cipher = createCipher(options('sm4-cbc'));
  const encrypted = Buffer.from(cipher.encrypt(plain));
  const iv = encrypted.subarray(0, 16).toString('hex');
  const openssl = (args: string[], input: Uint8Array) =>
    execFileSync('openssl', ['enc', ...args, '-sm4-cbc', '-K', KEY, '-iv', iv], { input, timeout: 10_000 });
  t.same(openssl(['-d'], encrypted.subarray(16)), plain);
  t.same(Buffer.from(cipher.decrypt(Buffer.concat([Buffer.from(iv, 'hex'), openssl([], plain)]))), plain);
});

t.test('sm4-cbc and sm4-ecb give what sm-crypto gives', async (t) => {
  const text = '车联网卡'.repeat(9);
  const iv = Buffer.alloc(16, 3).toString('hex');
  const cbc = createCipher(options('sm4-cbc', { iv: 'fixed', fixedIv: iv, encoding: 'hex' }));
  t.equal(cbc.encryptText(text), smCrypto.sm4.encrypt(text, KEY, { mode: 'cbc', iv }));
  t.equal(createCipher(options('sm4-ecb', { encoding: 'hex' })).encryptText(text), smCrypto.sm4.encrypt(text, KEY));
});

t.test('the replacement for a host without SM4 gives the same bytes, however they are cut', async () => {
  const key = Buffer.from(KEY, 'hex');
  for (const name of ['sm4-cbc', 'sm4-ecb', 'sm4-ctr']) {
    const iv = name === 'sm4-ecb' ? Buffer.alloc(0) : Buffer.alloc(16, 0xff); // the counter carries at once
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80, size: 'max' }),
        fc.array(fc.nat(40), { maxLength: 4 }),
        (bytes, sizes) => {
          const native = createCipheriv(name, key, iv);
          const expected = Buffer.concat([native.update(bytes), native.final()]);
          const encrypted = through(sm4Stream(name, 'encrypt', key, iv), cut(bytes, sizes));
          const back = through(sm4Stream(name, 'decrypt', key, iv), cut(encrypted, sizes));
          return encrypted.equals(expected) && back.equals(bytes);
        },
      ),
      { seed: 4, numRuns: 30 },
    );
  }
});

t.test('the replacement refuses a spoiled padding', async (t) => {
  const key = Buffer.from(KEY, 'hex');
  const none = Buffer.alloc(0);
  const unpadded = (block: Uint8Array) => createCipheriv('sm4-ecb', key, none).setAutoPadding(false).update(block);
  const endings = [[0], [17], [255], [1, 2], [3, 2, 3]].map((end) =>
    unpadded(Buffer.from([...Array(16 - end.length).fill(9), ...end])),
  );
  for (const spoiled of [none, Buffer.alloc(15), Buffer.alloc(17), ...endings]) {
    t.throws(() => through(sm4Stream('sm4-ecb', 'decrypt', key, none), [spoiled]), spoiled.toString('hex'));
  }
  t.equal(through(sm4Stream('sm4-ecb', 'decrypt', key, none), [unpadded(Buffer.alloc(16, 16))]).length, 0);
});

t.test('a random IV is in front, so that the same text never looks the same', async (t) => {
  const cipher = createCipher(options('sm4-cbc'));
  const seen = new Set(Array.from({ length: 1000 }, () => cipher.encryptText('1')));
  t.equal(seen.size, 1000);
});

t.test('a given IV comes out first, and the 16 bytes of the ledger serve every cipher', async (t) => {
  const iv = Buffer.from(KEY, 'hex');
  for (const name of NAMES) {
    const encrypted = Buffer.from(createCipher(options(name)).encrypt(Buffer.from('x'), iv));
    const { ivBytes } = cipherSizes(name);
    t.same(encrypted.subarray(0, ivBytes), iv.subarray(0, ivBytes), name);
  }
  t.throws(() => createCipher(options('sm4-cbc')).encryptor(Buffer.alloc(15)), { code: 'INTERNAL' });
});

t.test('what cannot be decrypted is UNDECRYPTABLE, whatever came', async (t) => {
  for (const each of everyOption()) {
    const cipher = createCipher(each);
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ maxLength: 60, size: 'max' }), fc.base64String({ maxLength: 120, size: 'max' })),
        (text) => {
          try {
            cipher.decryptText(text); // without a tag, chance may make it text
            return true;
          } catch (error) {
            return error instanceof IovError && error.code === 'UNDECRYPTABLE' && error.failureCause === '400';
          }
        },
      ),
      { seed: 2, numRuns: 100 },
    );
  }
  const spoiled = createCipher(options('sm4-cbc')).encryptText('x'.repeat(60));
  for (const text of ['', '!', spoiled.slice(0, -4), `${spoiled}!`, spoiled.replace(/^./, '*')]) {
    t.throws(() => createCipher(options('sm4-cbc')).decryptText(text), { code: 'UNDECRYPTABLE' }, text);
  }
});

t.test('what a cipher was given before, sound or spoiled, changes nothing of the next text', async () => {
  const iv = Buffer.alloc(16, 5);
  for (const name of ['sm4-cbc', 'aes-256-cbc'] as const) {
    const each = options(name);
    const cipher = createCipher(each);
    const decipher = (bytes: Uint8Array) => {
      const engine = createDecipheriv(name, Buffer.from(each.key, 'hex'), bytes.subarray(0, 16));
      return Buffer.concat([engine.update(bytes.subarray(16)), engine.final()]);
    };
    const outcome = (decrypt: (bytes: Uint8Array) => Uint8Array, bytes: Uint8Array): string => {
      try {
        return Buffer.from(decrypt(bytes)).toString('hex');
      } catch {
        return 'refused';
      }
    };
    const unpadded = (block: Uint8Array): Buffer => {
      const engine = createCipheriv(name, Buffer.from(each.key, 'hex'), iv).setAutoPadding(false);
      return Buffer.concat([iv, engine.update(block)]);
    };
    // blocks that end like padding, or nearly so: none of it, too much of it, one byte of it another
    const endings = fc.tuple(fc.nat(2), fc.nat(18), fc.nat(17)).map(([blocks, padding, other]) => {
      const bytes = Buffer.alloc(16 * (blocks + 1), padding);
      bytes[bytes.length - 1 - Math.min(other, bytes.length - 2)] = other === 0 ? padding : 1;
      return unpadded(bytes);
    });
    const sound = fc.uint8Array({ maxLength: 70 }).map((bytes) => cipher.encrypt(bytes));
    fc.assert(
      fc.property(fc.array(fc.oneof(sound, endings, fc.uint8Array({ maxLength: 70 })), { maxLength: 8 }), (all) =>
        all.every((bytes) => outcome((one) => cipher.decrypt(one), bytes) === outcome(decipher, bytes)),
      ),
      { seed: 6, numRuns: 300 },
    );
  }
});

t.test('gcm notices every changed bit, also in a stream', async (t) => {
  const cipher = createCipher(options('aes-256-gcm'));
  const encrypted = Buffer.from(cipher.encrypt(Buffer.from('车架号')));
  for (let bit = 0; bit < encrypted.length * 8; bit += 1) {
    const changed = Buffer.from(encrypted);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    t.throws(() => through(cipher.decryptor(), cut(changed, [5])), { code: 'UNDECRYPTABLE' });
  }
  t.equal(Buffer.from(cipher.decrypt(encrypted)).toString(), '车架号', 'the unchanged one passes');
});

t.test('wrong padding and wrong UTF-8 get the same words, so that nobody decrypts by asking', async (t) => {
  const cipher = createCipher(options('sm4-ecb'));
  const messageOf = (encrypted: Uint8Array) => {
    try {
      return cipher.decryptText(Buffer.from(encrypted).toString('base64'));
    } catch (error) {
      return (error as Error).message;
    }
  };
  t.equal(messageOf(cipher.encrypt(Buffer.of(0xff))), messageOf(Buffer.alloc(16)));
  t.match(messageOf(Buffer.alloc(16)), /expected sm4-ecb/);
});

t.test('base64 broken into lines, as older Java encoders write it, is read', async (t) => {
  const cipher = createCipher(options('sm4-cbc'));
  const broken = cipher.encryptText('x'.repeat(200)).replace(/(.{76})/g, '$1\r\n');
  t.equal(cipher.decryptText(`${broken}\r\n`), 'x'.repeat(200));
  t.throws(
    () => cipher.decryptText(`${'\n'.repeat(1_000_000)}!`),
    { code: 'UNDECRYPTABLE' },
    'in no more than linear time',
  );
});

t.test('one cipher serves several streams at once', async (t) => {
  const cipher = createCipher(options('sm4-cbc'));
  const [one, other] = [cipher.encryptor(), cipher.encryptor()];
  const pieces = [one.update(Buffer.from('a')), other.update(Buffer.from('b')), one.final(), other.final()];
  t.equal(Buffer.from(cipher.decrypt(Buffer.concat([pieces[0]!, pieces[2]!]))).toString(), 'a');
  t.equal(Buffer.from(cipher.decrypt(Buffer.concat([pieces[1]!, pieces[3]!]))).toString(), 'b');
});
