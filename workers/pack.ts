import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import type { WorkerStep } from '../contract/component.js';
import { createCipher } from '../crypto/cipher.js';
import { Sm3 } from '../crypto/digest.js';
import { ZipWriter } from './zip.js';

/** What the main thread asks: pack the text that comes through `port`. */
export interface PackTask {
  port: MessagePort;
  steps: readonly WorkerStep[];
  /** Written here first, renamed when complete and on the disk. */
  partialPath: string;
  /** Absent while it is open whether the file is the last of its window. */
  name?: PackName;
}

/** What is known of a file once its last record is in. */
export interface PackName {
  /** The entry in the zip: `KH_0002_2022111600_P_000003end.txt`. */
  entry: string;
  mtimeMs: number;
  /** 32 hex digits. */
  iv: string;
  /** Where the packed file belongs, in the same directory as the partial one. */
  path: string;
}

/** Through the port, to the worker: a chunk of text, or the end with the name if it was not known before. */
export type PackMessage = { chunk: Uint8Array<ArrayBuffer> } | { end: PackName } | { abandon: true };

export interface Packed {
  bytes: number;
  sm3: string;
}

/**
 * Runs in a worker thread: text → zip → cipher → file, in one pass. The plain text is never written anywhere; a chunk
 * goes back through the port when the deflater has taken it.
 */
export default async function pack(task: PackTask): Promise<Packed> {
  const file = new PackedOutput(task.partialPath);
  try {
    const zip = new ZipWriter(levelOf(task.steps), (bytes) => file.write(bytes));
    if (task.name) file.begin(task.steps, task.name.iv);
    zip.begin(task.name && entryOf(task.name));
    const name = await take(task.port, (chunk) => zip.write(chunk));
    if (!task.name) file.begin(task.steps, name.iv);
    await zip.end(entryOf(name));
    zip.finish();
    const packed = file.end();
    renameSync(task.partialPath, name.path);
    syncDirectory(dirname(name.path));
    return packed;
  } catch (error) {
    file.abandon();
    rmSync(task.partialPath, { force: true });
    throw error;
  } finally {
    task.port.close();
  }
}

function levelOf(steps: readonly WorkerStep[]): number {
  const first = steps[0];
  if (first?.worker !== 'zip') throw new Error('packing begins with zip');
  return first.level;
}

const entryOf = (name: PackName) => ({ name: name.entry, mtimeMs: name.mtimeMs });

/** Takes chunks from the port, one at a time, until the end comes. */
function take(port: MessagePort, write: (chunk: Uint8Array) => Promise<void>): Promise<PackName> {
  return new Promise((resolve, reject) => {
    let last = Promise.resolve();
    port.on('message', (message: PackMessage) => {
      if ('abandon' in message) return reject(new Error('abandoned'));
      last = last.then(async () => {
        if ('end' in message) return resolve(message.end);
        await write(message.chunk);
        port.postMessage(message.chunk, [message.chunk.buffer]); // back to be filled again
      });
      last.catch(reject);
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

  write(bytes: Uint8Array): void {
    this.#put(this.#encrypt ? this.#encrypt.update(bytes) : bytes);
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
  }
}

/** A rename is on the disk only when its directory is. */
function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
