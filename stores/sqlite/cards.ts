import type { CardContent, CardFilter, CardSide, CardState, StoreStatus } from '../../contract/store.js';
import type { Database, Statement } from './database.js';

interface CardRow {
  iccid: string;
  registration: string | null;
  registration_at: number | null;
  person: string | null;
  card: string | null;
  card_at: number | null;
}

/** A side as it is stored: {fields, tags, earlier} as JSON. */
export interface StoredSide {
  content: string;
  person: string | undefined;
  at: number;
}

/** Cards that are remembered as they were read: each is asked for again in the transaction that changes it. */
const READ_MAX = 1024;

/** The state by card: what was registered for it, and what the operator knows of it, each as it came last. */
export class Cards {
  readonly #get: Statement<CardRow>;
  readonly #list: Record<'all' | 'unregistered', Statement<CardRow>>;
  readonly #put: Record<CardSide, Statement>;
  readonly #ofPerson: Statement<number>;
  readonly #counts: Statement<{ total: number; noCard: number; noRegistration: number }>;
  readonly #database: Database;
  /** Another number once another process has committed something. */
  readonly #version: Statement<number>;
  /** As they stand in the file, by ICCID: what a transaction changes is forgotten, and nothing is added inside one. */
  readonly #read = new Map<string, CardState | undefined>();
  #readAt = -1;

  constructor(database: Database) {
    this.#database = database;
    this.#version = database.prepare<unknown[], number>('PRAGMA data_version').pluck();
    this.#get = database.prepare('SELECT * FROM cards WHERE iccid = ?');
    const after = 'iccid > @afterIccid ORDER BY iccid LIMIT @limit';
    this.#list = {
      all: database.prepare(`SELECT * FROM cards WHERE ${after}`),
      unregistered: database.prepare(
        `SELECT * FROM cards INDEXED BY cards_waiting_for_registration WHERE registration IS NULL AND ${after}`,
      ),
    };
    this.#put = {
      registration: database.prepare(
        `INSERT INTO cards (iccid, registration, registration_at, person) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET registration = excluded.registration, registration_at = excluded.registration_at, person = excluded.person`,
      ),
      card: database.prepare(
        `INSERT INTO cards (iccid, card, card_at) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET card = excluded.card, card_at = excluded.card_at`,
      ),
    };
    this.#ofPerson = database
      .prepare<unknown[], number>('SELECT count(*) FROM cards WHERE person = ? AND iccid <> ?')
      .pluck();
    this.#counts = database.prepare(
      `SELECT (SELECT count(*) FROM cards) AS total,
              (SELECT count(*) FROM cards INDEXED BY cards_waiting_for_card WHERE card IS NULL) AS noCard,
              (SELECT count(*) FROM cards INDEXED BY cards_waiting_for_registration WHERE registration IS NULL) AS noRegistration`,
    );
  }

  get(iccid: string): CardState | undefined {
    const version = this.#version.get() ?? -1;
    if (version !== this.#readAt || this.#read.size >= READ_MAX) this.#read.clear();
    this.#readAt = version;
    if (this.#read.has(iccid)) return this.#read.get(iccid);
    const row = this.#get.get(iccid);
    const state = row && cardState(row);
    if (!this.#database.inTransaction) this.#read.set(iccid, state);
    return state;
  }

  /** To be called by who deletes a card's row, in that transaction. */
  gone(iccid: string): void {
    this.#read.delete(iccid);
  }

  list({ unregistered = false, afterIccid = '', limit }: CardFilter): CardState[] {
    return this.#list[unregistered ? 'unregistered' : 'all'].all({ afterIccid, limit }).map(cardState);
  }

  putSide(iccid: string, which: CardSide, { fields, tags, person, earlier }: CardContent, at: number): void {
    this.putStored(iccid, which, { content: JSON.stringify({ fields, tags, earlier }), person, at });
  }

  /** A side as it is stored. */
  protected putStored(iccid: string, which: CardSide, { content, person, at }: StoredSide): void {
    this.#read.delete(iccid);
    if (which === 'registration') this.#put.registration.run(iccid, content, at, person);
    else this.#put.card.run(iccid, content, at);
  }

  /** Cards that this person holds, this one not counted. */
  ofPerson(person: string, exceptIccid: string): number {
    return this.#ofPerson.get(person, exceptIccid) ?? 0;
  }

  counts(): StoreStatus['cards'] {
    const { total, noCard, noRegistration } = this.#counts.get() ?? { total: 0, noCard: 0, noRegistration: 0 };
    return {
      complete: total - noCard - noRegistration,
      waitingForCard: noCard,
      waitingForRegistration: noRegistration,
    };
  }
}

function cardState(row: CardRow): CardState {
  const registration = side(row.registration, row.registration_at);
  const card = side(row.card, row.card_at);
  if (registration && row.person !== null) registration.person = row.person;
  return { iccid: row.iccid, ...(registration && { registration }), ...(card && { card }) };
}

function side(text: string | null, updatedAt: number | null): (CardContent & { updatedAt: number }) | undefined {
  if (text === null) return undefined;
  return Object.assign(JSON.parse(text) as CardContent, { updatedAt: updatedAt ?? 0 });
}
