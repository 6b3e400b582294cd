import type { Context } from '../contract/context.js';
import { fingerprintOf, type SeenFile, toldOf } from './receivedFiles.js';

interface Known {
  fingerprint: string;
  sinceMs: number;
  told: boolean;
}

/** Tells once of each `.tmp` that nobody completes: its sender has broken off, and does not know or does not care. */
export class StaleFiles {
  readonly #context: Context;
  readonly #staleMs: number;
  readonly #filesMax: number;
  #before = new Map<string, Known>();
  #now = new Map<string, Known>();

  /** @param filesMax how many are kept in mind at once; beyond, they have their turn when others have gone */
  constructor(context: Context, staleMs: number, filesMax: number) {
    this.#context = context;
    this.#staleMs = staleMs;
    this.#filesMax = filesMax;
  }

  /** A `.tmp` that this look has found. */
  see(file: SeenFile): void {
    if (this.#now.size >= this.#filesMax) return;
    const { clock, log, pipeline } = this.#context;
    const fingerprint = fingerprintOf(file);
    const before = this.#before.get(file.key);
    const known = before?.fingerprint === fingerprint ? before : { fingerprint, sinceMs: clock.now(), told: false };
    this.#now.set(file.key, known);
    const unchangedMs = clock.now() - known.sinceMs;
    if (known.told || unchangedMs < this.#staleMs) return;
    known.told = true;
    const fields = { pipeline, file: toldOf(file), bytes: file.bytes, unchangedMs, alarm: 'staleTmp' };
    log.warn(fields, 'a file stays .tmp: its sender has not completed it');
  }

  /** What the look did not find is gone. */
  endLook(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }
}
