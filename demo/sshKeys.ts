import { fingerprintOf, loadSsh2 } from '../connections/ssh2.js';

export interface SshKeys {
  /** As ssh-keygen writes it. */
  privateKey: string;
  /** The line of a `.pub` file. */
  publicKey: string;
  /** `SHA256:…` */
  fingerprint: string;
}

/** A new ed25519 pair. */
export async function newSshKeys(): Promise<SshKeys> {
  const { utils } = await loadSsh2();
  const { private: privateKey, public: publicKey } = utils.generateKeyPairSync('ed25519');
  const parsed = utils.parseKey(publicKey);
  if (parsed instanceof Error) throw parsed;
  return { privateKey, publicKey, fingerprint: fingerprintOf(parsed.getPublicSSH()) };
}
