import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import type { WorkerStep } from '../contract/component.js';
import { createCipher } from '../crypto/cipher.js';
import { Sm3 } from '../crypto/digest.js';
import { syncDirectory } from '../files/plainFile.js';
import { release } from './release.js';
import { type ZipEntry, ZipWriter } from './zip.js';

/** What the main thread asks: pack the entries that come through `port`. */
export interface PackTask {
  port: MessagePort;
  steps: readonly WorkerStep[];
  /** Written here first, renamed when complete and on the disk. */
  partialPath: string;
  /** Absent while it is open whether a text file is the last of its window. */
  name?: PackName;
}

/** What is known of a text file once its last record is in, and of an album from the start. */
export interface PackName {
  /** 32 hex digits. */
  iv: string;
  /** Where the packed file belongs, in the same directory as the partial one. */
  path: string;
}

/**
 * Through the port, to the worker: some steps at once, or that the file is given up. Back comes, once for each such list,
 * what chunks it held.
 */
export type PackMessage = readonly PackPart[] | 'abandon';

/** An entry begins, and ends the one before; a chunk of it; the end, with the names that were not known before. */
export type PackPart = { entry: ZipEntry | undefined } | { chunk: Uint8Array<ArrayBuffer> } | { end: PackEnd };

export interface PackEnd extends PackName {
  /** The last entry, where it began without a name: `KH_0002_2022111600_P_000003end.txt`. */
  entry?: ZipEntry;
}

export interface Packed {
  bytes: number;
  sm3: string;
}

/** What the disk refused: an error's code would be lost between threads. */
export interface DiskFailure {
  code: string;
  message: string;
}

/**
 * Runs in a worker thread: entries → zip → cipher → file, in one pass. The plain content is never written anywhere; a chunk
 * goes back through the port when the deflater has taken it.
 */
export default async function pack(task: PackTask): Promise<Packed | DiskFailure> {
  let file: PackedOutput | undefined;
  try {
    file = new PackedOutput(task.partialPath);
    return await packInto(file, task);
  } catch (error) {
    file?.abandon();
    rmSync(task.partialPath, { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== undefined && 'syscall' in (error as Error)) return { code, message };
    throw error;
  } finally {
    task.port.close();
  }
}

async function packInto(file: PackedOutput, task: PackTask): Promise<Packed> {
  const zip = new ZipWriter(levelOf(task.steps), (bytes) => file.write(bytes));
  if (task.name) file.begin(task.steps, task.name.iv);
  const { iv, path, entry } = await take(task.port, zip);
  if (!task.name) file.begin(task.steps, iv);
  zip.end(entry);
  zip.finish();
  const packed = file.end();
  renameSync(task.partialPath, path);
  await syncDirectory(dirname(path)); // a rename is on the disk only when its directory is
  return packed;
}

function levelOf(steps: readonly WorkerStep[]): number {
  const first = steps[0];
  if (first?.worker !== 'zip') throw new Error('packing begins with zip');
  return first.level;
}

/** Takes entries from the port, chunk by chunk, until the end comes; the last entry is left open for its name. */
function take(port: MessagePort, zip: ZipWriter): Promise<PackEnd> {
  return new Promise((resolve, reject) => {
    let entries = 0;
    const handle = (part: PackPart): void => {
      if ('end' in part) {
        resolve(part.end);
      } else if ('chunk' in part) {
        zip.write(part.chunk);
      } else {
        if (entries > 0) zip.end();
        entries += 1;
        zip.begin(part.entry);
      }
    };
    port.on('message', (message: PackMessage) => {
      if (message === 'abandon') return reject(new Error('abandoned'));
      try {
        for (const part of message) handle(part);
        const chunks = message.flatMap((part) => ('chunk' in part ? [part.chunk] : []));
        const buffers = chunks.map(({ buffer }) => buffer);
        port.postMessage(chunks, buffers); // back to be filled again
      } catch (thrown) {
        reject(thrown);
      }
    });
    port.once('close', () => reject(new Error('the main thread went away')));
  });
}

/** The file being written: enciphered where a step says so, with its digest. */
class PackedOutput {
  readonly #fd: number;
  readonly #digest = new Sm3();
  #encrypt: { update(bytes: Uint8Array): Uint8Array; final(): Uint8Array } | undefined;
  #bytes = 0;
  #open = true;

  constructor(path: string) {
    this.#fd = openSync(path, 'w', 0o600);
  }

  begin(steps: readonly WorkerStep[], iv: string): void {
    const step = steps.find((candidate) => candidate.worker === 'encrypt');
    if (step) this.#encrypt = createCipher(step.cipher).encryptor(Buffer.from(iv, 'hex'));
  }

  /** Takes the bytes over. What comes after the file was abandoned must not reach its descriptor, which may be another's by then. */
  write(bytes: Uint8Array): void {
    if (!this.#open) return;
    const enciphered = this.#encrypt?.update(bytes);
    if (enciphered) release(bytes);
    this.#put(enciphered ?? bytes);
  }

  end(): Packed {
    if (this.#encrypt) this.#put(this.#encrypt.final());
    fsyncSync(this.#fd);
    this.abandon();
    return { bytes: this.#bytes, sm3: this.#digest.hex() };
  }

  abandon(): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }

  #put(bytes: Uint8Array): void {
    this.#digest.update(bytes);
    for (let at = 0; at < bytes.byteLength; ) at += writeSync(this.#fd, bytes, at);
    this.#bytes += bytes.byteLength;
    release(bytes);
  }
}
