import t from 'tap';
import { loadSsh2 } from '../../connections/ssh2.js';
import { newSshKeys } from '../../demo/sshKeys.js';

t.test('every pair can be read again, also one whose public key begins with a zero', async (t) => {
  const { utils } = await loadSsh2();
  // one pair in 256 begins so
  for (let drawn = 0; drawn < 2_000; drawn += 1) {
    const { privateKey, publicKey, fingerprint } = await newSshKeys();
    const parsed = [utils.parseKey(privateKey), utils.parseKey(publicKey)].flat();
    if (parsed.some((key) => key instanceof Error)) t.fail(`${fingerprint} cannot be read`);
  }
  t.pass('2,000 pairs');
});
