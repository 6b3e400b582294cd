import { setTimeout as pause } from 'node:timers/promises';
import { IovError } from '../../contract/error.js';
import type { Tables } from './schema.js';
import type { ClickHouseServer } from './server.js';
import { list, name, type Sql, sql } from './sql.js';

/** Rows that one mutation names: the server reads no query above 256 KiB. */
const NAMED_MAX = 5_000;
const LOOK_MS = 250;

/** Deletes rows for good. The server keeps the text of a mutation, so rows are named by numbers. */
export class Mutations {
  readonly #server: ClickHouseServer;
  readonly #tables: Tables;
  readonly #table: 'records' | 'cards';
  readonly #timeoutMs: number;

  constructor(server: ClickHouseServer, tables: Tables, table: 'records' | 'cards', timeoutMs: number) {
    this.#server = server;
    this.#tables = tables;
    this.#table = table;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Asks for it; see `ended`.
   * @param numbers positions of records, versions of cards
   */
  async delete(numbers: readonly number[], where: Sql = sql`1`): Promise<void> {
    const column = name(this.#table === 'records' ? 'position' : 'version');
    for (let from = 0; from < numbers.length; from += NAMED_MAX) {
      const named = sql`${column} IN (${list(numbers.slice(from, from + NAMED_MAX))})`;
      const query = sql`ALTER TABLE ${this.#tables.named(this.#table)} DELETE WHERE ${where} AND ${named}`;
      await this.#server.run(`deleting ${this.#table}`, query);
    }
  }

  /** Resolves when all that were asked for are done. */
  ended(): Promise<void> {
    return this.until(async () => !(await this.areUnderWay()), `${this.#table} are being deleted`);
  }

  async areUnderWay(): Promise<boolean> {
    const query = sql`SELECT count() FROM system.mutations WHERE database = ${this.#tables.database.text} AND table = ${this.#table} AND is_done = 0`;
    return Number((await this.#server.rows('looking at what is rewritten', query))[0]?.[0] ?? 0) > 0;
  }

  /** @throws IovError STORE_FAILED where it takes longer than it may */
  async until(isSo: () => Promise<boolean>, what: string): Promise<void> {
    for (const endsAt = performance.now() + this.#timeoutMs; !(await isSo()); await pause(LOOK_MS)) {
      if (performance.now() > endsAt)
        throw new IovError('STORE_FAILED', `${what} in ClickHouse: not done after ${this.#timeoutMs} ms`);
    }
  }
}
