import { IovError } from '../../contract/error.js';
import type { FilePlan, FileState } from '../../contract/file.js';
import type { FileRow, NewFile, PackedRow } from '../../contract/store.js';
import type { Database, Statement } from './database.js';

interface StoredFile {
  base_name: string;
  window_id: number | null;
  plan: string;
  from_position: number;
  to_position: number;
  state: FileState;
  planned_at: number;
  packed_name: string | null;
  path: string | null;
  bytes: number | null;
  sm3: string | null;
  steps: string | null;
  packed_at: number | null;
  delivered_at: number | null;
  remote_path: string | null;
}

/** A file with the times of its steps, for people. */
export type TimedFile = FileRow & { plannedAt: number; packedAt?: number };

/** Files: planned → packed → uploading → delivered. A file never goes back by itself, only with its window. */
export class Files {
  readonly #get: Statement<StoredFile>;
  readonly #holding: Statement<StoredFile>;
  readonly #plan: Statement;
  readonly #packed: Statement;
  readonly #uploading: Statement;
  readonly #delivered: Statement;
  readonly #reopen: Statement;

  constructor(database: Database) {
    this.#get = database.prepare('SELECT * FROM files WHERE base_name = ?');
    this.#holding = database.prepare(
      'SELECT * FROM files WHERE window_id = @windowId AND from_position <= @position AND to_position >= @position ORDER BY from_position DESC LIMIT 1',
    );
    this.#plan = database.prepare(
      `INSERT INTO files (base_name, window_id, plan, from_position, to_position, state, planned_at)
       VALUES (?, ?, ?, ?, ?, 'planned', ?) ON CONFLICT DO NOTHING`,
    );
    // other bytes than those that were uploading: none of them can have arrived
    this.#packed = database.prepare(
      `UPDATE files SET
         state = CASE WHEN state = 'planned' OR (state = 'uploading' AND sm3 IS NOT @sm3) THEN 'packed' ELSE state END,
         packed_name = @packedName, path = @path, bytes = @bytes, sm3 = @sm3, steps = @steps, packed_at = @nowMs
       WHERE base_name = @baseName`,
    );
    this.#uploading = database.prepare(
      `UPDATE files SET state = 'uploading' WHERE base_name = ? AND state <> 'delivered'`,
    );
    this.#delivered = database.prepare(
      `UPDATE files SET state = 'delivered', delivered_at = ?, remote_path = ? WHERE base_name = ?`,
    );
    this.#reopen = database.prepare(`UPDATE files SET state = 'planned', delivered_at = NULL WHERE window_id = ?`);
  }

  get(baseName: string): TimedFile | undefined {
    const row = this.#get.get(baseName);
    return row && fileRow(row);
  }

  /** The file of a window that holds the record at this position. */
  holding(windowId: number, position: number): TimedFile | undefined {
    const row = this.#holding.get({ windowId, position });
    return row && fileRow(row);
  }

  /** The first plan under a name stays. */
  plan({ windowId, plan, fromPosition, toPosition }: NewFile, nowMs: number): FileRow {
    this.#plan.run(plan.baseName, windowId ?? null, JSON.stringify(plan), fromPosition, toPosition, nowMs);
    return this.#known(plan.baseName);
  }

  /** Gives the digest that the file had when it was packed before, if it was. */
  packed(baseName: string, packed: PackedRow, nowMs: number): string | undefined {
    const before = this.#known(baseName).sm3;
    this.#packed.run({ ...packed, steps: packed.steps ?? null, nowMs, baseName });
    return before;
  }

  uploading(baseName: string): void {
    this.#uploading.run(baseName);
  }

  delivered(baseName: string, remotePath: string, nowMs: number): void {
    this.#delivered.run(nowMs, remotePath, baseName);
  }

  reopen(windowId: number): void {
    this.#reopen.run(windowId);
  }

  #known(baseName: string): TimedFile {
    const file = this.get(baseName);
    if (!file) throw new IovError('INTERNAL', `the ledger has no file ${baseName}`);
    return file;
  }
}

function fileRow(row: StoredFile): TimedFile {
  return {
    ...(row.window_id !== null && { windowId: row.window_id }),
    name: row.base_name,
    plan: { ...(JSON.parse(row.plan) as FilePlan), state: row.state },
    fromPosition: row.from_position,
    toPosition: row.to_position,
    ...(row.packed_name !== null && { packedName: row.packed_name }),
    ...(row.path !== null && { path: row.path }),
    ...(row.bytes !== null && { bytes: row.bytes }),
    ...(row.sm3 !== null && { sm3: row.sm3 }),
    ...(row.steps !== null && { steps: row.steps }),
    state: row.state,
    plannedAt: row.planned_at,
    ...(row.packed_at !== null && { packedAt: row.packed_at }),
    ...(row.delivered_at !== null && { deliveredAt: row.delivered_at }),
    ...(row.remote_path !== null && { remotePath: row.remote_path }),
  };
}
