import { IovError } from '../../contract/error.js';
import type { WindowKey } from '../../contract/file.js';
import type { KnownPosition, Position, PositionFilter, StoreStatus, WindowRow } from '../../contract/store.js';
import { windowName } from '../../notice/batch.js';
import { cutoffOf } from '../../notice/cutoff.js';
import { coveredBy, endsLater } from '../refusals.js';
import type { Archive } from './archive.js';
import type { Database, Statement } from './database.js';

export interface StoredWindow {
  id: number;
  kind: 'KH' | 'CL';
  code: string;
  cutoff: string;
  type: 'P' | 'F';
  direct: number;
  from_position: number;
  to_position: number;
  records: number;
  pipeline: string;
  state: WindowRow['state'];
  planned_at: number;
  delivered_at: number | null;
  options: string;
}

/** Of the windows that are delivered, people see the latest, and those of six weeks, as in the calendar; open ones they see all. */
const LATEST_SHOWN = 200;
const CALENDAR_MS = 42 * 86_400_000;
const CALENDAR_MAX = 5_000;

/** Windows: what each export covers, decided once. And how far other sources have come. */
export class Windows {
  readonly #archive: Archive;
  readonly #byKey: Statement<StoredWindow>;
  readonly #latest: Statement<StoredWindow>;
  readonly #insert: Statement<StoredWindow>;
  readonly #close: Statement;
  readonly #open: Statement<StoredWindow>;
  readonly #hasOpen: Statement<number>;
  readonly #setOptions: Statement;
  readonly #delivered: Statement;
  readonly #reopen: Statement;
  readonly #told: Statement<[direct: number, reopenedAt: number]>;
  readonly #shown: Statement<
    StoredWindow & {
      files: number;
      files_packed: number;
      files_uploading: number;
      files_delivered: number;
      records_delivered: number;
      direct_records: number;
    }
  >;
  readonly #holding: Statement<StoredWindow>;
  readonly #getPosition: Statement<Position>;
  readonly #setPosition: Statement;
  readonly #positions: Statement<{ source: string; gone: number }>;
  readonly #positionGone: Statement;

  constructor(database: Database, archive: Archive) {
    this.#archive = archive;
    this.#byKey = database.prepare('SELECT * FROM windows WHERE kind = ? AND code = ? AND type = ? AND cutoff = ?');
    this.#latest = database.prepare(
      `SELECT * FROM windows WHERE kind = ? AND code = ? AND type = 'P' AND direct = 0 ORDER BY cutoff DESC LIMIT 1`,
    );
    this.#insert = database.prepare(
      `INSERT INTO windows (kind, code, cutoff, type, direct, from_position, to_position, records, pipeline, state, planned_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?) RETURNING *`,
    );
    this.#close = database.prepare('UPDATE closing SET closed_until = max(closed_until, ?)');
    this.#open = database.prepare(`SELECT * FROM windows WHERE pipeline = ? AND state = 'open' ORDER BY id`);
    this.#hasOpen = database
      .prepare<unknown[], number>(
        `SELECT EXISTS (SELECT 1 FROM windows INDEXED BY windows_open WHERE state = 'open' AND kind = ? AND code = ? AND direct = 0)`,
      )
      .pluck();
    this.#setOptions = database.prepare(`UPDATE windows SET options = ? WHERE id = ? AND options = ''`);
    this.#delivered = database.prepare(`UPDATE windows SET state = 'delivered', delivered_at = ? WHERE id = ?`);
    this.#reopen = database.prepare(
      `UPDATE windows SET state = 'open', delivered_at = NULL, reopened_at = ? WHERE id = ?`,
    );
    this.#told = database
      .prepare<unknown[], [number, number]>('SELECT direct, coalesce(reopened_at, 0) FROM windows WHERE id = ?')
      .raw();
    this.#shown = database.prepare(
      `SELECT w.*, count(f.base_name) AS files, coalesce(sum(f.state = 'delivered'), 0) AS files_delivered,
              coalesce(sum(f.state = 'packed'), 0) AS files_packed, coalesce(sum(f.state = 'uploading'), 0) AS files_uploading,
              coalesce(sum(json_extract(f.plan, '$.records')) FILTER (WHERE f.state = 'delivered'), 0) AS records_delivered,
              coalesce(sum(json_extract(f.plan, '$.records')), 0) AS direct_records
       FROM windows w LEFT JOIN files f ON f.window_id = w.id
       WHERE w.state = 'open' OR w.id IN (SELECT id FROM windows WHERE state = 'delivered' ORDER BY id DESC LIMIT ${LATEST_SHOWN})
         OR w.id IN (SELECT id FROM windows WHERE state = 'delivered' AND cutoff >= ? ORDER BY id DESC LIMIT ${CALENDAR_MAX})
       GROUP BY w.id ORDER BY w.id`,
    );
    this.#holding = database.prepare(
      `SELECT * FROM windows WHERE kind = @kind AND code = @code AND direct = 0 AND from_position < @position AND to_position >= @position
       ORDER BY id LIMIT 100`,
    );
    this.#getPosition = database.prepare(
      'SELECT offset, line, fingerprint FROM positions WHERE pipeline = ? AND source = ?',
    );
    this.#setPosition = database.prepare(
      `INSERT INTO positions (pipeline, source, offset, line, fingerprint) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
       SET offset = excluded.offset, line = excluded.line, fingerprint = excluded.fingerprint, gone_at = NULL`,
    );
    this.#positions = database.prepare(
      `SELECT source, gone_at IS NOT NULL AS gone FROM positions
       WHERE pipeline = @pipeline AND source > @after AND substr(source, 1, length(@prefix)) = @prefix ORDER BY source LIMIT @limit`,
    );
    this.#positionGone = database.prepare('UPDATE positions SET gone_at = ? WHERE pipeline = ? AND source = ?');
  }

  /** Inside a transaction: the window as it was planned, or planned now. */
  open(key: WindowKey, cutoffMs: number, pipeline: string, nowMs: number): WindowRow {
    const known = this.#known(key, 0);
    if (known) return known;
    if (cutoffMs > nowMs) throw endsLater(key);
    const { kind, code, cutoff, type } = key;
    const before = type === 'P' ? this.#latest.get(kind, code) : undefined;
    if (before && before.cutoff > cutoff) throw coveredBy(before.cutoff, key);
    const from = before?.to_position ?? 0;
    const to = this.#archive.lastBefore(cutoffMs);
    const records = this.#archive.recordsBetween(kind, code, from, to);
    this.#close.run(cutoffMs);
    return this.#planned(key, 0, [from, to, records], pipeline, nowMs);
  }

  /** Inside a transaction: the window of a chain that has no archive before it; it holds nothing of the archive. */
  openDirect(key: WindowKey, pipeline: string, nowMs: number): WindowRow {
    return this.#known(key, 1) ?? this.#planned(key, 1, [0, 0, 0], pipeline, nowMs);
  }

  /** Inside a transaction: a window that has been planned elsewhere; its bounds are times of acceptance. */
  adopt(
    key: WindowKey,
    range: [from: number, to: number, records: number],
    pipeline: string,
    nowMs: number,
  ): WindowRow {
    return this.#known(key, 0) ?? this.#planned(key, 0, range, pipeline, nowMs);
  }

  /** Inside a transaction: nothing is accepted before that time any more, whatever the clock says. */
  close(cutoffMs: number): void {
    this.#close.run(cutoffMs);
  }

  openOf(pipeline: string): WindowRow[] {
    return this.#open.all(pipeline).map(windowRow);
  }

  /** Whether a window of the archive is open, one that is delivered once more included. */
  hasOpen(kind: string, code: string): boolean {
    return this.#hasOpen.get(kind, code) === 1;
  }

  /** Windows of the archive that hold the record at this position. */
  holding(kind: string, code: string, position: number): WindowRow[] {
    return this.#holding.all({ kind, code, position }).map(windowRow);
  }

  setOptions(id: number, options: string): void {
    this.#setOptions.run(options, id);
  }

  delivered(id: number, nowMs: number): void {
    this.#delivered.run(nowMs, id);
  }

  reopen(id: number, nowMs: number): void {
    this.#reopen.run(nowMs, id);
  }

  /** When it was last opened again; 0 where it never was. */
  reopenedAt(id: number): number {
    return this.#told.get(id)?.[1] ?? 0;
  }

  /** Of a chain that has no archive before it. */
  isDirect(id: number): boolean {
    return this.#told.get(id)?.[0] === 1;
  }

  shown(nowMs: number): StoreStatus['windows'] {
    return this.#shown.all(cutoffOf(nowMs - CALENDAR_MS)).map((row) => ({
      ...windowRow(row),
      files: row.files,
      filesPacked: row.files_packed,
      filesUploading: row.files_uploading,
      filesDelivered: row.files_delivered,
      recordsDelivered: row.records_delivered,
      recordsTotal: row.direct ? row.direct_records : row.records,
    }));
  }

  position(pipeline: string, source: string): Position | undefined {
    return this.#getPosition.get(pipeline, source);
  }

  setPosition(pipeline: string, source: string, { offset, line, fingerprint }: Position): void {
    this.#setPosition.run(pipeline, source, offset, line, fingerprint);
  }

  positions(pipeline: string, filter: PositionFilter): KnownPosition[] {
    return this.#positions.all({ pipeline, ...filter }).map(({ source, gone }) => ({ source, isGone: gone === 1 }));
  }

  /** @param goneAt undefined where its file is there again */
  positionGone(pipeline: string, source: string, goneAt: number | undefined): void {
    this.#positionGone.run(goneAt, pipeline, source);
  }

  #known(key: WindowKey, direct: 0 | 1): WindowRow | undefined {
    const row = this.#byKey.get(key.kind, key.code, key.type, key.cutoff);
    if (row && row.direct !== direct) {
      const is = row.direct ? 'of a chain without the archive' : 'of the archive';
      throw new IovError(
        'WINDOW_CONFLICT',
        `window ${windowName(key)}: there is one of that name ${is} (${row.pipeline})`,
      );
    }
    return row && windowRow(row);
  }

  #planned(key: WindowKey, direct: 0 | 1, range: number[], pipeline: string, nowMs: number): WindowRow {
    const { kind, code, cutoff, type } = key;
    const row = this.#insert.get(kind, code, cutoff, type, direct, ...range, pipeline, nowMs);
    if (!row) throw new IovError('INTERNAL', 'a window was planned and did not come back');
    return windowRow(row);
  }
}

export function windowRow(row: StoredWindow): WindowRow {
  const { id, kind, code, cutoff, type, pipeline, state, options } = row;
  return {
    id,
    kind,
    code,
    cutoff,
    type,
    fromPosition: row.from_position,
    toPosition: row.to_position,
    pipeline,
    state,
    plannedAt: row.planned_at,
    ...(row.delivered_at !== null && { deliveredAt: row.delivered_at }),
    options,
  };
}
