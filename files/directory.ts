import type { Dirent } from 'node:fs';
import { opendir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { IovError } from '../contract/error.js';
import { type SeenFile, statsOf } from './receivedFiles.js';

/** Files whose size and time are asked for at once: one after the other takes five times as long. */
const ASKED_AT_ONCE = 64;

/**
 * Tells of every file that lies in a directory.
 * @param prefix of their keys
 * @param passOver told the name of what is no plain file: a folder, a link, a pipe
 * @throws IovError FILE_UNREADABLE
 */
export async function listFiles(
  directory: string,
  prefix: string,
  see: (file: SeenFile) => void,
  signal: AbortSignal,
  passOver: (name: string) => void = () => undefined,
): Promise<void> {
  const asked: Promise<SeenFile | undefined>[] = [];
  const tell = async () => {
    for (const file of await Promise.all(asked.splice(0))) if (file) see(file);
  };
  for await (const entry of entriesOf(directory)) {
    if (signal.aborted) return;
    if (entry.isFile()) asked.push(seenFile(join(directory, entry.name), `${prefix}${entry.name}`, entry.name));
    else passOver(entry.name);
    if (asked.length >= ASKED_AT_ONCE) await tell();
  }
  await tell();
}

/** @throws IovError FILE_UNREADABLE */
export async function* entriesOf(directory: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(directory, { bufferSize: 512 });
  } catch (cause) {
    throw new IovError('FILE_UNREADABLE', `looking at ${directory}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * The real path of what lies below a directory in which others may write; undefined where nothing does.
 * @throws IovError FILE_UNREADABLE where a link leads there, to what may not be theirs
 */
export async function realBelow(directory: string, below: string): Promise<string | undefined> {
  const path = join(directory, below);
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined || real === join(await realpath(directory), below)) return real;
  throw new IovError('FILE_UNREADABLE', `${path}: expected a folder, got a link to one`);
}

/** @throws IovError FILE_UNREADABLE where there is no such directory, or none that may be read */
export async function expectDirectory(directory: string): Promise<void> {
  for await (const _entry of entriesOf(directory)) return;
}

async function seenFile(path: string, key: string, name: string): Promise<SeenFile | undefined> {
  const stats = await statsOf(path);
  return stats?.isFile() ? { key, name, path, bytes: stats.size, mtimeMs: stats.mtimeMs } : undefined;
}
