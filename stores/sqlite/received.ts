import { IovError } from '../../contract/error.js';
import type { NewReceivedFile, ReceivedFile, ReceivedRecord } from '../../contract/received.js';
import { Sm3 } from '../../crypto/digest.js';
import { baseNameOf } from '../../notice/fileName.js';
import type { Archive } from './archive.js';
import type { Database, Statement } from './database.js';
import type { DueFiles } from './dueFiles.js';

/** A row of `received_files`. */
export interface StoredReceivedFile {
  id: number;
  sender: string;
  name: string;
  content: NewReceivedFile['content'];
  code: string;
  cutoff: string | null;
  type: 'P' | 'F' | null;
  sequence: number | null;
  is_end: number | null;
  request_id: string | null;
  bytes: number;
  sm3: string;
  items: number;
  loaded: number;
  twice: number;
  twice_in: string | null;
  received_at: number;
}

/** Hex digits kept of a record's SM3: 128 bits. */
const DIGEST_DIGITS = 32;

/**
 * What others have sent. A record is known by the digest of its bytes, apart for each sender, kind and code: the first file
 * that brings it puts it into the archive, and each file that holds it is noted, for `record twice` and `P against F`.
 */
export class ReceivedFiles {
  readonly #archive: Archive;
  readonly #dueFiles: DueFiles;
  readonly #get: Statement<StoredReceivedFile>;
  readonly #insert: Statement<StoredReceivedFile>;
  readonly #holders: Statement<Pick<StoredReceivedFile, 'name' | 'cutoff' | 'type'>>;
  readonly #hold: Statement;
  readonly #loaded: Statement;

  constructor(database: Database, archive: Archive, dueFiles: DueFiles) {
    this.#archive = archive;
    this.#dueFiles = dueFiles;
    this.#get = database.prepare('SELECT * FROM received_files WHERE sender = ? AND name = ?');
    this.#insert = database.prepare(
      `INSERT INTO received_files (sender, name, content, code, cutoff, type, sequence, is_end, request_id, bytes, sm3, items, received_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *`,
    );
    this.#holders = database.prepare(
      `SELECT f.name, f.cutoff, f.type FROM received_records r JOIN received_files f ON f.id = r.file_id
       WHERE r.digest = ? ORDER BY r.file_id`,
    );
    this.#hold = database.prepare('INSERT INTO received_records VALUES (?, ?) ON CONFLICT DO NOTHING');
    this.#loaded = database.prepare(
      `UPDATE received_files SET loaded = loaded + @count, twice = twice + @twice, twice_in = coalesce(twice_in, @twiceIn) WHERE id = @id`,
    );
  }

  /** The first word about a file stays; an album fulfils what was due, when it came. */
  receive(file: NewReceivedFile): ReceivedFile {
    const known = this.#get.get(file.sender, file.name);
    if (known) return sameFile(known, file);
    const { sender, name, content, code, batch, requestId, bytes, sm3, count, receivedAt } = file;
    const part = batch ? [batch.cutoff, batch.type, batch.sequence, batch.end ? 1 : 0] : [null, null, null, null];
    const row = this.#insert.get(sender, name, content, code, ...part, requestId, bytes, sm3, count, receivedAt);
    if (!row) throw new IovError('INTERNAL', `${name} was noted and did not come back`);
    if (!batch) this.#dueFiles.delivered(baseNameOf(name), receivedAt);
    return receivedFile(row);
  }

  /**
   * Records `from` and on; together with how far the file has come, so that a crash between two calls loses and doubles nothing.
   * Those that the same file has brought meanwhile, by another way, are passed over.
   */
  load({ id, name, ...file }: ReceivedFile, from: number, records: readonly ReceivedRecord[], at: number): void {
    const { content, code, sender, batch } = file;
    if (!batch || content === 'HT') throw new IovError('INTERNAL', `${name}: an album has no records`);
    const loaded = this.#get.get(sender, name)?.loaded ?? 0;
    if (loaded < from) throw new IovError('INTERNAL', `${name}: its records before ${from} have not been loaded`);
    const left = records.slice(loaded - from);
    let twice = 0;
    let twiceIn: string | undefined;
    for (const record of left) {
      const sm3 = new Sm3().update(`${sender}/${content}_${code}/`).update(record.bytes).hex();
      const digest = Buffer.from(sm3.slice(0, DIGEST_DIGITS), 'hex');
      const holders = this.#holders.all(digest);
      const same = holders.find(({ type, cutoff }) => type === batch.type && (type === 'P' || cutoff === batch.cutoff));
      if (same) {
        twice += 1;
        twiceIn ??= same.name;
      }
      if (holders.length === 0) this.#archive.append({ ...record, kind: content, code, platformId: sender }, at);
      this.#hold.run(digest, id);
    }
    this.#loaded.run({ id, twice, twiceIn: twiceIn ?? null, count: left.length });
  }
}

function sameFile(known: StoredReceivedFile, { name, sm3 }: NewReceivedFile): ReceivedFile {
  if (known.sm3 === sm3) return receivedFile(known);
  const at = new Date(known.received_at).toISOString();
  throw new IovError('FILE_INVALID', `${name}: came with other content at ${at}; expected each name once`);
}

export function receivedFile(row: StoredReceivedFile): ReceivedFile {
  const { cutoff, type, sequence } = row;
  const isBatch = cutoff !== null && type !== null && sequence !== null;
  return {
    id: row.id,
    sender: row.sender,
    name: row.name,
    content: row.content,
    code: row.code,
    ...(isBatch && { batch: { cutoff, type, sequence, end: row.is_end === 1 } }),
    ...(row.request_id !== null && { requestId: row.request_id }),
    bytes: row.bytes,
    sm3: row.sm3,
    count: row.items,
    receivedAt: row.received_at,
    loaded: row.loaded,
    twice: row.twice,
    ...(row.twice_in !== null && { twiceIn: row.twice_in }),
  };
}
