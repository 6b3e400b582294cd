import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { CipherOptions, Peer } from '../contract/peer.js';

/** A role's folder: its pipeline file as shipped, and beside it what only this site knows. */
export interface Site {
  folder: string;
  /** The text of its pipeline file. */
  pipeline: string;
  peers: Record<string, Peer>;
  /** File name → text, readable by the owner alone, in `secrets/`. */
  secrets: Record<string, string>;
  /** File name → text. */
  files: Record<string, string>;
}

/** @returns the path of the pipeline file */
export function writeSite(site: Site): string {
  const secrets = join(site.folder, 'secrets');
  mkdirSync(secrets, { recursive: true, mode: 0o700 });
  for (const [name, text] of Object.entries(site.secrets)) writeFileSync(join(secrets, name), text, { mode: 0o600 });
  for (const [name, text] of Object.entries(site.files)) writeFileSync(join(site.folder, name), text);
  const peers: Record<string, unknown> = {};
  for (const [name, peer] of Object.entries(site.peers)) peers[name] = withSecrets(name, peer, secrets);
  writeFileSync(join(site.folder, 'peers.yaml'), JSON.stringify(peers, null, 2)); // JSON is YAML
  const path = join(site.folder, 'pipeline.yaml');
  writeFileSync(path, site.pipeline);
  return path;
}

/** A peer as its file names it: password and key stand among the secrets. */
function withSecrets(name: string, peer: Peer, secrets: string): unknown {
  writeFileSync(join(secrets, `${name}.password`), peer.password, { mode: 0o600 });
  const password = `\${secret:${name}.password}`;
  if (!peer.cipher) return { ...peer, password };
  writeFileSync(join(secrets, `${name}.key`), peer.cipher.key, { mode: 0o600 });
  return { ...peer, password, cipher: { ...peer.cipher, key: `\${secret:${name}.key}` } };
}

/** SM4-CBC under a new key, the IV in front, base64 in JSON (interpretation.md, "cipher"). */
export function newCipher(): CipherOptions {
  return { name: 'sm4-cbc', key: randomBytes(16).toString('hex'), iv: 'prefix', encoding: 'base64' };
}

export const newPassword = (): string => randomBytes(12).toString('base64url');

/** A port on loopback that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
