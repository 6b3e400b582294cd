import { execFile, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { Source } from '../../contract/component.js';
import type { Log } from '../../contract/context.js';
import type { PackedFile } from '../../contract/file.js';
import type { Item } from '../../contract/item.js';
import type { Position, Store, Transaction } from '../../contract/store.js';
import { spec } from '../../sources/sftpServer.js';
import { bareContext, keptLog } from './bareContext.js';

const run = promisify(execFile);

export interface Keys {
  privateKey: string;
  publicKey: string;
  path: string;
  fingerprint: string;
}

export async function makeKey(directory: string, name: string): Promise<Keys> {
  const path = join(directory, name);
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
  const fingerprint = (await run('ssh-keygen', ['-lf', `${path}.pub`])).stdout.split(' ')[1] ?? '';
  return {
    path,
    fingerprint,
    privateKey: await readFile(path, 'utf8'),
    publicKey: await readFile(`${path}.pub`, 'utf8'),
  };
}

/** The part of the store that the drop box uses, in memory: it survives a restart of the source, as the real one does. */
export function positions(): Pick<Store, 'position' | 'positions' | 'commit'> {
  const kept = new Map<string, Position>();
  const transaction: Partial<Transaction> = {
    setPosition: (pipeline, source, position) => void kept.set(`${pipeline} ${source}`, position),
    positionGone: () => undefined,
    deadLetterMoved: () => undefined,
    deadLetterMended: () => undefined,
  };
  return {
    position: (pipeline, source) => kept.get(`${pipeline} ${source}`),
    positions: () => [],
    commit: async (effects) => {
      for (const effect of effects) effect(transaction as Transaction);
    },
  };
}

export interface RunningBox {
  source: Source & { port: number; refused: number };
  next(): Promise<Item<PackedFile>>;
  stop(): Promise<void>;
}

export async function startBox(
  options: object,
  store = positions(),
  log: Log = keptLog(),
  directory = '/',
): Promise<RunningBox> {
  const filled = {
    listen: '127.0.0.1:0',
    path: '/',
    handled: 'keep',
    except: [],
    connectionsPerLogin: 20,
    connectionsMax: 200,
    fileBytesMax: 1_000_000_000,
    openHandlesMax: 64,
    waitingMax: 10_000,
    staleTmpMs: 21_600_000,
    refusedMax: 1_000,
    authAttempts: 6,
    loginTimeoutMs: 30_000,
    idleTimeoutMs: 300_000,
    ...options,
  };
  const source = (await spec.create(filled, bareContext({ directory, store, log }))) as RunningBox['source'];
  await source.open?.();
  const abort = new AbortController();
  const items = source.read(abort.signal)[Symbol.asyncIterator]();
  return {
    source,
    next: async () => (await items.next()).value as Item<PackedFile>,
    async stop() {
      abort.abort();
      await source.close?.();
    },
  };
}

/** Runs the system's `sftp` with a batch; a line that begins with `-` may fail. */
export async function sftpBatch(
  port: number,
  login: { username: string; path: string; hostKeyLine: string; directory: string },
  lines: string[],
): Promise<{ code: number | null; output: string }> {
  const knownHosts = join(login.directory, 'known_hosts');
  await writeFile(knownHosts, `[127.0.0.1]:${port} ${login.hostKeyLine}`);
  const settings = [
    `UserKnownHostsFile=${knownHosts}`,
    'StrictHostKeyChecking=yes',
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
  ];
  const flags = settings.flatMap((setting) => ['-o', setting]);
  const args = ['-F', 'none', ...flags, '-i', login.path, '-P', String(port), '-b', '-', `${login.username}@127.0.0.1`];
  const child = spawn('sftp', args, { stdio: 'pipe' });
  child.stdin.end(`${lines.join('\n')}\n`);
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await closed, output: out + err };
}
