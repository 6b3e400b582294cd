import { writeSite } from '../demo/site.js';
import { loadAndCheck } from '../engine/check.js';
import type { CheckedConfig } from '../engine/config.js';
import { formatFault } from '../engine/fault.js';
import { OEM } from './records.js';

export const REGULATOR = { platformId: 'MIIT', password: 'bench-password', codes: [], cipher: OEM.cipher };

/** A real SFTP server for a bench. */
export interface Server {
  host: string;
  port: number;
  username: string;
  privateKey: string;
  hostKey: string;
  directory: string;
}

/** Writes a pipeline file with its peers and keys, and reads it as `iovpipe run` does. */
export async function benchConfig(folder: string, server: Server, pipelines: string): Promise<CheckedConfig> {
  const { host, port, username, hostKey } = server;
  const sftp = { host, port, username, hostKey, privateKey: '${secret:sftp.key}' };
  return siteConfig(
    folder,
    { 'sftp.key': server.privateKey },
    `connections: { regulator: { sftp: ${JSON.stringify(sftp)} } }`,
    pipelines,
  );
}

export async function siteConfig(
  folder: string,
  secrets: Record<string, string>,
  connections: string,
  pipelines: string,
): Promise<CheckedConfig> {
  const top = [
    'peers: ${file:peers.yaml}',
    connections,
    'archive: { sqlite: { path: archive.db } }',
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
  const { config, faults } = await loadAndCheck(path);
  if (!config) throw new Error(faults.map(formatFault).join('\n'));
  return config;
}
