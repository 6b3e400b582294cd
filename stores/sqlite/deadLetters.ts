import type { DeadLetter, DeadLetterFilter, NewDeadLetter } from '../../contract/store.js';
import type { Tags } from '../../contract/tags.js';
import type { Database, Statement } from './database.js';

interface DeadLetterRow {
  id: number;
  pipeline: string;
  origin: string;
  code: string;
  reason: string;
  tags: string;
  raw?: Buffer | null;
  at: number;
  state: DeadLetter['state'];
}

/** A larger item is not kept with its letter, which then says so. */
const RAW_BYTES_MAX = 1024 * 1024;
const LETTERS_LISTED_DEFAULT = 1_000;
const LETTERS_LISTED_MAX = 10_000;

/** What could not be handled, with its reason. */
export class DeadLetters {
  readonly #put: Statement;
  readonly #oldest: Statement<DeadLetterRow>;
  readonly #newest: Statement<DeadLetterRow>;
  readonly #get: Statement<DeadLetterRow>;
  readonly #retried: Statement;
  readonly #moved: Statement;
  readonly #mended: Statement;
  readonly #waiting: Statement<number>;
  readonly #about: Statement<DeadLetterRow>;

  constructor(database: Database) {
    const listed = 'id, pipeline, origin, code, reason, tags, at, state';
    this.#put = database.prepare(
      `INSERT INTO dead_letters (pipeline, origin, code, reason, tags, request_id, iccid, raw, at, state)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting')
       ON CONFLICT DO UPDATE SET code = excluded.code, reason = excluded.reason, tags = excluded.tags,
         request_id = excluded.request_id, iccid = excluded.iccid, raw = excluded.raw, at = excluded.at, state = 'waiting'`,
    );
    const list = (order: 'ASC' | 'DESC') =>
      database.prepare<unknown[], DeadLetterRow>(
        `SELECT ${listed} FROM dead_letters
         WHERE id > @afterId AND id < @beforeId AND pipeline = coalesce(@pipeline, pipeline) AND code = coalesce(@code, code)
           AND state = coalesce(@state, state) ORDER BY id ${order} LIMIT @limit`,
      );
    this.#oldest = list('ASC');
    this.#newest = list('DESC');
    this.#get = database.prepare(`SELECT ${listed}, raw FROM dead_letters WHERE id = ?`);
    this.#retried = database.prepare(`UPDATE dead_letters SET state = 'retried' WHERE id = ?`);
    this.#moved = database.prepare('UPDATE dead_letters SET reason = ?, raw = ? WHERE pipeline = ? AND origin = ?');
    this.#mended = database.prepare(`UPDATE dead_letters SET state = 'retried' WHERE pipeline = ? AND origin = ?`);
    this.#waiting = database
      .prepare<unknown[], number>(`SELECT count(*) FROM dead_letters WHERE state = 'waiting'`)
      .pluck();
    this.#about = database.prepare(
      `SELECT ${listed} FROM dead_letters WHERE request_id = @key
       UNION SELECT ${listed} FROM dead_letters WHERE iccid = @key ORDER BY id LIMIT 100`,
    );
  }

  add({ pipeline, origin, code, reason, tags, raw }: NewDeadLetter, at: number): void {
    const kept = raw && raw.byteLength <= RAW_BYTES_MAX ? raw : undefined;
    const dropped = raw && !kept ? `; the item itself (${raw.byteLength} bytes) is too large to be kept here` : '';
    const { requestId, iccid } = tags;
    this.#put.run(pipeline, origin, code, reason + dropped, JSON.stringify(tags), requestId, iccid, kept, at);
  }

  /** Without the items themselves; at most `limit`, and those after `afterId`, or before `beforeId`, next. */
  list(filter: DeadLetterFilter = {}): DeadLetter[] {
    const { pipeline, code, state, afterId = 0, beforeId = Number.MAX_SAFE_INTEGER } = filter;
    const limit = Math.min(filter.limit ?? LETTERS_LISTED_DEFAULT, LETTERS_LISTED_MAX);
    const list = filter.beforeId === undefined ? this.#oldest : this.#newest;
    return list.all({ afterId, beforeId, pipeline, code, state, limit }).map(deadLetter);
  }

  get(id: number): DeadLetter | undefined {
    const row = this.#get.get(id);
    return row && deadLetter(row);
  }

  retried(id: number): void {
    this.#retried.run(id);
  }

  moved({ pipeline, origin, reason, raw }: Pick<NewDeadLetter, 'pipeline' | 'origin' | 'reason' | 'raw'>): void {
    this.#moved.run(reason, raw, pipeline, origin);
  }

  mended(pipeline: string, origin: string): void {
    this.#mended.run(pipeline, origin);
  }

  waiting(): number {
    return this.#waiting.get() ?? 0;
  }

  /** Letters of a RequestID or a card. */
  about(key: string): DeadLetter[] {
    return this.#about.all({ key }).map(deadLetter);
  }
}

function deadLetter({ id, pipeline, origin, code, reason, tags, raw, at, state }: DeadLetterRow): DeadLetter {
  return { id, pipeline, origin, code, reason, tags: JSON.parse(tags) as Tags, ...(raw && { raw }), at, state };
}
