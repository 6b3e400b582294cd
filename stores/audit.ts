import { dirname, join } from 'node:path';
import { IovError } from '../contract/error.js';
import { sm3Hex } from '../crypto/digest.js';
import { maskNumbers } from '../notice/mask.js';
import { type Database, guarded, openDatabase, type Statement, storeFailed } from './sqlite/database.js';

/** Who looked at or changed what is kept, and when. No personal data: numbers are told by a digest (notice articles 19, 20). */
export interface AuditEntry {
  /** ms since 1970, UTC. */
  at: number;
  /** A login of this machine, or the caller of the control server. */
  who: string;
  /** `trace`, `dead retry`, `purge` … */
  did: string;
  /** What it was about: a file, a RequestID, `#1a2b3c4d` for a card. */
  what: string;
}

export interface AuditRow extends AuditEntry {
  number: number;
  /** SM3 of the digest before and this entry: a row that was changed or taken out breaks the chain. */
  digest: string;
}

const TEXT_MAX = 500;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, did TEXT NOT NULL, what TEXT NOT NULL,
    digest TEXT NOT NULL
  ) STRICT;
  CREATE TRIGGER IF NOT EXISTS audit_stays_so BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
  CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;`;

/**
 * The audit log: a SQLite file of its own beside the ledger, so that whoever may only read the ledger leaves a trace too.
 * Several processes may add to it at once.
 */
export class AuditLog {
  readonly #database: Database;
  readonly #last: Statement<AuditRow>;
  readonly #insert: Statement;
  readonly #page: Statement<AuditRow>;
  readonly #latest: Statement<AuditRow>;

  /**
   * @param readOnly for who only reads it; it must be there then
   * @throws IovError STORE_FAILED
   */
  static async open(ledgerPath: string, readOnly = false): Promise<AuditLog> {
    const path = auditPath(ledgerPath);
    const database = await openDatabase(path, readOnly);
    try {
      if (!readOnly) {
        database.pragma('synchronous = FULL');
        database.exec(SCHEMA);
      }
      return new AuditLog(database);
    } catch (thrown) {
      database.close();
      throw storeFailed(thrown, `opening ${path}`);
    }
  }

  private constructor(database: Database) {
    this.#database = database;
    this.#last = database.prepare('SELECT * FROM audit ORDER BY number DESC LIMIT 1');
    this.#insert = database.prepare('INSERT INTO audit (at, who, did, what, digest) VALUES (?, ?, ?, ?, ?)');
    this.#page = database.prepare('SELECT * FROM audit WHERE number > ? ORDER BY number LIMIT 1000');
    this.#latest = database.prepare('SELECT * FROM audit ORDER BY number DESC LIMIT ?');
  }

  /**
   * On the disk when it returns. Numbers are masked here, whoever calls.
   * @throws IovError STORE_FAILED
   */
  add(entry: AuditEntry): void {
    // as UTF-8, which is how it is read again: half a character would give another digest then
    const bounded = (text: string) => Buffer.from(text.slice(0, TEXT_MAX)).toString();
    const { at } = entry;
    const [who, did, what] = [bounded(entry.who), bounded(entry.did), bounded(maskNumbers(entry.what))];
    const append = this.#database.transaction(() => {
      const before = this.#last.get()?.digest ?? '';
      this.#insert.run(at, who, did, what, digestOf(before, { at, who, did, what }));
    });
    guarded('adding to the audit log', () => append.immediate());
  }

  /** The latest first. */
  latest(limit: number): AuditRow[] {
    return guarded('reading the audit log', () => this.#latest.all(limit));
  }

  /**
   * Walks the whole chain.
   * @returns how many rows there are, and the number of the first that is not what was written, or follows one that is gone
   */
  verify(): { rows: number; brokenAt: number | undefined } {
    let before = '';
    let expected = 1;
    for (;;) {
      const page = guarded('reading the audit log', () => this.#page.all(expected - 1));
      if (page.length === 0) return { rows: expected - 1, brokenAt: undefined };
      for (const row of page) {
        if (row.number !== expected || row.digest !== digestOf(before, row))
          return { rows: expected - 1, brokenAt: expected };
        before = row.digest;
        expected += 1;
      }
    }
  }

  close(): void {
    this.#database.close();
  }
}

export function auditPath(ledgerPath: string): string {
  return join(dirname(ledgerPath), 'audit.db');
}

function digestOf(before: string, { at, who, did, what }: AuditEntry): string {
  return sm3Hex(JSON.stringify([before, at, who, did, what]));
}

/**
 * Adds one entry to the log beside this ledger.
 * @throws IovError STORE_FAILED: nobody looks at personal data without a trace of it
 */
export async function noteAudit(ledgerPath: string, entry: AuditEntry): Promise<void> {
  const log = await AuditLog.open(ledgerPath).catch((thrown: unknown) => {
    const { message } = IovError.from(thrown);
    throw new IovError('STORE_FAILED', `the audit log cannot be written, so nothing is shown: ${message}`, {
      cause: thrown,
    });
  });
  try {
    log.add(entry);
  } finally {
    log.close();
  }
}
