import { IovError } from '../contract/error.js';
import { formatFileName, type PictureName } from './fileName.js';

/** So many bytes of a file tell what kind of picture it is. */
export const HEAD_BYTES = 32;

export type PictureExtension = PictureName['extension'];

/** A file that may be a picture, as it was found; it is read once it is packed. */
export interface FoundPicture {
  /** What it is called where it was found, without a directory. */
  fileName: string;
  bytes: number;
  /** Its first bytes, {@link HEAD_BYTES} of them where it has so many. */
  head: Uint8Array;
  /** Why it cannot be one, where that is known already: the album it was received in cannot be opened. */
  fault?: string;
  /** In pieces that the reader must not keep. */
  read(): AsyncIterable<Uint8Array>;
}

const HEIC_BRANDS = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1']);
/** Sizes of the header that follows a bitmap's own; the two letters BM alone also begin many a text. */
const BITMAP_HEADERS = new Set([12, 16, 40, 52, 56, 64, 108, 124]);

/** The kind of picture by its first bytes, as its extension; undefined where it is none of the usual (notice 6.1.3.2 c). */
export function pictureKind(head: Uint8Array): PictureExtension | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const at = (offset: number, length: number) => bytes.toString('latin1', offset, offset + length);
  if (at(0, 3) === '\xff\xd8\xff') return 'jpg';
  if (at(0, 8) === '\x89PNG\r\n\x1a\n') return 'png';
  if (at(0, 6) === 'GIF87a' || at(0, 6) === 'GIF89a') return 'gif';
  if (at(0, 4) === 'RIFF' && at(8, 4) === 'WEBP') return 'webp';
  if (at(0, 4) === 'II*\0' || at(0, 4) === 'MM\0*') return 'tif';
  if (at(4, 4) === 'ftyp' && HEIC_BRANDS.has(at(8, 4))) return 'heic';
  if (at(0, 2) === 'BM' && bytes.length >= 18 && BITMAP_HEADERS.has(bytes.readUInt32LE(14))) return 'bmp';
  return undefined;
}

/** The other spelling of an extension, kept where the file had it. */
const LONG_SPELLINGS: { readonly [kind: string]: PictureExtension } = { jpg: 'jpeg', tif: 'tiff' };

/**
 * The extension a picture gets in the album: lower case, and by its content, whatever its name said.
 * @returns the extension, or what is wrong with the picture, in words
 */
export function judgePicture(
  found: FoundPicture,
  bytesMax: number,
): { extension: PictureExtension } | { fault: string } {
  const { fileName, bytes, head, fault } = found;
  if (fault !== undefined) return { fault };
  if (bytes === 0) return { fault: 'expected a picture, got an empty file' };
  if (bytes > bytesMax) return { fault: `expected a picture of at most ${bytesMax} bytes, got ${bytes}` };
  const kind = pictureKind(head);
  if (kind === undefined) {
    const begins = Buffer.from(head.subarray(0, 4)).toString('hex');
    return { fault: `expected a picture (jpg, png, bmp, gif, webp, tif, heic), got a file that begins with ${begins}` };
  }
  const long = LONG_SPELLINGS[kind];
  return { extension: long && fileName.toLowerCase().endsWith(`.${long}`) ? long : kind };
}

/** What was found of one card, in order. */
export interface CardPictures<Found extends { extension: PictureExtension }> {
  iccid: string;
  /** Absent where no contracts are asked for: then photos are numbered from 001. */
  contracts?: readonly Found[];
  photos: readonly Found[];
}

const PICTURES_MAX = 999;

/**
 * The pictures of an album with their paths in the zip (notice 6.1.3.2 a and b, 6.2.3.2 a): contracts, then photos, numbered
 * from 001 over the whole command. A card without a contract is stood for by any one picture, `_000`. Where a command names
 * several cards, the pictures of each (子指令) are in a sub-directory.
 * @throws IovError ALBUM_INVALID above 999 pictures; RECORD_INVALID where id or code cannot stand in a file name
 */
export function nameAlbum<Found extends { extension: PictureExtension }>(
  album: Pick<PictureName, 'content' | 'requestId' | 'code'>,
  cards: readonly CardPictures<Found>[],
): { name: string; picture: Found }[] {
  const { content, requestId, code } = album;
  let last = 0;
  const named = ({ iccid, contracts, photos }: CardPictures<Found>) => {
    const hasNoContract = contracts?.length === 0;
    const chosen = hasNoContract ? photos.slice(0, 1) : [...(contracts ?? []), ...photos];
    return chosen.map((picture) => {
      if (!hasNoContract) last += 1;
      if (last > PICTURES_MAX) throw tooMany(requestId);
      const number = hasNoContract ? 0 : last;
      const { extension } = picture;
      const file = formatFileName({ kind: 'picture', content, requestId, code, number, extension });
      return { name: cards.length > 1 ? `${iccid}/${file}` : file, picture };
    });
  };
  return cards.flatMap(named);
}

function tooMany(requestId: string): IovError {
  const message = `request ${requestId}: expected at most ${PICTURES_MAX} pictures, since their numbers have three digits, got more`;
  return new IovError('ALBUM_INVALID', message);
}
