import type { CardSide } from '../../contract/card.js';
import { type CardRow, encodedCards, versionOf } from './cardRow.js';
import type { GoneCard } from './cardSpool.js';
import { Mutations } from './mutations.js';
import type { Tables } from './schema.js';
import type { ClickHouseServer } from './server.js';
import { list, type Sql, sql } from './sql.js';

/** Rows of one page, by their keys alone; a row has about 2 KB. */
const PAGE_ROWS = 4_000;

/** The table `cards`. */
export class CardTable {
  readonly #server: ClickHouseServer;
  readonly #tables: Tables;
  readonly #mutations: Mutations;
  readonly #timeoutMs: number;

  /** @param timeoutMs for one search through the table, and for a mutation to come to its end */
  constructor(server: ClickHouseServer, tables: Tables, timeoutMs: number) {
    this.#server = server;
    this.#tables = tables;
    this.#mutations = new Mutations(server, tables, 'cards', timeoutMs);
    this.#timeoutMs = timeoutMs;
  }

  insert(rows: readonly CardRow[]): Promise<void> {
    return this.#server.insert('storing the state by card', this.#table, encodedCards(rows));
  }

  /** The number of the last change that came here in this epoch; 0 where none did. */
  async lastChange(epoch: number): Promise<number> {
    const first = versionOf(epoch, 0);
    const query = sql`SELECT max(version) FROM ${this.#table} WHERE version >= ${first} AND version < ${versionOf(epoch + 1, 0)}`;
    const [last] = (await this.#server.rows('looking for the last change', query, this.#timeoutMs))[0] ?? [];
    return Math.max(0, Number(last) - first);
  }

  /**
   * The sides of the next cards behind that one, each as it was put last; undefined at the end. Keys come first: what is asked for
   * behind them is a range of the table's order, which a server of any age finds at once.
   */
  async page(afterIccid: string): Promise<Omit<CardRow, 'version'>[] | undefined> {
    const keys = sql`SELECT max(iccid), count() FROM (SELECT iccid FROM ${this.#table} WHERE iccid > ${afterIccid} ORDER BY iccid LIMIT ${PAGE_ROWS})`;
    const [last = '', count] = (await this.#server.rows('looking for cards', keys, this.#timeoutMs))[0] ?? [];
    if (Number(count) === 0) return undefined;
    const query = sql`SELECT iccid, side, updated_at, person, content FROM ${this.#table} WHERE iccid > ${afterIccid} AND iccid <= ${last} ORDER BY iccid, side, version DESC LIMIT 1 BY iccid, side`;
    const found = await this.#server.rows('reading the state by card', query, this.#timeoutMs);
    return found.map(([iccid = '', side, at, person = '', content = '']) => {
      return { iccid, side: side as CardSide, at: Number(at), person, content };
    });
  }

  /** Asks for the deletion of what these had before they went; see `deleted`. */
  async delete(epoch: number, cards: readonly GoneCard[]): Promise<void> {
    const bounds = new Map(cards.map(({ iccid, lastChange }) => [iccid, versionOf(epoch, lastChange)]));
    const query = sql`SELECT iccid, version FROM ${this.#table} WHERE iccid IN (${list([...bounds.keys()])})`;
    const rows = await this.#server.rows('looking for the state of cards', query, this.#timeoutMs);
    const old = rows.filter(([iccid = '', version]) => Number(version) <= (bounds.get(iccid) ?? 0));
    await this.#mutations.delete(old.map(([, version]) => Number(version)));
  }

  /** Resolves when it is done. */
  deleted(): Promise<void> {
    return this.#mutations.ended();
  }

  get #table(): Sql {
    return this.#tables.named('cards');
  }
}
