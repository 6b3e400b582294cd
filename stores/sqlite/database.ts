import { chmod, lchown, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { IovError } from '../../contract/error.js';
import type { Seal } from '../../contract/seal.js';

export type Database = BetterSqlite3.Database;
export type Statement<Row = unknown> = BetterSqlite3.Statement<unknown[], Row>;

/** How long a writer waits for another process that holds the lock. */
const BUSY_TIMEOUT_MS = 5_000;
/** Pages kept in memory: index pages in the main, since records are written once and read in order. */
const CACHE_KIB = 16_384;
/** Once the write-ahead log has so many pages (64 MB) a COMMIT folds in what `Checkpoints` has not, and it begins anew. */
const CHECKPOINT_PAGES = 16_000;
/** It is cut back to this size afterwards. */
const LOG_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Opens a SQLite file for one writer and many readers in other processes, with a write-ahead log; `LogFlush` puts it on the
 * disk. The file holds personal data, so it is its owner's alone;
 * SQLite gives the files beside it the same mode.
 * @param seal with it every page of the file, and of the log beside it, is encrypted
 * @throws IovError STORE_FAILED
 */
export async function openDatabase(path: string, readOnly: boolean, seal?: Seal): Promise<Database> {
  const Sqlite = await sqlite();
  try {
    if (!readOnly) await createPrivate(path);
    const database = new Sqlite(path, { readonly: readOnly, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    if (seal) unseal(database, seal);
    database.pragma('foreign_keys = ON');
    database.pragma(`cache_size = -${CACHE_KIB}`);
    if (seal) database.pragma('temp_store = MEMORY'); // what SQLite sorts or vacuums aside would stand on the disk in clear
    if (readOnly) return database;
    database.pragma('secure_delete = ON'); // what is purged is overwritten, not only forgotten
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = NORMAL'); // flushed by LogFlush
    database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    database.pragma(`journal_size_limit = ${LOG_BYTES_MAX}`);
    return database;
  } catch (thrown) {
    throw storeFailed(thrown, `opening ${path}`);
  }
}

/** SQLite with encryption of its pages (SQLite3 Multiple Ciphers), under the name of the package that it stands in for. */
export async function sqlite(): Promise<typeof BetterSqlite3> {
  const { default: Sqlite } = await import('better-sqlite3').catch((cause: unknown) => {
    throw new IovError('COMPONENT_UNAVAILABLE', 'the archive needs the native module better-sqlite3', { cause });
  });
  return Sqlite;
}

const CIPHERS: Readonly<Record<Seal['cipher'], string>> = { aegis: 'aegis', aes256: 'aes256cbc' };

/** Gives a database its key, before anything else is asked of it. */
export function unseal(database: Database, { cipher, key }: Seal): void {
  database.pragma(`cipher = '${CIPHERS[cipher]}'`);
  database.pragma(`key = "x'${key}'"`);
}

/** Encrypts the open database anew, with another key or none; it must not have a write-ahead log. */
export function sealAnew(database: Database, seal: Seal | undefined): void {
  if (seal) database.pragma(`cipher = '${CIPHERS[seal.cipher]}'`);
  database.pragma(seal ? `rekey = "x'${seal.key}'"` : 'rekey = ""');
}

async function createPrivate(path: string): Promise<void> {
  const folder = dirname(path);
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) await giveToOwner(folder, dirname(made), made);
  try {
    const file = await open(path, 'ax', 0o600);
    await file.close();
    await giveToOwner(path, folder, path);
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown;
    await chmod(path, 0o600); // a file that was there may have been open to others
  }
}

/**
 * What root creates belongs to whoever owns the folder that it stands in: a daemon of that user is to use it afterwards. SQLite
 * does the same for the files beside it. Links are not followed, so that nobody's file is given away.
 * @param last everything from `path` up to here has just been created
 */
async function giveToOwner(path: string, folder: string, last: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = await stat(folder);
  for (let at = path; ; at = dirname(at)) {
    await lchown(at, uid, gid);
    if (at === last || at === dirname(at)) return;
  }
}

/** What SQLite's result codes mean for the person who runs the archive. */
const meanings: Record<string, string> = {
  FULL: 'the disk is full',
  BUSY: `another process has held the lock for ${BUSY_TIMEOUT_MS / 1000} s`,
  CORRUPT: 'the file is damaged',
  NOTADB: 'the file is not an archive, or is sealed with another key (`seal`; `iovpipe rekey` changes it)',
  CANTOPEN: 'there is no such file, or it cannot be opened',
  READONLY: 'the file cannot be written',
  IOERR: 'the disk failed, or is full',
};

/** A throw from SQLite as STORE_FAILED that says what to mend; an IovError passes as it is. */
export function storeFailed(thrown: unknown, doing: string): IovError {
  if (thrown instanceof IovError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const family = sqliteCode(thrown)?.split('_')[1] ?? '';
  const meaning = meanings[family];
  return new IovError('STORE_FAILED', `${doing}: ${meaning ? `${meaning} (${message})` : message}`, { cause: thrown });
}

/** What SQLite throws while this is done becomes STORE_FAILED. */
export function guarded<Result>(doing: string, work: () => Result): Result {
  try {
    return work();
  } catch (thrown) {
    throw sqliteCode(thrown) ? storeFailed(thrown, doing) : thrown;
  }
}

/** `SQLITE_FULL`, `SQLITE_CONSTRAINT_UNIQUE`, …; undefined where the throw is not from SQLite. */
export function sqliteCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' && thrown.code.startsWith('SQLITE_') ? thrown.code : undefined;
}
