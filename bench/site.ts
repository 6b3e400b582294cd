import { writeSite } from '../demo/site.js';
import type { CheckedConfig } from '../engine/config.js';
import { checkedConfig } from '../test/support/checkedConfig.js';
import { OEM } from './records.js';

export const REGULATOR = { platformId: 'MIIT', password: 'bench-password', codes: [], cipher: OEM.cipher };

/** A real SFTP server for a bench; its directory is reachable under the same path here. */
export interface Server {
  host: string;
  port: number;
  username: string;
  privateKey: string;
  hostKey: string;
  directory: string;
  /** Connections that it holds now, in its own eyes; where it cannot be asked, absent or undefined. */
  connections?(): number | undefined;
}

/** Writes a pipeline file with its peers and keys, and reads it as `iovpipe run` does. */
export async function benchConfig(
  folder: string,
  server: Server,
  pipelines: string,
  archive?: object,
): Promise<CheckedConfig> {
  const connections = `connections: { regulator: ${sftpOf(server)} }`;
  return siteConfig(folder, { 'sftp.key': server.privateKey }, connections, pipelines, archive);
}

/** The connection to a server, with the secret `sftp.key`. */
export function sftpOf({ host, port, username, hostKey }: Server): string {
  return JSON.stringify({ sftp: { host, port, username, hostKey, privateKey: '${secret:sftp.key}' } });
}

export async function siteConfig(
  folder: string,
  secrets: Record<string, string>,
  connections: string,
  pipelines: string,
  archive: object = { sqlite: { path: 'archive.db' } },
): Promise<CheckedConfig> {
  const top = [
    'peers: ${file:peers.yaml}',
    connections,
    `archive: ${JSON.stringify(archive)}`,
    'pipelines:',
    pipelines,
  ];
  const path = writeSite({
    folder,
    pipeline: top.join('\n'),
    peers: { oem: OEM, regulator: REGULATOR },
    secrets,
    files: {},
  });
  return checkedConfig(path);
}
