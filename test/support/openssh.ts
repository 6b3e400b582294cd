import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from './freePort.js';

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
  const directory = await mkdtemp(join(tmpdir(), 'iovpipe-sshd-'));
  const script = await scriptPath();
  const port = await freePort();
  try {
    await run(script, ['start', directory, String(port), ...(options.mode ? [options.mode] : [])]);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    if (process.env.CI) throw error;
    return undefined;
  }
  const pid = (await readFile(join(directory, 'sshd.pid'), 'utf8')).trim();
  return {
    host: '127.0.0.1',
    port,
    username: (await run('id', ['-un'])).stdout.trim(),
    privateKey: await readFile(join(directory, 'user_key'), 'utf8'),
    hostKey: (await run('ssh-keygen', ['-lf', join(directory, 'host_key.pub')])).stdout.split(' ')[1] ?? '',
    directory: join(directory, 'upload'),
    connections: () => sessionsOf(pid),
    async stop() {
      await run(script, ['stop', directory]);
      await rm(directory, { recursive: true, force: true });
    },
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

/** The script stands beside the sources; tests run compiled, one folder deeper. */
async function scriptPath(): Promise<string> {
  const candidates = ['../services/openssh.sh', '../../../test/services/openssh.sh'];
  for (const candidate of candidates) {
    const path = fileURLToPath(new URL(candidate, import.meta.url));
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  throw new Error('test/services/openssh.sh is missing');
}

/**
 * Living children of the listening sshd. Read synchronously: a listing that is read in pieces while connections come and go
 * counts some of them twice.
 */
function sessionsOf(pid: string): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return children.filter(isAlive).length;
}

function isAlive(pid: string): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
