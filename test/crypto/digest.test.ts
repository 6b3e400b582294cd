import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import smCrypto from 'sm-crypto';
import t from 'tap';
import { Sm3, sm3Hex } from '../../crypto/digest.js';
import { BufferedSm3 } from '../../crypto/smCrypto.js';
import { cut } from '../support/cut.js';

t.test('SM3 gives the digests of GB/T 32905 appendix A', async (t) => {
  t.equal(sm3Hex('abc'), '66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0');
  t.equal(sm3Hex('abcd'.repeat(16)), 'debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732');
});

t.test('SM3 is the same as `openssl dgst -sm3`', async (t) => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('车联网卡'), Buffer.alloc(100_000, 7)]) {
    const printed = execFileSync('openssl', ['dgst', '-sm3', '-r'], { input: bytes, timeout: 10_000 }).toString();
    t.equal(sm3Hex(bytes), printed.split(' ')[0]);
  }
});

t.test('SM3 does not depend on how the bytes are cut, nor on who computes it', async () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 500, size: 'max' }),
      fc.array(fc.nat(100), { maxLength: 10 }),
      (bytes, sizes) => {
        const pieces = new Sm3();
        const fallback = new BufferedSm3();
        for (const piece of cut(bytes, sizes)) {
          pieces.update(piece);
          fallback.update(piece);
        }
        const whole = sm3Hex(bytes);
        return pieces.hex() === whole && fallback.digest('hex') === whole && smCrypto.sm3(bytes) === whole;
      },
    ),
    { seed: 32905, numRuns: 200 },
  );
});

t.test('a string counts as its UTF-8 bytes, in the replacement too', async (t) => {
  t.equal(sm3Hex('张三'), sm3Hex(Buffer.from('张三')));
  t.equal(new BufferedSm3().update('张三').digest('hex'), sm3Hex('张三'));
});

t.test('the replacement refuses more than it can hold, instead of filling the memory', async (t) => {
  const digest = new BufferedSm3().update(Buffer.alloc(16 * 1024 * 1024));
  t.throws(() => digest.update(Buffer.alloc(1)), { code: 'COMPONENT_UNAVAILABLE' });
});
