import type { CardContent, CardSide } from '../../contract/card.js';
import { Cards } from '../sqlite/cards.js';
import type { Database, Statement } from '../sqlite/database.js';
import type { CardRow } from './cardRow.js';

/** A side that has changed, with its change; no content where its card has gone. */
interface ChangedSide {
  seq: number;
  iccid: string;
  side: CardSide;
  content: string | null;
  at: number | null;
  person: string | null;
}

/** Sides as they stand now, and the last change among those that they were found by. */
export interface Changed {
  /** Each side once. Its version is the number of its last change. */
  rows: CardRow[];
  lastChange: number;
  /** Whether there may be more. */
  isCut: boolean;
}

/** A card that has been purged, and the last change before that. */
export interface GoneCard {
  id: number;
  iccid: string;
  lastChange: number;
}

/** The ledger's own table of cards, which notes what changes in it until ClickHouse has it, and what goes until it has gone there. */
export class CardSpool extends Cards {
  readonly #note: Statement;
  readonly #noteAll: Statement;
  readonly #noteGone: Statement;
  readonly #next: Statement<ChangedSide>;
  readonly #remove: Statement;
  readonly #ends: Statement<{ first: number | null; last: number | null }>;
  readonly #given: Statement<number>;
  readonly #gone: Statement<GoneCard>;
  readonly #hasGone: Statement<number>;
  readonly #forgetGone: Statement;
  readonly #lastIccid: Statement<string | null>;
  readonly #clear: Statement[];

  constructor(database: Database) {
    super(database);
    this.#note = database.prepare('INSERT INTO card_changes (iccid, side) VALUES (?, ?)');
    const all = (side: CardSide) => `SELECT iccid, '${side}' FROM cards WHERE ${side} IS NOT NULL`;
    this.#noteAll = database.prepare(
      `INSERT INTO card_changes (iccid, side) ${all('registration')} UNION ALL ${all('card')}`,
    );
    const given = `coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'card_changes'), 0)`;
    this.#noteGone = database.prepare(`INSERT INTO cards_gone (iccid, last_change) VALUES (?, ${given})`);
    const ofSide = (registration: string, card: string) =>
      `CASE side WHEN 'registration' THEN ${registration} ELSE ${card} END`;
    this.#next = database.prepare(
      `SELECT seq, c.iccid, side, ${ofSide('registration', 'card')} AS content, ${ofSide('registration_at', 'card_at')} AS at,
         ${ofSide('person', 'NULL')} AS person
       FROM card_changes c LEFT JOIN cards ON cards.iccid = c.iccid ORDER BY seq LIMIT ?`,
    );
    this.#remove = database.prepare('DELETE FROM card_changes WHERE seq <= ?');
    // each by itself is found at an end of the table
    this.#ends = database.prepare(
      'SELECT (SELECT min(seq) FROM card_changes) AS first, (SELECT max(seq) FROM card_changes) AS last',
    );
    this.#given = database.prepare<unknown[], number>(`SELECT ${given}`).pluck();
    this.#gone = database.prepare(
      `SELECT id, iccid, last_change AS lastChange FROM cards_gone
       WHERE id > ? AND last_change < (SELECT coalesce(min(seq), 9e15) FROM card_changes) ORDER BY id LIMIT ?`,
    );
    this.#hasGone = database.prepare<unknown[], number>('SELECT EXISTS (SELECT 1 FROM cards_gone)').pluck();
    this.#forgetGone = database.prepare('DELETE FROM cards_gone WHERE id <= ?');
    this.#lastIccid = database.prepare<unknown[], string | null>('SELECT max(iccid) FROM cards').pluck();
    this.#clear = ['cards', 'card_changes', 'cards_gone'].map((table) => database.prepare(`DELETE FROM ${table}`));
  }

  override putSide(iccid: string, which: CardSide, content: CardContent, at: number): void {
    super.putSide(iccid, which, content, at);
    this.#note.run(iccid, which);
  }

  override gone(iccid: string): void {
    super.gone(iccid);
    this.#noteGone.run(iccid);
  }

  /** The last change that ClickHouse does not have; undefined where it has all. */
  get lastHeld(): number | undefined {
    return this.#ends.get()?.last ?? undefined;
  }

  /** Whether all changes up to that one have left. */
  hasLeft(change: number): boolean {
    return (this.#ends.get()?.first ?? Number.POSITIVE_INFINITY) > change;
  }

  /** The number of the last change that was ever noted. */
  get lastGiven(): number {
    return this.#given.get() ?? 0;
  }

  /** Inside a transaction: sides that changed first, bounded by changes and bytes; undefined where none has. */
  changed(changesMax: number, bytesMax: number): Changed | undefined {
    const rows = new Map<string, CardRow>();
    let [changes, bytes, lastChange, isCut] = [0, 0, 0, false];
    for (const { seq, iccid, side, content, at, person } of this.#next.iterate(changesMax)) {
      const key = `${side} ${iccid}`;
      const size = content === null || rows.has(key) ? 0 : Buffer.byteLength(content);
      if (bytes + size > bytesMax && changes > 0) {
        isCut = true;
        break;
      }
      [changes, bytes, lastChange] = [changes + 1, bytes + size, seq];
      if (content !== null) rows.set(key, { iccid, side, version: seq, at: at ?? 0, person: person ?? '', content });
    }
    if (changes === 0) return undefined;
    return { rows: [...rows.values()], lastChange, isCut: isCut || changes === changesMax };
  }

  /** Inside a transaction: changes up to this one have left. */
  remove(lastChange: number): void {
    this.#remove.run(lastChange);
  }

  /** Inside a transaction: everything there is counts as changed. */
  noteAll(): void {
    this.#noteAll.run();
  }

  /** Whether a card has been purged here and not there. */
  get hasGone(): boolean {
    return this.#hasGone.get() === 1;
  }

  /** Purged cards behind that one, of which everything that was noted before has left. */
  goneAfter(id: number, limit: number): GoneCard[] {
    return this.#gone.all(id, limit);
  }

  /** Inside a transaction: those up to that one, all of which `goneAfter` has given, for their last changes rise with them. */
  forgetGone(id: number): void {
    this.#forgetGone.run(id);
  }

  /** The greatest there is; undefined where there is no card. */
  get lastIccid(): string | undefined {
    return this.#lastIccid.get() ?? undefined;
  }

  /** Inside a transaction: nothing is kept of any card. */
  clear(): void {
    for (const statement of this.#clear) statement.run();
  }

  /** Inside a transaction: sides as they came from ClickHouse, which need not go there. */
  load(rows: readonly Omit<CardRow, 'version'>[]): void {
    for (const { iccid, side, at, person, content } of rows)
      this.putStored(iccid, side, { content, person: person === '' ? undefined : person, at });
  }
}
