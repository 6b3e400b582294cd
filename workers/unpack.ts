import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { crc32 } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { IovError } from '../contract/error.js';
import type { CipherOptions } from '../contract/peer.js';
import { createCipher } from '../crypto/cipher.js';
import { toldName } from '../notice/fileName.js';

export interface UnpackBounds {
  /** Greatest size of the file as received. */
  fileBytesMax: number;
  /** Greatest size of an entry; what a zip declares is held to it, and what it holds to what it declares. */
  textBytesMax: number;
  /** Greatest size of all entries together, as declared. */
  totalBytesMax?: number;
  entriesMax?: number;
  /** So many times its packed size an entry may have; one below a megabyte may have more. */
  ratioMax?: number;
}

export interface UnpackedEntry {
  /** Its path in the zip. */
  name: string;
  /** What messages call it: its name where that is one of the notice's, else its number, since other names may be personal. */
  told: string;
  bytes: number;
  /** The content, inflated as it is read; fails where the CRC or the size is wrong. */
  open(): Promise<Readable>;
}

const ENTRIES_MAX = 100_000;
/** Below this size a high ratio is no danger. */
const SMALL_BYTES = 1_000_000;

/**
 * The entries of a received `.zip` or `.bin` (notice 6.2.1.1, 7.2). The packed bytes are held in memory and the text is
 * inflated as it is read, so that personal data never touches a disk.
 * @throws IovError FILE_INVALID, UNDECRYPTABLE, MESSAGE_TOO_LARGE
 */
export async function unpack(
  path: string,
  cipher: CipherOptions | undefined,
  bounds: UnpackBounds,
): Promise<UnpackedEntry[]> {
  const bytes = await readPlainFile(path, bounds.fileBytesMax);
  const zip = await openZip(cipher ? createCipher(cipher).decrypt(bytes) : bytes);
  const entries: UnpackedEntry[] = [];
  let total = 0;
  for await (const entry of entriesOf(zip, bounds.entriesMax ?? ENTRIES_MAX)) {
    const told = toldName(entry.fileName, `entry ${entries.length + 1}`);
    total += entry.uncompressedSize;
    checkDeclared(told, entry, total, bounds);
    entries.push({
      name: entry.fileName,
      told,
      bytes: entry.uncompressedSize,
      open: () => openEntry(zip, entry, told),
    });
  }
  return entries;
}

/** Neither a link nor a pipe, which a sender may have put there. */
async function readPlainFile(path: string, bytesMax: number): Promise<Buffer> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'ELOOP' ? new IovError('FILE_INVALID', 'expected a file, got a link', { cause }) : cause;
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new IovError('FILE_INVALID', 'expected a file, got something else');
    if (stats.size > bytesMax) {
      throw new IovError('MESSAGE_TOO_LARGE', `expected a file of at most ${bytesMax} bytes, got ${stats.size}`);
    }
    if (stats.size === 0) throw new IovError('FILE_INVALID', 'expected a file, got an empty one');
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** What a zip bomb declares; one that declares less than it holds is found while it is read. */
function checkDeclared(told: string, { uncompressedSize, compressedSize }: Entry, total: number, bounds: UnpackBounds) {
  const { textBytesMax, totalBytesMax = Number.POSITIVE_INFINITY, ratioMax = Number.POSITIVE_INFINITY } = bounds;
  if (uncompressedSize > textBytesMax) {
    const expected = `expected an entry of at most ${textBytesMax} bytes`;
    throw new IovError('MESSAGE_TOO_LARGE', `${expected}, but ${told} declares ${uncompressedSize}`);
  }
  if (total > totalBytesMax) {
    const expected = `expected at most ${totalBytesMax} bytes in all entries`;
    throw new IovError('MESSAGE_TOO_LARGE', `${expected}, but with ${told} they declare ${total}`);
  }
  if (uncompressedSize > SMALL_BYTES && uncompressedSize > ratioMax * compressedSize) {
    const expected = `expected an entry of at most ${ratioMax} times its packed size`;
    throw new IovError('FILE_INVALID', `${expected}, but ${told} makes ${uncompressedSize} bytes of ${compressedSize}`);
  }
}

/** yauzl's reason without the name that it quotes after a colon. */
const reasonOf = ({ message }: Error): string => message.split(':')[0] ?? message;

async function openZip(bytes: Uint8Array): Promise<ZipFile> {
  const { fromBuffer } = await import('yauzl');
  return new Promise((resolve, reject) => {
    fromBuffer(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      { lazyEntries: true, validateEntrySizes: true, strictFileNames: true },
      (error, zip) => {
        if (zip) return resolve(zip.on('error', () => undefined)); // those who wait for something hear of it themselves
        const why = error ? reasonOf(error) : 'unknown';
        reject(new IovError('FILE_INVALID', `expected a zip, got ${bytes.length} bytes that are none (${why})`));
      },
    );
  });
}

async function* entriesOf(zip: ZipFile, entriesMax: number): AsyncGenerator<Entry> {
  if (zip.entryCount > entriesMax) {
    throw new IovError('FILE_INVALID', `expected at most ${entriesMax} entries in the zip, got ${zip.entryCount}`);
  }
  for (let index = 0; index < zip.entryCount; index += 1) {
    yield await new Promise<Entry>((resolve, reject) => {
      const give = (entry: Entry) => {
        zip.off('error', fail);
        resolve(entry);
      };
      const fail = (error: Error) => {
        zip.off('entry', give);
        reject(new IovError('FILE_INVALID', `entry ${index + 1} of the zip is wrong: ${reasonOf(error)}`));
      };
      zip.once('entry', give).once('error', fail);
      zip.readEntry();
    });
  }
}

function openEntry(zip: ZipFile, entry: Entry, told: string): Promise<Readable> {
  return new Promise((resolve, reject) => {
    if (entry.isEncrypted())
      throw new IovError('FILE_INVALID', `${told}: expected no password, got an entry that has one`);
    zip.openReadStream(entry, (error, stream) => {
      if (!stream) {
        const why = error ? reasonOf(error) : 'unknown';
        return reject(new IovError('FILE_INVALID', `${told} cannot be read: ${why}`));
      }
      const checked = checksum(entry, told);
      stream.on('error', (cause) =>
        checked.destroy(new IovError('FILE_INVALID', `${told} is damaged: ${cause.message}`, { cause })),
      );
      checked.once('close', () => stream.destroy()); // by whoever stops reading early
      resolve(stream.pipe(checked));
    });
  });
}

/** Passes the content on and compares its CRC at the end, which yauzl leaves to others. */
function checksum(entry: Entry, told: string): Transform {
  let crc = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      crc = crc32(chunk, crc);
      done(null, chunk);
    },
    flush(done) {
      const got = crc >>> 0;
      if (got === entry.crc32) return done();
      const expected = `expected the CRC ${entry.crc32.toString(16)}, got ${got.toString(16)}`;
      done(new IovError('FILE_INVALID', `${told} is damaged: ${expected}`));
    },
  });
}
