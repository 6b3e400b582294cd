import { randomInt, randomUUID } from 'node:crypto';
import { IovError } from '../../contract/error.js';
import { ELSEWHERE } from '../../contract/tags.js';
import type { Database, Statement } from '../sqlite/database.js';
import type { Tables } from './schema.js';
import type { ClickHouseServer } from './server.js';
import { sql } from './sql.js';

/** So many ledgers can give positions of their own, this many each; one that has used them up takes another number. */
const NODES = 2 ** 10;
const POSITIONS = 2 ** 30;
const ATTEMPTS = 20;

/**
 * Positions of the records that a ledger accepts itself. Two machines that write to one archive must not use the same ones, so
 * each ledger has a number of its own: it notes one that it has drawn, and draws another where it is not alone there. Of two that
 * note the same one, whoever looks last sees both.
 */
export class Nodes {
  #ledger: string;
  readonly #database: Database;
  readonly #server: ClickHouseServer;
  readonly #tables: Tables;
  readonly #find: Statement<number>;
  readonly #keep: Statement;
  #known: { epoch: number; node: number } | undefined;

  /** @throws IovError CONFIG_INVALID where the file is an archive with its records, and no ledger */
  constructor(database: Database, server: ClickHouseServer, tables: Tables) {
    this.#server = server;
    this.#tables = tables;
    this.#database = database;
    this.#ledger = ledgerOf(database);
    this.#find = database.prepare<unknown[], number>('SELECT node FROM nodes WHERE epoch = ?').pluck();
    this.#keep = database.prepare('INSERT INTO nodes VALUES (?, ?)');
  }

  /** Where the record of the ledger's that bears this number stands. */
  async positionOf(seq: number): Promise<number> {
    const epoch = Math.floor(seq / POSITIONS);
    if (this.#known?.epoch !== epoch) this.#known = { epoch, node: await this.#nodeOf(epoch) };
    return ELSEWHERE + this.#known.node * POSITIONS + (seq % POSITIONS);
  }

  async #nodeOf(epoch: number): Promise<number> {
    const kept = this.#find.get(epoch);
    if (kept !== undefined && (await this.#isOurs(epoch, kept))) return kept;
    const node = await this.#claimed(`${this.#ledger}/${epoch}`);
    this.#keep.run(epoch, node); // it goes to the disk with the next transaction, before anything is inserted there again
    return node;
  }

  /**
   * A ledger that was restored from a copy would give its old numbers to other records. It is found out by what ClickHouse has
   * beyond its last one, and begins anew under another name.
   */
  async #isOurs(epoch: number, node: number): Promise<boolean> {
    const first = ELSEWHERE + node * POSITIONS;
    const query = sql`SELECT max(position) FROM ${this.#tables.named('records')} WHERE position >= ${first} AND position < ${first + POSITIONS}`;
    const [last] = (await this.#server.rows('looking for the last position', query))[0] ?? [];
    const given =
      this.#database
        .prepare<unknown[], number>(`SELECT seq FROM sqlite_sequence WHERE name = 'records'`)
        .pluck()
        .get() ?? 0;
    if (epoch * POSITIONS + (Number(last) - first) <= given) return true;
    this.#ledger = randomUUID();
    this.#database.prepare('UPDATE elsewhere SET ledger = ?').run(this.#ledger);
    this.#database.prepare('DELETE FROM nodes').run();
    return false;
  }

  async #claimed(mine: string): Promise<number> {
    const nodes = this.#tables.named('nodes');
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const alone = sql`SELECT node FROM ${nodes} GROUP BY node HAVING countIf(ledger = ${mine}) > 0 AND countIf(ledger != ${mine}) = 0 ORDER BY node LIMIT 1`;
      const found = (await this.#server.rows('looking for our number', alone))[0]?.[0];
      if (found !== undefined) return Number(found);
      const taken = await this.#server.rows(
        'looking for a number',
        sql`SELECT DISTINCT node FROM ${nodes} LIMIT ${NODES}`,
      );
      const free = Array.from({ length: NODES }, (_, node) => node).filter(
        (node) => !taken.some(([other]) => Number(other) === node),
      );
      const drawn = free[randomInt(0, Math.max(1, free.length))];
      if (drawn === undefined) break;
      await this.#server.run('noting our number', sql`INSERT INTO ${nodes} SELECT toUInt32(${drawn}), ${mine}`);
    }
    throw new IovError('STORE_FAILED', `ClickHouse has no number left for this ledger: ${NODES} have been taken`);
  }
}

function ledgerOf(database: Database): string {
  const known = database.prepare<unknown[], string>('SELECT ledger FROM elsewhere').pluck().get();
  if (known !== undefined || database.readonly) return known ?? '';
  if (database.prepare('SELECT 1 FROM windows WHERE direct = 0').get() !== undefined) {
    const rule = 'has windows of records that are in the file itself; a ledger for ClickHouse begins without any';
    throw new IovError('CONFIG_INVALID', `${database.name} ${rule}`);
  }
  const ledger = randomUUID();
  database.prepare('INSERT INTO elsewhere VALUES (1, ?)').run(ledger);
  return ledger;
}
