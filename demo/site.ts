import { randomBytes, randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
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

/** Below those that the system gives to whoever asks for any, as most listeners and every client do. */
const PORT_FIRST = 10_000;
const PORT_END = 32_000;
const TRIES_MAX = 1_000;

/** A port on loopback that is free now, and that no other caller is given, here or in another process, until this process ends. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const port = randomInt(PORT_FIRST, PORT_END);
    if (await isFree(port)) return port;
  }
  throw new Error(`expected a free port on 127.0.0.1 from ${PORT_FIRST} to ${PORT_END}; ${TRIES_MAX} were taken`);
}

/** Whoever holds the UDP port of the same number has the TCP port promised. */
function isFree(port: number): Promise<boolean> {
  const where = { host: '127.0.0.1', address: '127.0.0.1', port };
  return new Promise((resolve) => {
    const promise = createSocket('udp4').unref();
    const taken = () => promise.close(() => resolve(false));
    promise.once('error', taken).bind({ ...where, exclusive: true }, () => {
      const server = createServer().once('error', taken);
      server.listen(where, () => server.close(() => resolve(true)));
    });
  });
}
