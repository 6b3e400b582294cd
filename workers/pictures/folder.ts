import { constants, type Dirent } from 'node:fs';
import { open, opendir, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { IovError } from '../../contract/error.js';
import { type FoundPicture, HEAD_BYTES } from '../../notice/picture.js';

export interface FolderBounds {
  /** Directories inside one another; 0: the directory alone. */
  depthMax: number;
  /** Files in all. */
  filesMax: number;
}

/** A place below a directory that the site has configured: `rest` is made from data, and is not trusted. */
export interface PathBelow {
  root: string;
  rest: string;
}

/** Entries of any kind that are looked at in one place. */
const ENTRIES_MAX = 10_000;
/** A link put in a file's place after it was listed is not followed, and a pipe does not keep us waiting. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const PIECE_BYTES = 256 * 1024;

/** Regular files in a directory and below, in the order of their names; none where it does not exist. */
export async function picturesIn(place: PathBelow, bounds: FolderBounds): Promise<FoundPicture[]> {
  const found: FoundPicture[] = [];
  for (const path of await filesIn(place, bounds)) found.push(...(await lookAt(path)));
  return found;
}

/** The file at a path, if there is one. */
export async function pictureAt(place: PathBelow): Promise<FoundPicture[]> {
  const path = await realBelow(place);
  return path === undefined ? [] : lookAt(path);
}

/** Paths of regular files, in order; hidden ones are not meant, and `.tmp` is still being written. */
export async function filesIn(place: PathBelow, { depthMax, filesMax }: FolderBounds): Promise<string[]> {
  const files: string[] = [];
  let entries = 0;
  const walk = async (folder: string, depth: number): Promise<void> => {
    const listed: Dirent[] = [];
    for await (const entry of (await ifThere(opendir(folder))) ?? []) {
      entries += 1;
      if (entries > ENTRIES_MAX) throw tooMany(`${ENTRIES_MAX} entries`);
      if (!entry.name.startsWith('.') && !entry.name.endsWith('.tmp')) listed.push(entry);
    }
    listed.sort((one, other) => (one.name < other.name ? -1 : 1));
    for (const entry of listed) {
      const path = join(folder, entry.name);
      if (entry.isFile()) files.push(path);
      else if (entry.isDirectory() && depth < depthMax) await walk(path, depth + 1);
      if (files.length > filesMax) throw tooMany(`${filesMax} files`);
    }
  };
  const directory = await realBelow(place);
  if (directory !== undefined) await walk(directory, 0);
  return files;
}

/**
 * Where a place really is; undefined where there is nothing.
 * @throws IovError FILE_UNREADABLE where a symbolic link below the root leads elsewhere
 */
async function realBelow({ root, rest }: PathBelow): Promise<string | undefined> {
  const realRoot = await ifThere(realpath(root));
  const wanted = realRoot && join(realRoot, rest);
  const real = wanted && (await ifThere(realpath(wanted)));
  if (!real || real === wanted) return real;
  throw new IovError('FILE_UNREADABLE', `a symbolic link below ${root} is not followed`, { retryable: false });
}

async function lookAt(path: string): Promise<FoundPicture[]> {
  const found = { fileName: basename(path), bytes: 0, head: Buffer.alloc(0), read: () => piecesOf(path, 0) };
  const file = await ifThere(open(path, READ_FLAGS)).catch((error: IovError) => error);
  if (!file) return [];
  if (file instanceof IovError) return [{ ...found, fault: file.message }];
  try {
    const about = await file.stat();
    if (!about.isFile()) return [];
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const bytes = about.size;
    return [{ ...found, bytes, head: buffer.subarray(0, bytesRead), read: () => piecesOf(path, bytes) }];
  } catch (thrown) {
    throw unreadable(thrown);
  } finally {
    await file.close();
  }
}

/** Nothing where it has vanished, one byte more where it has grown: who reads holds the bytes to what was found. */
async function* piecesOf(path: string, bytes: number): AsyncGenerator<Uint8Array> {
  const file = await ifThere(open(path, READ_FLAGS));
  if (!file) return;
  try {
    const piece = Buffer.allocUnsafe(Math.min(bytes + 1, PIECE_BYTES));
    for (let at = 0; at <= bytes; ) {
      const { bytesRead } = await file.read(piece, 0, piece.byteLength);
      yield piece.subarray(0, bytesRead);
      at += bytesRead;
      if (bytesRead < piece.byteLength) return; // the end, without asking for it once more
    }
  } catch (thrown) {
    throw unreadable(thrown);
  } finally {
    await file.close();
  }
}

/** What a call on a path gives, or undefined where there is nothing, or a link in its place. */
async function ifThere<Result>(call: Promise<Result>): Promise<Result | undefined> {
  try {
    return await call;
  } catch (thrown) {
    const { code = '' } = thrown as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(code)) return undefined;
    throw unreadable(thrown);
  }
}

function tooMany(bound: string): IovError {
  return new IovError('ALBUM_INVALID', `expected at most ${bound} in one place of pictures, got more`);
}

/** Node's message holds the path, and with it an ICCID: only its code is passed on. */
export function unreadable(thrown: unknown): IovError {
  const { code = 'an unknown error' } = thrown as NodeJS.ErrnoException;
  // a permission is mended by a person; everything else may pass
  const retryable = !['EACCES', 'EPERM'].includes(code);
  return new IovError('FILE_UNREADABLE', `it cannot be read: ${code}`, { retryable });
}
