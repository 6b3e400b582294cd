import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { IovError } from '../contract/error.js';

const CHUNK_BYTES = 256 * 1024;

/** What {@link fingerprintOf} gives for a file of this size and time. */
export const fingerprintFor = (bytes: number, mtimeMs: number) => `${bytes} bytes, ${new Date(mtimeMs).toISOString()}`;

/** Identifies a file as it is now; one that was written to is another file. */
export async function fingerprintOf(path: string): Promise<string> {
  try {
    const { size, mtimeMs } = await stat(path);
    return fingerprintFor(size, mtimeMs);
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
}

/**
 * The bytes of a file from `offset` on; those of a `.gz` file unpacked, and passed over up to there.
 * @throws IovError FILE_UNREADABLE; FILE_INVALID where a `.gz` file is damaged
 */
export async function* openText(path: string, offset: number): AsyncGenerator<Buffer> {
  const isPacked = path.endsWith('.gz');
  const file = createReadStream(path, { start: isPacked ? 0 : offset, highWaterMark: CHUNK_BYTES });
  const text = isPacked ? file.pipe(createGunzip({ chunkSize: CHUNK_BYTES })) : file;
  if (isPacked) file.on('error', (error) => text.destroy(error)); // pipe() passes no error on
  try {
    let passed = isPacked ? 0 : offset;
    for await (const chunk of text as AsyncIterable<Buffer>) {
      const wanted = chunk.subarray(Math.max(0, offset - passed));
      passed += chunk.length;
      if (wanted.length > 0) yield wanted;
    }
  } catch (thrown) {
    throw unreadable(path, thrown);
  } finally {
    file.destroy();
    text.destroy();
  }
}

function unreadable(path: string, cause: unknown): IovError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const message = cause instanceof Error ? cause.message : String(cause);
  if (code.startsWith('Z_'))
    return new IovError('FILE_INVALID', `${path}: not a whole .gz file: ${message}`, { cause });
  return new IovError('FILE_UNREADABLE', `${path}: ${message}`, { cause });
}
