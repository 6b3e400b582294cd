import { IovError } from '../../contract/error.js';
import type { NewSample, Sample, Samples, Verdict } from '../../contract/sample.js';
import type { JsonObject } from '../../contract/tags.js';
import type { Database, Statement } from './database.js';

interface SampleRow {
  id: number;
  pipeline: string;
  request_id: string | null;
  code: string | null;
  record: string;
  drawn_at: number;
  state: Sample['state'];
  verdict: Verdict | null;
  note: string | null;
  reviewed_at: number | null;
}

/** Records drawn for a reviewer, masked, and what was found. */
export class SampleRows {
  readonly #key: Statement<Buffer>;
  readonly #add: Statement;
  readonly #list: Statement<SampleRow>;
  readonly #get: Statement<SampleRow>;
  readonly #review: Statement;

  constructor(database: Database) {
    const shown = 'id, pipeline, request_id, code, record, drawn_at, state, verdict, note, reviewed_at';
    this.#key = database.prepare<unknown[], Buffer>('SELECT key FROM sampling').pluck();
    this.#add = database.prepare(
      'INSERT INTO samples (pipeline, request_id, code, iccid, record, drawn_at) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#list = database.prepare(
      `SELECT ${shown} FROM samples WHERE id > @afterId AND state = coalesce(@state, state) ORDER BY id LIMIT @limit`,
    );
    this.#get = database.prepare(`SELECT ${shown} FROM samples WHERE id = ?`);
    this.#review = database.prepare(
      `UPDATE samples SET state = 'reviewed', verdict = ?, note = ?, reviewed_at = ? WHERE id = ?`,
    );
  }

  add({ pipeline, requestId, code, iccid, record }: NewSample, at: number): void {
    this.#add.run(pipeline, requestId, code, iccid, JSON.stringify(record), at);
  }

  /** The same for people and operators, each call a transaction of its own. */
  face(run: <Result>(doing: string, work: () => Result) => Result, now: () => number): Samples {
    return {
      key: () => run('reading the key of the draw', () => this.#drawKey()),
      list: ({ state, afterId = 0, limit }) =>
        run('reading samples', () => this.#list.all({ state, afterId, limit }).map(sample)),
      get: (id) => run('reading a sample', () => this.#get.all(id).map(sample)[0]),
      review: (id, verdict, note) =>
        run('noting a verdict', () => this.#review.run(verdict, note, now(), id).changes > 0),
    };
  }

  #drawKey(): Buffer {
    const key = this.#key.get();
    if (!key) throw new IovError('STORE_FAILED', 'the archive has lost the key by which samples are drawn');
    return key;
  }
}

function sample(row: SampleRow): Sample {
  return {
    id: row.id,
    pipeline: row.pipeline,
    ...(row.request_id !== null && { requestId: row.request_id }),
    ...(row.code !== null && { code: row.code }),
    record: JSON.parse(row.record) as JsonObject,
    drawnAt: row.drawn_at,
    state: row.state,
    ...(row.verdict !== null && { verdict: row.verdict }),
    ...(row.note !== null && { note: row.note }),
    ...(row.reviewed_at !== null && { reviewedAt: row.reviewed_at }),
  };
}
