import { createHash } from 'node:crypto';
import type ssh2 from 'ssh2';

/** The home of the package ssh2: loaded when the first connection is made, so that `check` never touches it. */
export async function loadSsh2(): Promise<typeof ssh2> {
  return (await import('ssh2')).default;
}

export type { Attributes, AuthContext, Client, Connection, FileEntry, ParsedKey, Server, SFTPWrapper } from 'ssh2';

/** A host key's fingerprint as `ssh-keygen -l` prints it: `SHA256:` and base64 without padding. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The algorithm that a public key in wire format begins with (RFC 4253 6.6): `ssh-ed25519`. */
export function algorithmOf(key: Buffer): string {
  return key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
}
