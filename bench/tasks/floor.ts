import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { deflateRawSync } from 'node:zlib';
import { compileSerializer } from '../../notice/serializer.js';
import { tableOf } from '../../notice/tables/index.js';
import { accountBodies, encodedRecords, OEM } from '../records.js';

const FILE_BYTES = 100_000_000;
const NEWLINE = Buffer.from('\n');

export interface FloorArgs {
  kind: 'chain' | 'export';
  /** Bytes of text (export) or bodies (chain) over all threads. */
  amount: number;
}

/**
 * The floor: the same primitives in a plain loop on all cores, nothing else. `export`: deflate at level 6, SM4-CBC.
 * `chain`: before these parse, SM4-CBC, parse and serialize. Input is made before the clock starts.
 */
export async function run(args: FloorArgs): Promise<object> {
  const threads = availableParallelism();
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL(import.meta.url), { workerData: { ...args, amount: Math.ceil(args.amount / threads) } }),
  );
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
  const started = performance.now();
  const done = workers.map(
    (worker) => new Promise<{ text: number; packed: number }>((resolve) => worker.once('message', resolve)),
  );
  for (const worker of workers) worker.postMessage('go');
  const results = await Promise.all(done);
  const seconds = (performance.now() - started) / 1000;
  const sum = (key: 'text' | 'packed') => results.reduce((total, result) => total + result[key], 0);
  return { seconds, textBytes: sum('text'), packedBytes: sum('packed') };
}

/** Packs what the loop has made so far, as one file. */
function pack(text: Buffer): number {
  const cipher = createCipheriv('sm4-cbc', Buffer.from(OEM.cipher.key, 'hex'), randomBytes(16));
  const zipped = deflateRawSync(text, { level: 6 });
  return cipher.update(zipped).length + cipher.final().length;
}

class Files {
  text = 0;
  packed = 0;
  readonly #file = Buffer.allocUnsafeSlow(FILE_BYTES);
  #at = 0;

  add(record: Uint8Array): void {
    if (this.#at + record.length + 1 > FILE_BYTES) this.end();
    this.#file.set(record, this.#at);
    this.#file.set(NEWLINE, this.#at + record.length);
    this.#at += record.length + 1;
  }

  end(): void {
    if (this.#at === 0) return;
    this.text += this.#at;
    this.packed += pack(this.#file.subarray(0, this.#at));
    this.#at = 0;
  }
}

function exportLoop(amount: number): () => Files {
  const records = encodedRecords();
  return () => {
    const files = new Files();
    for (let bytes = 0, index = 0; bytes < amount; index += 1) {
      const record = records[index % records.length]!;
      bytes += record.length + 1;
      files.add(record);
    }
    files.end();
    return files;
  };
}

function chainLoop(amount: number): () => Files {
  const bodies = accountBodies();
  const serialize = compileSerializer(tableOf(8));
  const key = Buffer.from(OEM.cipher.key, 'hex');
  return () => {
    const files = new Files();
    for (let index = 0; index < amount; index += 1) {
      const body = JSON.parse(Buffer.from(bodies[index % bodies.length]!).toString()) as { EncryptUserInfo: string };
      const sealed = Buffer.from(body.EncryptUserInfo, 'base64');
      const decipher = createDecipheriv('sm4-cbc', key, sealed.subarray(0, 16));
      const plain = Buffer.concat([decipher.update(sealed.subarray(16)), decipher.final()]);
      files.add(serialize(JSON.parse(plain.toString()) as Record<string, unknown>));
    }
    files.end();
    return files;
  };
}

if (!isMainThread && parentPort) {
  const { kind, amount } = workerData as FloorArgs;
  const loop = kind === 'export' ? exportLoop(amount) : chainLoop(amount);
  const port = parentPort;
  port.once('message', () => {
    const { text, packed } = loop();
    port.postMessage({ text, packed });
    port.close();
  });
  port.postMessage('ready');
}
