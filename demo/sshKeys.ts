import { fingerprintOf, loadSsh2 } from '../connections/ssh2.js';

export interface SshKeys {
  /** As ssh-keygen writes it. */
  privateKey: string;
  /** The line of a `.pub` file. */
  publicKey: string;
  /** `SHA256:…` */
  fingerprint: string;
}

/** One pair in 256 comes out broken: `generateKeyPairSync` takes a leading zero off the public key (mscdex/ssh2#1390). */
const DRAWS_MAX = 20;

/** A new ed25519 pair. */
export async function newSshKeys(): Promise<SshKeys> {
  const { utils } = await loadSsh2();
  for (let draw = 1; ; draw += 1) {
    const { private: privateKey, public: publicKey } = utils.generateKeyPairSync('ed25519');
    const parsed = utils.parseKey(publicKey);
    if (!(parsed instanceof Error)) return { privateKey, publicKey, fingerprint: fingerprintOf(parsed.getPublicSSH()) };
    if (draw === DRAWS_MAX) throw parsed;
  }
}
