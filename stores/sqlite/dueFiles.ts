import { IovError } from '../../contract/error.js';
import type { DueAlarm, DueFile, DueFileFilter, NewDueFile, StoreStatus } from '../../contract/store.js';
import type { Database, Statement } from './database.js';

interface StoredDueFile {
  id: number;
  name: string;
  content: 'KH' | 'HT';
  request_id: string;
  code: string;
  iccid: string;
  accepted_at: number;
  due_at: number;
  state: DueFile['state'];
  asked_at: number | null;
  delivered_at: number | null;
  expired_at: number | null;
  failed_at: number | null;
  reason: string | null;
}

/** A due file with the times of its steps, for people. */
export type TimedDueFile = DueFile & { askedAt?: number; failedAt?: number };

const LAST_HALF_HOUR_MS = 30 * 60_000;
/** Stages as they are stored, so that each is told once: 0 is none. */
const STAGES = ['half', 'lastHalfHour', 'expired'] as const;

/** Files that a deadline hangs on: open → asked → delivered, or failed. One that has expired may still be delivered. */
export class DueFiles {
  readonly #insert: Statement;
  readonly #forget: Statement;
  readonly #setCards: Statement;
  readonly #get: Statement<StoredDueFile>;
  readonly #ofRequest: Statement<StoredDueFile>;
  readonly #ofCard: Statement<StoredDueFile>;
  readonly #list: Statement<StoredDueFile>;
  readonly #expired: Statement<StoredDueFile>;
  readonly #asked: Statement;
  readonly #delivered: Statement;
  readonly #failed: Statement;
  readonly #alarms: Statement<StoredDueFile & { stage: number }>;
  readonly #alarmed: Statement;
  readonly #counts: Statement<StoreStatus['dueFiles'][number] & { nextDueAt: number | null }>;

  constructor(database: Database) {
    this.#insert = database.prepare(
      `INSERT INTO due_files (name, content, request_id, code, iccid, accepted_at, due_at, next_stage_at)
       VALUES (@name, @content, @requestId, @code, @iccid, @at, @at + @withinMs, CAST(@at + @withinMs / 2 AS INTEGER)) ON CONFLICT DO NOTHING`,
    );
    this.#forget = database.prepare(`DELETE FROM due_files WHERE name = ? AND iccid = ? AND state = 'failed'`);
    this.#setCards = database.prepare('UPDATE due_files SET iccid = ? WHERE name = ?');
    this.#get = database.prepare('SELECT * FROM due_files WHERE name = ?');
    this.#ofRequest = database.prepare('SELECT * FROM due_files WHERE request_id = ? ORDER BY id LIMIT 100');
    this.#ofCard = database.prepare(
      `SELECT * FROM due_files WHERE iccid = @iccid UNION ALL
       SELECT * FROM due_files WHERE instr(iccid, ',') > 0 AND instr(',' || iccid || ',', ',' || @iccid || ',') > 0
       ORDER BY id LIMIT 100`,
    );
    const list = (only: string) =>
      database.prepare<unknown[], StoredDueFile>(
        `SELECT * FROM due_files WHERE content = @content AND state = @state AND id > @afterId ${only} ORDER BY id LIMIT @limit`,
      );
    this.#list = list('');
    this.#expired = list('AND expired_at IS NOT NULL');
    this.#asked = database.prepare(
      `UPDATE due_files SET state = 'asked', asked_at = ?, reason = NULL WHERE name = ? AND state = 'open'`,
    );
    this.#delivered = database.prepare(
      `UPDATE due_files SET state = 'delivered', delivered_at = ?, reason = NULL, next_stage_at = NULL
       WHERE name = ? AND state <> 'delivered'`,
    );
    this.#failed = database.prepare(
      `UPDATE due_files SET reason = @reason, state = CASE WHEN @final THEN 'failed' ELSE state END,
       failed_at = CASE WHEN @final THEN @at ELSE failed_at END,
       next_stage_at = CASE WHEN @final THEN NULL ELSE next_stage_at END
       WHERE name = @name AND state IN ('open', 'asked')`,
    );
    this.#alarms = database.prepare(
      `SELECT * FROM due_files WHERE next_stage_at <= @nowMs AND state IN ('open', 'asked') ORDER BY next_stage_at LIMIT @limit`,
    );
    this.#alarmed = database.prepare(
      'UPDATE due_files SET stage = @stage, next_stage_at = @next, expired_at = coalesce(@expiredAt, expired_at) WHERE id = @id',
    );
    this.#counts = database.prepare(
      `SELECT content, code, sum(state = 'open') AS open, sum(state = 'asked') AS asked, sum(state = 'delivered') AS delivered,
              sum(state = 'delivered' AND delivered_at > due_at) AS late, sum(state = 'failed') AS failed,
              sum(state <> 'delivered' AND expired_at IS NOT NULL) AS expired,
              min(due_at) FILTER (WHERE state IN ('open', 'asked')) AS nextDueAt
       FROM due_files GROUP BY content, code ORDER BY content, code`,
    );
  }

  add(file: NewDueFile, at: number): void {
    if (file.withinMs <= 0) throw new IovError('INTERNAL', `${file.name}: expected a time in the future`);
    if (this.#insert.run(bound(file, at)).changes > 0) return;
    const known = this.#get.get(file.name);
    const iccid = file.forMore && known ? withCard(known.iccid, file.iccid) : file.iccid;
    if (known && file.forMore) this.#setCards.run(iccid, file.name);
    // asked for once more after nobody tried any more: due anew, behind whoever has looked through the others
    if (this.#forget.run(file.name, iccid).changes > 0) return void this.#insert.run(bound({ ...file, iccid }, at));
    if (!file.forMore && known?.iccid !== iccid)
      throw new IovError('REQUEST_REUSED', `${file.name} is due already, for another card`);
  }

  get(name: string): TimedDueFile | undefined {
    const row = this.#get.get(name);
    return row && dueFile(row);
  }

  /** Those of a command or a registration, and those of a card. */
  about(key: string): TimedDueFile[] {
    const rows = [...this.#ofRequest.all(key), ...this.#ofCard.all({ iccid: key }), ...this.#get.all(key)];
    return [...new Map(rows.map((row) => [row.id, row])).values()].map(dueFile);
  }

  list({ content, state, expired, afterId = 0, limit }: DueFileFilter): DueFile[] {
    return (expired ? this.#expired : this.#list).all({ content, state, afterId, limit }).map(dueFile);
  }

  asked(name: string, at: number): void {
    this.#asked.run(at, name);
  }

  /** `HT_CMD-7_LSV1` fulfils what is due under that name, or else under `HT_CMD-7`. */
  delivered(name: string, at: number): void {
    if (this.#delivered.run(at, name).changes > 0 || this.#get.get(name)) return;
    const withoutCode = /^((?:KH|HT)_[A-Za-z0-9-]+)_[A-Za-z0-9-]+$/.exec(name)?.[1];
    if (withoutCode !== undefined) this.#delivered.run(at, withoutCode);
  }

  failed(name: string, reason: string, final: boolean, at: number): void {
    this.#failed.run({ name, reason, final: final ? 1 : 0, at });
  }

  /** Inside a transaction: files that have reached a stage, which is noted. */
  alarms(nowMs: number, limit: number): DueAlarm[] {
    return this.#alarms.all({ nowMs, limit }).map((row) => {
      const times = [Math.floor((row.accepted_at + row.due_at) / 2), row.due_at - LAST_HALF_HOUR_MS, row.due_at];
      // where several stages have passed since the last look, the latest is told
      const stage = times.findLastIndex((at) => at <= nowMs);
      const next = times.slice(stage + 1).find((at) => at > nowMs) ?? null;
      const expiredAt = stage === 2 ? nowMs : null;
      this.#alarmed.run({ id: row.id, stage: stage + 1, next, expiredAt });
      return {
        stage: STAGES[stage] ?? 'half',
        file: { ...dueFile(row), ...(expiredAt !== null && { expiredAt }) },
      };
    });
  }

  counts(): StoreStatus['dueFiles'] {
    return this.#counts.all().map(({ nextDueAt, ...counts }) => ({
      ...counts,
      ...(nextDueAt !== null && { nextDueAt }),
    }));
  }
}

const bound = ({ forMore: _, ...file }: NewDueFile, at: number) => ({ ...file, at });

const withCard = (iccids: string, iccid: string) => [...new Set([...iccids.split(','), iccid])].join(',');

function dueFile(row: StoredDueFile): TimedDueFile {
  return {
    id: row.id,
    name: row.name,
    content: row.content,
    requestId: row.request_id,
    code: row.code,
    iccid: row.iccid,
    acceptedAt: row.accepted_at,
    dueAt: row.due_at,
    state: row.state,
    ...(row.asked_at !== null && { askedAt: row.asked_at }),
    ...(row.delivered_at !== null && { deliveredAt: row.delivered_at }),
    ...(row.expired_at !== null && { expiredAt: row.expired_at }),
    ...(row.failed_at !== null && { failedAt: row.failed_at }),
    ...(row.reason !== null && { reason: row.reason }),
  };
}
