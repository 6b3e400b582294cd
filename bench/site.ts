import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAndCheck } from '../engine/check.js';
import type { CheckedConfig } from '../engine/config.js';
import { formatFault } from '../engine/fault.js';
import { OEM } from './records.js';

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
  mkdirSync(join(folder, 'secrets'), { recursive: true });
  writeFileSync(join(folder, 'secrets', 'sftp.key'), server.privateKey, { mode: 0o600 });
  const { host, port, username, hostKey } = server;
  const sftp = { host, port, username, hostKey, privateKey: '${secret:sftp.key}' };
  const regulator = { platformId: 'MIIT', password: 'bench', cipher: OEM.cipher };
  const head = { peers: { oem: OEM, regulator }, connections: { regulator: { sftp } }, archive: { sqlite: { path: 'archive.db' } } };
  const top = Object.entries(head).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  const path = join(folder, 'pipeline.yaml');
  writeFileSync(path, `${top.join('\n')}\npipelines:\n${pipelines}`);
  const { config, faults } = await loadAndCheck(path);
  if (!config) throw new Error(faults.map(formatFault).join('\n'));
  return config;
}
