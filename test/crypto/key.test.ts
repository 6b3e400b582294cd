import t from 'tap';
import type { CipherOptions } from '../../contract/peer.js';
import { createCipher } from '../../crypto/cipher.js';
import { cipherFaults } from '../../crypto/key.js';

const good: CipherOptions = { name: 'sm4-cbc', key: 'aB'.repeat(16), iv: 'prefix', encoding: 'base64' };

const rules = (options: Partial<CipherOptions>) =>
  cipherFaults({ ...good, ...options }).map((fault) => `${fault.field}: ${fault.rule}; got ${fault.value}`);

t.test('a right key has no fault', async (t) => {
  t.same(rules({}), []);
  t.same(rules({ name: 'aes-256-gcm', key: '0'.repeat(64) }), []);
  t.same(rules({ iv: 'fixed', fixedIv: '00'.repeat(16) }), []);
  t.same(rules({ name: 'sm4-ecb', iv: 'fixed' }), [], 'ecb has no IV to ask for');
});

t.test('a wrong key is told with what to write instead', async (t) => {
  t.match(rules({ key: 'ab' })[0], /^key: 32 hex digits \(the 16 bytes that sm4-cbc takes\); got 2 characters$/);
  t.match(rules({ key: `0x${good.key}` })[0], /leave 0x out/);
  t.match(rules({ key: `${good.key}\n` })[0], /remove spaces and line ends/);
  t.match(rules({ key: 'sixteen-letters!' })[0], /write each as two hex digits/);
  t.match(rules({ key: Buffer.alloc(16, 200).toString('base64') })[0], /if this is base64/);
  t.match(rules({ name: 'aes-256-cbc' })[0], /64 hex digits/);
  t.match(rules({ key: '' })[0], /got nothing$/);
  t.match(rules({ key: 'zz'.repeat(16) })[0], /not all of them hex digits/);
});

t.test('an IV that does not fit its mode is a fault', async (t) => {
  t.match(rules({ iv: 'fixed' })[0], /^fixedIv: 32 hex digits/);
  t.match(rules({ name: 'aes-128-gcm', iv: 'fixed', fixedIv: '00'.repeat(16) })[0], /24 hex digits/);
  t.match(rules({ fixedIv: '00'.repeat(16) })[0], /absent/);
});

t.test('all faults come at once, and none shows a character of the key', async (t) => {
  const secret = 'f00dfeed';
  const faults = cipherFaults({ ...good, key: secret, iv: 'fixed', envelope: { privateKey: secret } });
  t.same(
    faults.map((fault) => fault.field),
    ['envelope.privateKey', 'key', 'fixedIv'],
  );
  t.notMatch(JSON.stringify(faults), secret);
});

t.test('a cipher is not made of wrong options', async (t) => {
  t.throws(() => createCipher({ ...good, key: 'abc' }), { code: 'CONFIG_INVALID', message: /key: expected 32 hex/ });
});
