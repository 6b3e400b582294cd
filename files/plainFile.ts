import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { IovError } from '../contract/error.js';
import { Sm3 } from '../crypto/digest.js';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;

/** Opens for reading what is a file itself: neither a link nor a pipe, which somebody may have put in its place. */
export async function openPlain(path: string): Promise<FileHandle> {
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new Error('no plain file');
}

/**
 * Size and SM3 of a plain file.
 * @throws IovError FILE_UNREADABLE
 */
export async function digestOf(path: string): Promise<{ bytes: number; sm3: string }> {
  try {
    const digest = new Sm3();
    let bytes = 0;
    for await (const chunk of (await openPlain(path)).createReadStream()) {
      digest.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
    return { bytes, sm3: digest.hex() };
  } catch (cause) {
    // Node's message holds the path, and that may hold a card's number
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new IovError('FILE_UNREADABLE', `it cannot be read: ${code ?? message}`, { cause });
  }
}

/** A write may take less than it is given. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.byteLength; ) {
    written += (await file.write(bytes, written, bytes.byteLength - written, position + written)).bytesWritten;
  }
}

/** Brings a file, or the names in a directory, to the disk; follows no link. */
export async function sync(path: string): Promise<void> {
  await synced(await open(path, O_RDONLY | O_NOFOLLOW));
}

/** Brings the names in a directory that was configured to the disk: where it is a link, those in the one that it leads to. */
export async function syncDirectory(path: string): Promise<void> {
  await synced(await open(path, O_RDONLY | O_DIRECTORY));
}

async function synced(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
