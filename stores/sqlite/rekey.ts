import { constants } from 'node:fs';
import { copyFile, lchown, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { IovError } from '../../contract/error.js';
import type { Seal } from '../../contract/seal.js';
import { sync, syncDirectory } from '../../files/plainFile.js';
import { type Database, sealAnew, sqlite, sqliteCode, storeFailed, unseal } from './database.js';

/**
 * Encrypts a SQLite file with another key, for the first time, or no more. It is done to a copy that takes the file's place
 * when it is complete and on the disk, so that whatever interrupts it leaves the file as it was. The copy has the file's owner,
 * whoever calls: a daemon of another user is to open it.
 * @param from how it is sealed now; undefined where it is plain
 * @throws IovError STORE_FAILED, also where another process has it open
 */
export async function rekey(path: string, from: Seal | undefined, to: Seal | undefined): Promise<void> {
  const copy = `${path}.rekeyed`;
  try {
    await withDatabase(path, from, (database) => foldLog(database, path));
    await rm(copy, { force: true });
    const { uid, gid } = await stat(path);
    await copyFile(path, copy, constants.COPYFILE_EXCL); // with its mode
    await lchown(copy, uid, gid);
    await withDatabase(copy, from, (database) => sealAnew(database, to));
    await sync(copy);
    await rename(copy, path);
    await syncDirectory(dirname(path));
  } catch (thrown) {
    throw storeFailed(thrown, `rekeying ${path}`);
  } finally {
    for (const left of [copy, `${copy}-journal`]) await rm(left, { force: true });
  }
}

/** Whether a file can be read under this seal. */
export async function opensWith(path: string, seal: Seal | undefined): Promise<boolean> {
  try {
    await withDatabase(path, seal, (database) => database.pragma('schema_version'));
    return true;
  } catch (thrown) {
    if (sqliteCode(thrown) === 'SQLITE_NOTADB') return false;
    throw storeFailed(thrown, `opening ${path}`);
  }
}

async function withDatabase(
  path: string,
  seal: Seal | undefined,
  work: (database: Database) => unknown,
): Promise<void> {
  const database = new (await sqlite())(path, { fileMustExist: true, timeout: 1_000 });
  try {
    if (seal) unseal(database, seal);
    work(database);
  } finally {
    database.close();
  }
}

/** Everything stands in the one file afterwards; SQLite refuses it while somebody else has the file open. */
function foldLog(database: Database, path: string): void {
  try {
    const mode = database.pragma('journal_mode = DELETE', { simple: true });
    if (mode === 'delete') return;
  } catch (thrown) {
    if (!sqliteCode(thrown)?.startsWith('SQLITE_BUSY') && !sqliteCode(thrown)?.startsWith('SQLITE_LOCKED'))
      throw thrown;
  }
  throw new IovError('STORE_FAILED', `${path} is in use: stop the daemon first`);
}
