import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../demo/site.js';
import { ifHere, isAlive, startService } from './service.js';

const run = promisify(execFile);

export interface OpenSsh {
  host: string;
  port: number;
  username: string;
  privateKey: string;
  /** SHA256 fingerprint. */
  hostKey: string;
  /** Where uploads go: the same path for the server and for the test. */
  directory: string;
  /** Connections that the server holds now, in its own eyes: one process each. Undefined for an offered server. */
  connections(): number | undefined;
  stop(): Promise<void>;
}

/**
 * Starts a real sshd, or takes the one that IOVPIPE_TEST_SFTP names: a JSON file with host, port, username, privateKey
 * (path), hostKey, directory (reachable under the same path here).
 * @returns undefined where there is none to be had; under CI that is an error
 */
export async function startOpenSsh(
  options: { mode?: 'read-only' | 'plain-rename' } = {},
): Promise<OpenSsh | undefined> {
  const offered = process.env.IOVPIPE_TEST_SFTP;
  if (offered && !options.mode) return take(offered);
  return ifHere(() => start(options.mode));
}

async function start(mode?: string): Promise<OpenSsh> {
  const port = await freePort();
  const { directory, pid, stop } = await startService({
    script: 'openssh.sh',
    args: [port, ...(mode ? [mode] : [])],
    isUp: async (directory) => (await readFile(join(directory, 'start.log'), 'utf8')).includes('Server listening'),
  });
  const listener = await pid();
  return {
    host: '127.0.0.1',
    port,
    username: userInfo().username,
    privateKey: await readFile(join(directory, 'user_key'), 'utf8'),
    hostKey: (await run('ssh-keygen', ['-lf', join(directory, 'host_key.pub')])).stdout.split(' ')[1] ?? '',
    directory: join(directory, 'upload'),
    connections: () => sessionsOf(listener),
    stop,
  };
}

async function take(path: string): Promise<OpenSsh> {
  const offered = JSON.parse(await readFile(path, 'utf8')) as OpenSsh;
  return {
    ...offered,
    privateKey: await readFile(offered.privateKey, 'utf8'),
    connections: () => undefined,
    stop: async () => undefined,
  };
}

/**
 * Living children of the listening sshd. Read synchronously: a listing that is read in pieces while connections come and go
 * counts some of them twice.
 */
function sessionsOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return children.map(Number).filter(isAlive).length;
}
