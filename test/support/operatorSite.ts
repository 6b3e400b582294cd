import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Peer } from '../../contract/peer.js';
import { type Certificates, makeCertificates } from '../../demo/certificates.js';
import { generator } from '../../demo/generator.js';
import { freePort, newCipher, newPassword, writeSite } from '../../demo/site.js';
import { newSshKeys } from '../../demo/sshKeys.js';
import { cutoffMs } from '../../notice/cutoff.js';

const SHIPPED = fileURLToPath(new URL('../../../', import.meta.url));

/** The afternoon before the day on which both the daily and the monthly files are due, and a while into that day. */
export const AFTERNOON_MS = cutoffMs('2026111515');
export const MIDNIGHT_MS = cutoffMs('2026111600');
export const AFTER_MIDNIGHT_MS = MIDNIGHT_MS + 1_800_000;

/** Its pipelines that deliver a window by a schedule. */
export { EXPORTS } from '../../demo/roles.js';

export interface ServerAddress {
  host: string;
  port: number;
  username: string;
  privateKey: string;
  hostKey: string;
}

/** An operator's folder with a shipped pipeline file, to be run by a process of its own. */
export interface OperatorSite {
  folder: string;
  /** Of the pipeline file. */
  path: string;
  maker: Peer;
  regulator: Peer;
  ca: string;
  url: { account: string; vehicle: string; command: string };
}

export interface SiteOptions {
  folder: string;
  server: ServerAddress;
  /** Where files go on that server. */
  upload: string;
  /** `pipeline.yaml`, or one of `pipelines/`. */
  shipped?: string;
  bytesMax: number;
  /** What else differs from the shipped file: each text is there, and is replaced everywhere. */
  changes?: readonly (readonly [from: string, to: string])[];
  files?: Record<string, string>;
}

export async function operatorSite(options: SiteOptions): Promise<OperatorSite> {
  const { folder, server, upload, shipped = 'pipeline.yaml', bytesMax, changes = [], files = {} } = options;
  const [port, commandPort, dropPort] = [await freePort(), await freePort(), await freePort()];
  const drop = { host: await newSshKeys(), client: await newSshKeys() };
  const tls: Certificates = await makeCertificates();
  const maker: Peer = {
    platformId: 'OEM-PLATFORM-01',
    password: newPassword(),
    codes: makerCodes(),
    cipher: newCipher(),
  };
  const regulator: Peer = { platformId: 'MIIT-PLATFORM', password: newPassword(), codes: [], cipher: newCipher() };
  const path = writeSite({
    folder,
    pipeline: replaced(readFileSync(join(SHIPPED, shipped), 'utf8'), [
      [
        /host: sftp\.regulator\.example/,
        `host: ${server.host}\n      port: ${server.port}`,
        shipped === 'pipeline.yaml',
      ],
      [/\n {6}port: 22\n/, '\n', shipped === 'pipeline.yaml'],
      [/host: sftp\.regulator\.example/, `host: ${server.host}, port: ${server.port}`, shipped !== 'pipeline.yaml'],
      [/username: operator/, `username: ${server.username}`, true],
      [/"SHA256:[A0]+"/, JSON.stringify(server.hostKey), true],
      [/listen: 0\.0\.0\.0:8443/, `listen: 127.0.0.1:${port}`, shipped === 'pipeline.yaml'],
      [/listen: 0\.0\.0\.0:8444/, `listen: 127.0.0.1:${commandPort}`, shipped === 'pipeline.yaml'],
      [/listen: 0\.0\.0\.0:2022/, `listen: 127.0.0.1:${dropPort}`, shipped === 'pipeline.yaml'],
      [/\$\{file:\.\.\/peers\.yaml\}/, `\${file:peers.yaml}`, shipped !== 'pipeline.yaml'],
      [/directory: \/upload/, `directory: ${upload}`, true],
      [/bytesMax: 100_000_000/, `bytesMax: ${bytesMax}`, true],
      ...changes.map(([from, to]) => [from, to, true] as const),
    ]),
    peers: { oem: maker, regulator },
    secrets: {
      't1.key': tls.key,
      't2.key': tls.key,
      'host.key': drop.host.privateKey,
      'sftp.key': server.privateKey,
    },
    files: {
      't1.crt': tls.cert,
      't2.crt': tls.cert,
      'oem-ca.crt': tls.ca,
      'logins.yaml': JSON.stringify([{ username: 'oem', publicKey: drop.client.publicKey.trim() }]),
      'cards.ndjson': '',
      ...files,
    },
  });
  const command = `https://127.0.0.1:${commandPort}/t2/command`;
  const url = {
    command,
    account: `https://127.0.0.1:${port}/t1/account`,
    vehicle: `https://127.0.0.1:${port}/t1/vehicle`,
  };
  return { folder, path, maker, regulator, ca: tls.ca, url };
}

function replaced(text: string, changes: readonly (readonly [string | RegExp, string, boolean])[]): string {
  let changed = text;
  for (const [from, to, wanted] of changes) {
    if (!wanted) continue;
    const pieces = changed.split(from);
    if (pieces.length < 2) throw new Error(`the pipeline file does not hold ${from}`);
    changed = pieces.join(to);
  }
  return changed;
}

/** Codes of the car makers that the generator knows. */
function makerCodes(): string[] {
  const made = generator(0);
  return [...new Set(Array.from({ length: 200 }, (_, index) => made.registration(index).code))];
}
