import { readFile, stat } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { crc32 } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { IovError } from '../contract/error.js';
import type { CipherOptions } from '../contract/peer.js';
import { createCipher } from '../crypto/cipher.js';

export interface UnpackBounds {
  /** Greatest size of the file as received. */
  fileBytesMax: number;
  /** Greatest size of an entry; what a zip declares is held to it, and what it holds to what it declares. */
  textBytesMax: number;
}

export interface UnpackedEntry {
  name: string;
  bytes: number;
  /** The content, inflated as it is read; fails where the CRC or the size is wrong. */
  open(): Promise<Readable>;
}

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
  const { size } = await stat(path);
  if (size > bounds.fileBytesMax) {
    throw new IovError('MESSAGE_TOO_LARGE', `expected a file of at most ${bounds.fileBytesMax} bytes, got ${size}`);
  }
  const bytes = await readFile(path);
  const zip = await openZip(cipher ? createCipher(cipher).decrypt(bytes) : bytes);
  const entries: UnpackedEntry[] = [];
  for await (const entry of entriesOf(zip)) {
    if (entry.uncompressedSize > bounds.textBytesMax) {
      const got = `${entry.fileName} declares ${entry.uncompressedSize}`;
      throw new IovError('MESSAGE_TOO_LARGE', `expected an entry of at most ${bounds.textBytesMax} bytes, but ${got}`);
    }
    entries.push({ name: entry.fileName, bytes: entry.uncompressedSize, open: () => openEntry(zip, entry) });
  }
  return entries;
}

async function openZip(bytes: Uint8Array): Promise<ZipFile> {
  const { fromBuffer } = await import('yauzl');
  return new Promise((resolve, reject) => {
    fromBuffer(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      { lazyEntries: true, validateEntrySizes: true, strictFileNames: true },
      (error, zip) => {
        if (zip) resolve(zip);
        else
          reject(
            new IovError('FILE_INVALID', `expected a zip, got ${bytes.length} bytes that are none: ${error?.message}`),
          );
      },
    );
  });
}

const ENTRIES_MAX = 100_000;

async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  if (zip.entryCount > ENTRIES_MAX)
    throw new IovError('FILE_INVALID', `expected at most ${ENTRIES_MAX} entries, got ${zip.entryCount}`);
  for (let index = 0; index < zip.entryCount; index += 1) {
    yield await new Promise<Entry>((resolve, reject) => {
      zip.once('entry', resolve);
      zip.once('error', (error: Error) => reject(new IovError('FILE_INVALID', `the zip is damaged: ${error.message}`)));
      zip.readEntry();
    });
    zip.removeAllListeners('entry').removeAllListeners('error');
  }
}

function openEntry(zip: ZipFile, entry: Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (!stream) return reject(new IovError('FILE_INVALID', `${entry.fileName} cannot be read: ${error?.message}`));
      const checked = checksum(entry);
      stream.on('error', (cause) =>
        checked.destroy(new IovError('FILE_INVALID', `${entry.fileName} is damaged`, { cause })),
      );
      resolve(stream.pipe(checked));
    });
  });
}

/** Passes the text on and compares its CRC at the end, which yauzl leaves to others. */
function checksum(entry: Entry): Transform {
  let crc = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      crc = crc32(chunk, crc);
      done(null, chunk);
    },
    flush(done) {
      const got = crc >>> 0;
      if (got === entry.crc32) done();
      else
        done(
          new IovError(
            'FILE_INVALID',
            `${entry.fileName}: expected the CRC ${entry.crc32.toString(16)}, got ${got.toString(16)}`,
          ),
        );
    },
  });
}
