import type { DueCount, ReceivedDay, Stream } from '../../contract/received.js';
import type { DueFile } from '../../contract/store.js';
import { cutoffMs } from '../../notice/cutoff.js';
import type { Database, Statement } from './database.js';
import { receivedFile, type StoredReceivedFile } from './received.js';

const DAY_MS = 86_400_000;
const NOT_IN_TIME_MAX = 100;

type Nullable<Row> = {
  [Key in keyof Row]: undefined extends Row[Key] ? Exclude<Row[Key], undefined> | null : Row[Key];
};
type StoredDue = Nullable<DueFile>;

/** Whether a due file came in time, and what it is where it did not, at a time that is given. */
const IN_TIME = `state = 'delivered' AND delivered_at <= due_at`;
const LATE = `state = 'delivered' AND delivered_at > due_at`;
const MISSING = `state IN ('open', 'asked') AND due_at <= @nowMs`;
const OPEN = `state IN ('open', 'asked') AND due_at > @nowMs`;

/** What was received of a day, for the report. */
export class ReceivedDays {
  readonly #streams: Statement<Nullable<ReceivedDay['streams'][number]>>;
  readonly #files: Statement<StoredReceivedFile>;
  readonly #lacking: Statement<Stream & { records: number }>;
  readonly #due: Statement<DueCount>;
  readonly #notInTime: Statement<StoredDue>;

  constructor(database: Database) {
    this.#streams = database.prepare(
      `SELECT sender, content, code, min(cutoff) FILTER (WHERE type = 'P') AS firstP, min(cutoff) FILTER (WHERE type = 'F') AS firstF
       FROM received_files WHERE cutoff < ? GROUP BY sender, content, code ORDER BY sender, content DESC, code`,
    );
    this.#files = database.prepare(
      `SELECT * FROM received_files WHERE cutoff >= ? AND cutoff < ? ORDER BY sender, content DESC, code, type DESC, cutoff, sequence, name`,
    );
    // One walk over all records in the order of their digests; a digest belongs to one sender, kind and code.
    this.#lacking = database.prepare(
      `SELECT sender, content, code, count(*) AS records FROM (
         SELECT f.sender, f.content, f.code FROM received_records r CROSS JOIN received_files f ON f.id = r.file_id
         GROUP BY r.digest
         HAVING max(f.type = 'P' AND f.cutoff <= @cutoff) = 1 AND max(f.type = 'F' AND f.cutoff = @cutoff) = 0)
       GROUP BY sender, content, code`,
    );
    const ofDay = 'accepted_at >= @fromMs AND accepted_at < @toMs';
    this.#due = database.prepare(
      `SELECT content, code, count(*) AS asked, sum(${IN_TIME}) AS inTime, sum(${LATE}) AS late, sum(${MISSING}) AS missing,
              sum(state = 'failed') AS failed, sum(${OPEN}) AS open
       FROM due_files WHERE ${ofDay} GROUP BY content, code ORDER BY content DESC, code`,
    );
    this.#notInTime = database.prepare(
      `SELECT id, name, content, request_id AS requestId, code, iccid, accepted_at AS acceptedAt, due_at AS dueAt, state,
              delivered_at AS deliveredAt, expired_at AS expiredAt, reason
       FROM due_files WHERE ${ofDay} AND ((${LATE}) OR (${MISSING}) OR state = 'failed') ORDER BY id LIMIT ${NOT_IN_TIME_MAX}`,
    );
  }

  of(day: string, nowMs: number): ReceivedDay {
    const fromMs = cutoffMs(`${day}00`);
    const times = { fromMs, toMs: fromMs + DAY_MS, nowMs };
    const [first, end] = [`${day}00`, `${day}24`];
    const files = this.#files
      .all(first, end)
      .map(receivedFile)
      .flatMap(({ batch, ...file }) => (batch ? { ...file, batch } : []));
    const fullCutoffs = new Set(files.filter(({ batch }) => batch.type === 'F').map(({ batch }) => batch.cutoff));
    return {
      streams: this.#streams.all(end).map(present),
      files,
      lacking: [...fullCutoffs].flatMap((cutoff) => this.#lacking.all({ cutoff }).map((row) => ({ ...row, cutoff }))),
      due: this.#due.all(times),
      notInTime: this.#notInTime.all(times).map(present),
    };
  }
}

/** A row without the columns that are empty. */
function present<Row extends object>(row: Nullable<Row>): Row {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as Row;
}
