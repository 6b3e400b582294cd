import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { IovError } from '../contract/error.js';
import { timestampOf } from '../notice/cutoff.js';
import { REFUSED } from './fileOptions.js';
import { sync, syncDirectory } from './plainFile.js';

/** The time at which a file was refused, and its name: `20221116051203123_HT_CMD-7_LSV1.bin`. */
const KEPT = /^\d{17}_/;

interface Aside {
  atMs: number;
  /** How many are kept in one folder. */
  filesMax: number;
  /** Told where the file will lie before it moves, and where it lies still if it cannot. */
  note(path: string): Promise<void>;
}

/**
 * Moves a refused file out of the way, into `refused/` beside it, so that a right one can come under its name. The oldest
 * there make room. Whoever is killed in between finds the file where it was, or where it has been noted.
 * @returns how many were removed to make room
 */
export async function setAside(path: string, { atMs, filesMax, note }: Aside): Promise<number> {
  const folder = await folderBeside(path);
  const to = await freePath(folder, basename(path), Math.floor(atMs));
  const removed = await removeOldest(folder, filesMax - 1);
  await note(to);
  await rename(path, to).catch(async (thrown: unknown) => {
    await note(path);
    throw thrown;
  });
  await sync(folder);
  await syncDirectory(dirname(path));
  return removed;
}

async function folderBeside(path: string): Promise<string> {
  const folder = join(dirname(path), REFUSED);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await lstat(folder)).isDirectory()) return folder;
  // its sender may write there, and lead us elsewhere
  throw new IovError('FILE_UNREADABLE', `${folder}: expected a folder, got a link to one`);
}

async function freePath(folder: string, name: string, atMs: number): Promise<string> {
  const time = timestampOf(atMs) + String(atMs % 1_000).padStart(3, '0');
  const path = join(folder, `${time}_${name}`);
  const isThere = await lstat(path).catch(() => undefined);
  return isThere ? freePath(folder, name, atMs + 1) : path;
}

async function removeOldest(folder: string, filesMax: number): Promise<number> {
  const names = (await readdir(folder)).filter((name) => KEPT.test(name)).sort();
  const oldest = names.slice(0, Math.max(0, names.length - filesMax));
  for (const name of oldest) await rm(join(folder, name), { force: true });
  return oldest.length;
}
