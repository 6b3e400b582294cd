import { execFileSync } from 'node:child_process';
import t from 'tap';
import { signatureMatches, signNature } from '../../notice/signature.js';

const peer = { platformId: 'OEM-1', password: '口令 secret' };

t.test('SignNature is the SM3 of PlatformID and password, as `openssl` computes it', async (t) => {
  const printed = execFileSync('openssl', ['dgst', '-sm3', '-r'], { input: 'OEM-1口令 secret', timeout: 10_000 });
  t.equal(signNature(peer.platformId, peer.password), printed.toString().slice(0, 64));
});

t.test('a signature counts in either case of letters', async (t) => {
  const signature = signNature(peer.platformId, peer.password);
  t.ok(signatureMatches(peer, signature));
  t.ok(signatureMatches(peer, signature.toUpperCase()));
});

t.test('anything else is refused, and nothing makes it throw', async (t) => {
  const signature = signNature(peer.platformId, peer.password);
  const changed = Array.from(signature, (digit, at) => {
    const other = digit === '0' ? '1' : '0';
    return signature.slice(0, at) + other + signature.slice(at + 1);
  });
  const illFormed = ['', '-'.repeat(64), ` ${signature}`, `${signature}0`, signature.slice(1), '口'.repeat(64)];
  const notText = [undefined, null, 0, {}, [signature], Buffer.from(signature)];
  for (const given of [...changed, ...illFormed, ...notText]) t.notOk(signatureMatches(peer, given));
  t.notOk(signatureMatches({ ...peer, password: 'other' }, signature));
});
