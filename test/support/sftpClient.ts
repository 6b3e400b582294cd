import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SftpConnection, type SftpSettings } from '../../connections/sftpConnection.js';
import type { Log } from '../../contract/context.js';
import { keptLog } from './bareContext.js';

type Server = Pick<SftpSettings, 'host' | 'port' | 'username' | 'hostKey'> & { privateKey?: string; password?: string };

/** Our client against a server, with short delays; `changes` on top of the defaults. */
export async function sftpClient(
  server: Server,
  changes: Partial<SftpSettings> = {},
  log: Log = keptLog(),
): Promise<SftpConnection> {
  const { host, port, username, hostKey, privateKey, password } = server;
  const connection = new SftpConnection(
    {
      host,
      port,
      username,
      hostKey,
      ...(privateKey === undefined ? {} : { privateKey }),
      ...(password === undefined ? {} : { password }),
      connections: 20,
      window: 64,
      chunkBytes: 32_768,
      connectTimeoutMs: 20_000,
      operationTimeoutMs: 20_000,
      keepaliveMs: 15_000,
      idleTimeoutMs: 10_000,
      replaceAfterMs: 200,
      delayMsMin: 20,
      delayMsMax: 500,
      alarmAfterAttempts: 5,
      ...changes,
    },
    log,
  );
  await connection.open();
  return connection;
}

export interface LocalFile {
  localPath: string;
  name: string;
  bytes: number;
  content: Buffer;
}

/** Files of random bytes in an outbox. */
export async function outbox(directory: string, count: number, bytes: number): Promise<LocalFile[]> {
  await mkdir(directory, { recursive: true });
  const files: LocalFile[] = [];
  for (let i = 1; i <= count; i += 1) {
    const name = `KH_0002_2022111600_P_${String(i).padStart(6, '0')}.bin`;
    const content = randomBytes(bytes);
    const localPath = join(directory, name);
    await writeFile(localPath, content);
    files.push({ localPath, name, bytes, content });
  }
  return files;
}
