import { isDeepStrictEqual } from 'node:util';
import { IovError } from '../contract/error.js';
import { isCutoff } from './cutoff.js';

/**
 * Every file name of the notice. An underscore separates the parts, and no part can hold one (ids and codes are letters,
 * digits and hyphens), so that the number of parts alone tells the kinds apart:
 *
 * | parts | kind | example |
 * |---|---|---|
 * | 5 | `batch` | `KH_0002_2022111600_P_000001end.bin` |
 * | 3 | `album` | `KH_REQ-1_LSV1.zip`, `HT_CMD-7_LSV1.bin` |
 * | 4 | `picture` | `KH_REQ-1_LSV1_001.jpg` |
 *
 * `KH_a_b.zip` is an album therefore and never a batch, whatever `a` and `b` are.
 */
export type FileName = BatchName | AlbumName | PictureName;

/** A batch of records: accounts (`KH`, notice 6.2.1.2 a) or vehicles (`CL`, 6.2.2.2 a). */
export interface BatchName extends Ending<'txt' | 'zip' | 'bin'> {
  kind: 'batch';
  content: 'KH' | 'CL';
  /** Operator (A.1) for `KH`, car maker (A.6) for `CL`. */
  code: string;
  /** YYYYMMDDHH, Asia/Shanghai. */
  cutoff: string;
  /** Everything before the cut-off (`F`), or what has come since the last (`P`). */
  type: 'F' | 'P';
  /** 1 to 999999. */
  sequence: number;
  /** The last batch of its window. */
  end: boolean;
}

/** The packed pictures of one request (`KH`, notice 6.1.3.2 a, 6.2.3.2 a) or contracts of one command (`HT`, 6.1.3.2 b). */
export interface AlbumName extends Ending<'zip' | 'bin'> {
  kind: 'album';
  content: 'KH' | 'HT';
  /** RequestID of the registration or the command. */
  requestId: string;
  code: string;
}

/** One picture in an album. */
export interface PictureName {
  kind: 'picture';
  content: 'KH' | 'HT';
  requestId: string;
  code: string;
  /** 1 to 999; 0 stands for "there is no contract" (notice 6.2.3.2 a). */
  number: number;
  extension: (typeof PICTURE_EXTENSIONS)[number];
}

interface Ending<Extension extends string> {
  /** `txt` plain, `zip` packed, `bin` packed and encrypted; empty for the name alone, to which these are added. */
  extension: Extension | '';
  /** Still being uploaded: `.tmp` follows, until the file is complete (notice 6.1.3.1, 6.2.1.1). Needs an extension. */
  partial: boolean;
}

/** Lower case, as notice 6.1.3.2 c asks: bmp, jpg/jpeg, png and the other usual ones. */
export const PICTURE_EXTENSIONS = ['jpg', 'jpeg', 'png', 'bmp', 'gif', 'webp', 'tif', 'tiff', 'heic'] as const;

/** What RequestIDs and codes may be in a file name: no separator, nothing with a meaning in a path. */
const ID = '[A-Za-z0-9-]{1,64}';
const BATCH = new RegExp(`^(KH|CL)_(${ID})_(\\d{10})_([FP])_(\\d{6})(end)?(?:\\.(txt|zip|bin)(\\.tmp)?)?$`);
const ALBUM = new RegExp(`^(KH|HT)_(${ID})_(${ID})(?:\\.(zip|bin)(\\.tmp)?)?$`);
const PICTURE = new RegExp(`^(KH|HT)_(${ID})_(${ID})_(\\d{3})\\.(${PICTURE_EXTENSIONS.join('|')})$`);

/**
 * The name as text; `parseFileName` gives the same name back.
 * @throws IovError SEQUENCE_EXHAUSTED above 999999, RECORD_INVALID where an id or a number cannot stand in a file name
 */
export function formatFileName(name: FileName): string {
  if (name.kind === 'batch' && name.sequence > 999_999) {
    throw new IovError('SEQUENCE_EXHAUSTED', `sequence: expected at most 999999 files a window, got ${name.sequence}`);
  }
  const text = assembled(name);
  // What does not read back as it was holds a part that breaks the grammar: an underscore, a slash, a day that does not exist.
  if (isDeepStrictEqual(parseFileName(text), { ...name })) return text;
  const expected =
    'ids of 1 to 64 letters, digits or hyphens, a cut-off YYYYMMDDHH, numbers from 1, .tmp after an extension';
  throw new IovError('RECORD_INVALID', `file name: expected ${expected}; got ${JSON.stringify(text.slice(0, 200))}`);
}

function assembled(name: FileName): string {
  if (name.kind === 'batch') {
    const number = `${String(name.sequence).padStart(6, '0')}${name.end ? 'end' : ''}`;
    return `${name.content}_${name.code}_${name.cutoff}_${name.type}_${number}${ending(name)}`;
  }
  const album = `${name.content}_${name.requestId}_${name.code}`;
  return name.kind === 'album'
    ? album + ending(name)
    : `${album}_${String(name.number).padStart(3, '0')}.${name.extension}`;
}

function ending(name: BatchName | AlbumName): string {
  return `${name.extension && '.'}${name.extension}${name.partial ? '.tmp' : ''}`;
}

/** The parts of a name, or undefined where it is none of the notice's. Total: takes any text, never throws. */
export function parseFileName(text: string): FileName | undefined {
  return parseBatch(text) ?? parseAlbum(text) ?? parsePicture(text);
}

function parseBatch(text: string): BatchName | undefined {
  const [, content, code, cutoff, type, digits, end, extension, partial] = BATCH.exec(text) ?? [];
  const sequence = Number(digits);
  if (!content || !isCutoff(cutoff!) || sequence === 0) return undefined;
  return {
    kind: 'batch',
    content: content as BatchName['content'],
    code: code!,
    cutoff: cutoff!,
    type: type as BatchName['type'],
    sequence,
    end: end !== undefined,
    extension: (extension ?? '') as BatchName['extension'],
    partial: partial !== undefined,
  };
}

function parseAlbum(text: string): AlbumName | undefined {
  const [, content, requestId, code, extension, partial] = ALBUM.exec(text) ?? [];
  if (!content) return undefined;
  return {
    kind: 'album',
    content: content as AlbumName['content'],
    requestId: requestId!,
    code: code!,
    extension: (extension ?? '') as AlbumName['extension'],
    partial: partial !== undefined,
  };
}

function parsePicture(text: string): PictureName | undefined {
  const [, content, requestId, code, digits, extension] = PICTURE.exec(text) ?? [];
  if (!content) return undefined;
  return {
    kind: 'picture',
    content: content as PictureName['content'],
    requestId: requestId!,
    code: code!,
    number: Number(digits),
    extension: extension as PictureName['extension'],
  };
}

/** How messages call a file: by its name where that is one of the notice's; any other may be a person's, or hold a card's number. */
export function toldName(path: string, otherwise: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return parseFileName(name) ? name : otherwise;
}

/** A file's name without its extensions: what the ledger knows it by. Total: takes any text. */
export function baseNameOf(fileName: string): string {
  return fileName.replace(/\.(txt|zip|bin)(\.tmp)?$/, '');
}
