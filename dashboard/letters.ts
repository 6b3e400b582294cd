import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { DeadLetterFilter } from '../contract/store.js';
import type { JsonObject } from '../contract/tags.js';
import { timeLimit } from '../contract/timeLimit.js';
import { DeadLetterSource, obstacle, shownLetter } from '../engine/deadLetters.js';
import type { Engine } from '../engine/engine.js';
import { compileRecordMask } from '../notice/maskRecord.js';
import { parseStrictJson } from '../notice/strictJson.js';

const LISTED_MAX = 100;
const RETRY_TIMEOUT_MS = 60_000;

export interface RetryReport {
  retried: boolean;
  /** Why not. */
  code?: string;
  reason?: string;
}

/** The dead letters for people: listed, shown with every value masked, sent again one at a time. */
export class Letters {
  readonly #engine: Engine;
  readonly #log: Log;
  #busy = false;

  constructor(engine: Engine, log: Log) {
    this.#engine = engine;
    this.#log = log;
  }

  list(wanted: Omit<DeadLetterFilter, 'code' | 'limit'>): object[] {
    return this.#engine.store.deadLetters({ ...wanted, limit: LISTED_MAX }).map(shownLetter);
  }

  /** With the masked record, where the item was kept and is a JSON object, and why it cannot be sent again, where it cannot. */
  show(id: number): object | undefined {
    const letter = this.#engine.store.deadLetter(id);
    if (!letter) return undefined;
    const stands = obstacle(this.#engine.config, letter);
    const record = letter.raw && this.#masked(letter.raw);
    return { ...shownLetter(letter), ...(stands !== undefined && { obstacle: stands }), ...(record && { record }) };
  }

  /** @throws IovError OVERLOADED while another is being sent; whatever breaks the run */
  async retry(id: number): Promise<RetryReport> {
    const letter = this.#engine.store.deadLetter(id);
    const reason = obstacle(this.#engine.config, letter);
    if (!letter || reason !== undefined) return { retried: false, reason: reason ?? '' };
    if (this.#busy) throw new IovError('OVERLOADED', 'another letter is being sent again; wait for it');
    this.#busy = true;
    this.#log.info({ letter: id, pipeline: letter.pipeline }, 'a dead letter is sent again');
    try {
      const source = DeadLetterSource.of(this.#engine, letter.pipeline, [id]);
      await this.#engine.once(letter.pipeline, { source, signal: timeLimit(RETRY_TIMEOUT_MS) });
      const [failed] = source.failed;
      if (failed) return { retried: false, code: failed.code, reason: failed.reason };
      return { retried: source.retried > 0 };
    } finally {
      this.#busy = false;
    }
  }

  #masked(raw: Uint8Array): JsonObject | undefined {
    try {
      return compileRecordMask(this.#engine.config.site.tables)(parseStrictJson(raw));
    } catch {
      return undefined; // what is no JSON object is not shown
    }
  }
}
