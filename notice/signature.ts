import { timingSafeEqual } from 'node:crypto';
import type { Peer } from '../contract/peer.js';
import { sm3Hex } from '../crypto/digest.js';

/** SignNature of tables 2 and 6: SM3 of platform id and password, one after the other in UTF-8; 64 lower-case hex digits. */
export function signNature(platformId: string, password: string): string {
  return sm3Hex(platformId + password);
}

/**
 * Whether a SignNature is this peer's, in either case of letters. Takes the same time whatever was given, so that nobody
 * finds a signature digit by digit.
 */
export function signatureMatches(peer: Pick<Peer, 'platformId' | 'password'>, given: unknown): boolean {
  const expected = expectedOf(peer);
  const wellFormed = typeof given === 'string' && /^[0-9a-fA-F]{64}$/.test(given);
  // Something ill-formed is compared too: with nothing it could equal.
  const compared = Buffer.from(wellFormed ? given.toLowerCase() : '-'.repeat(64));
  return timingSafeEqual(expected, compared);
}

/** A peer's signature never changes, and is asked for with every message. */
const expectedSignatures = new WeakMap<object, Buffer>();

function expectedOf(peer: Pick<Peer, 'platformId' | 'password'>): Buffer {
  const known = expectedSignatures.get(peer);
  if (known) return known;
  const expected = Buffer.from(signNature(peer.platformId, peer.password));
  expectedSignatures.set(peer, expected);
  return expected;
}
