import { extname } from 'node:path';
import { IovError } from '../contract/error.js';
import { type AlbumName, type PictureName, parseFileName } from '../notice/fileName.js';
import { HEAD_BYTES, pictureKind } from '../notice/picture.js';
import type { UnpackedEntry } from './unpack.js';

/** A picture and the sub-directory that it is in; empty where it is in none. */
type Placed = PictureName & { directory: string };

/**
 * Checks the pictures of an album: the name of each (notice 6.1.3.2, 6.2.3.2), its kind by content, and their numbers.
 * @returns how many pictures there are
 * @throws IovError FILE_INVALID with what is wrong, up to `faultsMax`; it names no card
 */
export async function verifyAlbum(
  album: AlbumName,
  entries: readonly UnpackedEntry[],
  faultsMax: number,
): Promise<number> {
  const faults: string[] = [];
  const pictures: Placed[] = [];
  for (const entry of entries) {
    if (faults.length >= faultsMax) break;
    const picture = placeOf(entry, album);
    const fault = typeof picture === 'string' ? picture : picture && (await contentFault(entry, picture));
    if (fault !== undefined) faults.push(`${entry.told}: ${fault}`);
    if (typeof picture === 'object') pictures.push(picture);
  }
  // Numbers are judged where every name could be read: a gap may only be the picture whose name is wrong.
  if (faults.length === 0) faults.push(...numberFaults(pictures).slice(0, faultsMax));
  if (faults.length > 0) throw new IovError('FILE_INVALID', faults.join('; '));
  return pictures.length;
}

/** Which picture an entry is, or what is wrong with its name; undefined for a sub-directory itself. */
function placeOf({ name }: UnpackedEntry, album: AlbumName): Placed | string | undefined {
  const isDirectory = name.endsWith('/');
  const parts = name.split('/').filter((part) => part !== '');
  const file = isDirectory ? '' : (parts.pop() ?? '');
  const [directory = '', ...deeper] = parts;
  if (deeper.length > 0) return 'expected at most one level of sub-directories';
  if (!/^[A-Za-z0-9-]{0,64}$/.test(directory)) return 'expected a sub-directory named by its card';
  return isDirectory ? undefined : pictureOf(file, directory, album);
}

function pictureOf(file: string, directory: string, { content, requestId, code }: AlbumName): Placed | string {
  const picture = parseFileName(file);
  if (picture?.kind !== 'picture') {
    const extension = extname(file);
    const hasCapitals = extension !== extension.toLowerCase() && /^\.[A-Za-z]{1,8}$/.test(extension);
    const got = hasCapitals ? `, the extension in lower case, got ${extension}` : ', got another name';
    return `expected a name as ${content}_${requestId}_${code}_001.jpg${got}`;
  }
  const belongs = picture.content === content && picture.requestId === requestId && picture.code === code;
  return belongs ? { ...picture, directory } : `expected a name that begins with ${content}_${requestId}_${code}_`;
}

/** Reads the entry to its end, so that its size and its CRC are checked too. */
async function contentFault(entry: UnpackedEntry, { extension }: PictureName): Promise<string | undefined> {
  if (entry.bytes === 0) return 'expected a picture, got an empty file';
  let head: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of await entry.open()) {
      if (head.length < HEAD_BYTES) head = Buffer.concat([head, (chunk as Buffer).subarray(0, HEAD_BYTES)]);
    }
  } catch (thrown) {
    return IovError.from(thrown).message;
  }
  const kind = pictureKind(head.subarray(0, HEAD_BYTES));
  if (kind === undefined) return `expected a picture, got a file that begins with ${head.toString('hex', 0, 4)}`;
  if (kind === { jpeg: 'jpg', tiff: 'tif' }[extension as string] || kind === extension) return undefined;
  return `expected a picture of the kind that its extension says, got ${kind}`;
}

/** Numbers run from 001 over the whole album; `_000` stands alone in its directory (notice 6.2.3.2 a). */
function numberFaults(pictures: readonly Placed[]): string[] {
  if (pictures.length === 0) return ['expected at least one picture, got none'];
  const faults: string[] = [];
  const perDirectory = new Map<string, number>();
  for (const { directory } of pictures) perDirectory.set(directory, (perDirectory.get(directory) ?? 0) + 1);
  if (pictures.some(({ number, directory }) => number === 0 && perDirectory.get(directory) !== 1)) {
    faults.push('expected _000, which says that there is no contract, alone in its directory');
  }
  const times = new Map<number, number>();
  for (const { number } of pictures) if (number > 0) times.set(number, (times.get(number) ?? 0) + 1);
  const last = Math.max(0, ...times.keys());
  for (let number = 1; number <= last; number += 1) {
    const came = times.get(number) ?? 0;
    if (came !== 1)
      faults.push(`number ${String(number).padStart(3, '0')} ${came === 0 ? 'is missing' : `comes ${came} times`}`);
  }
  return faults;
}
