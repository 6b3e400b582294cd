import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import type { WorkerStep } from '../contract/component.js';
import { IovError } from '../contract/error.js';
import type { FilePlan, PackedFile } from '../contract/file.js';
import type { Album, TextFile } from '../contract/item.js';
import type { FileRow, Store } from '../contract/store.js';
import { sm3Hex } from '../crypto/digest.js';
import { digestOf } from '../files/plainFile.js';
import { feedAlbum, feedText, type GiveWay } from './feed.js';
import type { DiskFailure, Packed, PackMessage, PackName, PackTask } from './pack.js';
import { openPool, type Pool } from './pool.js';

/** So long a file may wait for callers to be answered. */
const FILE_WAIT_MS = 250;

/** Text files that are deflated at once, over all pipelines: one whose source is slow is not to hold up every other. */
const TEXTS_AT_ONCE = Math.max(2, availableParallelism());

/** Packs text files and albums into the outbox in worker threads, one file a task, and notes them in the ledger. */
export class Packer {
  /** Files of a pipeline that are on their way: the last of them is not fed until one of the others is done. */
  readonly atOnce = availableParallelism() + 1;
  readonly #texts: Pool;
  /** Of their own: a picture service that takes its time does not hold up an export. */
  readonly #albums: Pool;
  readonly #store: Store;
  readonly #outbox: string;
  readonly #giveWay: GiveWay;

  /**
   * @param outbox an existing directory for packed files that wait for delivery
   * @param giveWay called before each file and piece of text; waits so long at most while others are in more of a hurry
   */
  constructor(store: Store, outbox: string, giveWay: GiveWay = async () => {}) {
    this.#store = store;
    this.#outbox = outbox;
    this.#giveWay = giveWay;
    const module = new URL('./pack.js', import.meta.url);
    this.#texts = openPool(module, TEXTS_AT_ONCE);
    this.#albums = openPool(module, availableParallelism());
  }

  /**
   * Packs a file, or takes it over as an interrupted run left it: a delivered one as it is, a packed one if these very steps
   * packed it and its bytes are still what the ledger says.
   */
  async pack(file: TextFile | Album, steps: readonly WorkerStep[], signal: AbortSignal): Promise<PackedFile> {
    const known = file.known;
    if (known && (await this.#intact(known, steps))) {
      discard(file);
      return packedFile(await file.plan, known);
    }
    await this.#giveWay(FILE_WAIT_MS);
    const extension = steps.some((step) => step.worker === 'encrypt') ? '.bin' : '.zip';
    const nameOf = (plan: FilePlan): PackName => ({
      iv: ivOf(steps, plan),
      path: join(this.#outbox, plan.baseName + extension),
    });
    const early = await settledNow(file.plan);
    const { port1, port2 } = new MessageChannel();
    const task: PackTask = {
      port: port2,
      steps,
      partialPath: join(this.#outbox, `${process.pid}-${randomUUID()}.part`),
    };
    if (early) task.name = nameOf(early);
    const pool = 'pictures' in file ? this.#albums : this.#texts;
    const packing = pool
      .run<Packed | DiskFailure>(task, { transferList: [port2], signal })
      .then((done) => packedOr(done, this.#outbox));
    const feeding =
      'pictures' in file
        ? feedAlbum(port1, file, nameOf)
        : feedText(port1, file, early, { nameOf, giveWay: this.#giveWay });
    try {
      const [packed] = await Promise.all([packing, feeding]);
      const plan = await file.plan;
      const { path } = nameOf(plan);
      const packedName = plan.baseName + extension;
      // what other steps made, which may not have encrypted it; before the ledger forgets where it is
      if (known?.path !== undefined && known.packedName !== packedName) await rm(known.path, { force: true });
      await this.#store.filePacked(plan.baseName, { packedName, path, ...packed, steps: digestOfSteps(steps, plan) });
      const state = this.#store.file(plan.baseName)?.state ?? plan.state;
      return { name: packedName, path, ...packed, plan: { ...plan, state } };
    } catch (thrown) {
      port1.postMessage('abandon' satisfies PackMessage);
      discard(file);
      await packing.catch(() => undefined);
      await rm(task.partialPath, { force: true }).catch(() => undefined); // a worker that was ended has not done so
      throw IovError.from(signal.aborted ? signal.reason : thrown, 'packing a file into the outbox');
    } finally {
      port1.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#texts.close(), this.#albums.close()]);
  }

  async #intact(known: FileRow, steps: readonly WorkerStep[]): Promise<boolean> {
    if (known.state === 'delivered') return true;
    if (known.state === 'planned' || !known.path || known.steps !== digestOfSteps(steps, known.plan)) return false;
    const found = await digestOf(known.path).catch(() => undefined);
    return found !== undefined && found.bytes === known.bytes && found.sm3 === known.sm3;
  }
}

/** Differs wherever the steps would make other bytes of a file. A key is in it, and cannot be had from it. */
function digestOfSteps(steps: readonly WorkerStep[], { iv }: FilePlan): string {
  return sm3Hex(JSON.stringify([iv, steps]));
}

/**
 * What is drawn for the file, and the steps: other bytes of it never go under the same key and IV, which counter modes do not
 * bear.
 * @returns 32 hex digits
 */
function ivOf(steps: readonly WorkerStep[], plan: FilePlan): string {
  return digestOfSteps(steps, plan).slice(0, 32);
}

/** @throws IovError STORE_FAILED: a disk without room, or one that failed, is the operator's to mend */
function packedOr(done: Packed | DiskFailure, outbox: string): Packed {
  if (!('code' in done)) return done;
  const { code, message } = done;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const isBroken = code === 'EIO' || code === 'EROFS';
  if (!isFull && !isBroken) throw new IovError('INTERNAL', `packing a file into the outbox: ${message}`);
  const meaning = isFull ? 'the disk is full; make room, the export resumes where it stopped' : 'the disk failed';
  throw new IovError('STORE_FAILED', `packing a file into the outbox ${outbox}: ${meaning} (${code})`);
}

/** Nobody will read on, and who writes a text file must not wait. */
function discard(file: TextFile | Album): void {
  if ('discard' in file) file.discard();
}

/** What a promise holds if it is settled by now, without waiting for it. */
function settledNow<Value>(promise: Promise<Value> | Value): Promise<Value | undefined> {
  return Promise.race([promise, Promise.resolve(undefined)]);
}

function packedFile(plan: FilePlan, known: FileRow): PackedFile {
  const { packedName, path, bytes, sm3 } = known;
  if (packedName === undefined || path === undefined || bytes === undefined || sm3 === undefined) {
    throw new IovError('INTERNAL', `the ledger knows ${known.name} as ${known.state}, but not where it is`);
  }
  return { name: packedName, path, bytes, sm3, plan: { ...plan, state: known.state } };
}
