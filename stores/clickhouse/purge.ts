import { randomUUID } from 'node:crypto';
import { Mutations } from './mutations.js';
import type { Tables } from './schema.js';
import type { ClickHouseServer } from './server.js';
import { list, type Sql, sql } from './sql.js';

/** Rows of the cards that are looked at together; of a card that has more the others have their turn at the next purge. */
const ROWS_MAX = 100_000;
/** A purge is announced, and ended, under these names in the table `settings`; beside its id, until when it holds (s). */
const PURGING = 'purging';
const PURGED = 'purged';

interface Row {
  kind: string;
  code: string;
  position: number;
  acceptedAt: number;
  iccid: string;
}

interface Means {
  /** Whether this machine has a window of the archive of this kind and code open, one that is delivered once more included. */
  isOpenHere(kind: string, code: string): boolean;
  /** For one search through the archive, and for a mutation to come to its end. */
  timeoutMs: number;
}

/**
 * Deletes the records of cards from the archive (notice article 18). A record is needed until its `P` window, and every other
 * window of its kind and code, has been delivered, as in SQLite.
 *
 * No window may be planned while rows go: a purge says that it has begun and then looks for open windows, whoever plans one
 * notes it and then looks for a purge. So one of the two sees the other; the purge gives way.
 *
 * Rows are named by their positions: no card stands in a mutation.
 */
export class RecordPurge {
  readonly #server: ClickHouseServer;
  readonly #tables: Tables;
  readonly #means: Means;
  readonly #mutations: Mutations;

  constructor(server: ClickHouseServer, tables: Tables, means: Means) {
    this.#server = server;
    this.#tables = tables;
    this.#means = means;
    this.#mutations = new Mutations(server, tables, 'records', means.timeoutMs);
  }

  /**
   * Takes, or only counts, the records of these cards.
   * @returns how many of each card, 0 for one that has none; a card that is not named keeps its records
   * @throws IovError STORE_FAILED where the server does not answer or needs too long; what has gone by then is gone
   */
  async take(iccids: readonly string[], dryRun: boolean): Promise<Map<string, number>> {
    const rows = await this.#rowsOf(iccids);
    if (rows.length >= ROWS_MAX && iccids.length > 1) {
      // of the cards behind the bound nothing is known: each half is looked at by itself
      const middle = Math.ceil(iccids.length / 2);
      const taken = await this.take(iccids.slice(0, middle), dryRun);
      return new Map([...taken, ...(await this.take(iccids.slice(middle), dryRun))]);
    }
    if (dryRun || rows.length === 0) return countsOf(iccids, await this.#free(rows));
    const id = randomUUID();
    await this.#announce(id);
    try {
      const free = await this.#free(rows);
      await this.#delete(free.rows);
      // whatever came meanwhile, or stood behind the bound: that card has its turn at the next purge
      for (const { iccid } of await this.#rowsOf(iccids)) free.needed.add(iccid);
      return countsOf(iccids, free);
    } finally {
      await this.#note(PURGED, id, 0).catch(() => undefined); // it ends by itself in time
    }
  }

  /**
   * Resolves when no purge is under way: what a window that stands in the table `windows` holds does not change after that.
   * @throws IovError STORE_FAILED where that takes longer than a purge may
   */
  async ended(): Promise<void> {
    const announced = sql`SELECT count() FROM ${this.#settings} WHERE setting = ${PURGING} AND set_at > toInt64(toUnixTimestamp(now())) AND value NOT IN (SELECT value FROM ${this.#settings} WHERE setting = ${PURGED})`;
    const isUnderWay = async () =>
      Number((await this.#server.rows('looking for a purge', announced))[0]?.[0] ?? 0) > 0 ||
      (await this.#mutations.areUnderWay());
    await this.#mutations.until(async () => !(await isUnderWay()), 'a purge rewrites the archive');
  }

  async #delete(rows: readonly Row[]): Promise<void> {
    const groups = new Map<string, Row[]>();
    for (const row of rows) {
      const key = JSON.stringify([row.kind, row.code]);
      const group = groups.get(key);
      if (group) group.push(row);
      else groups.set(key, [row]);
    }
    for (const group of groups.values()) {
      const [{ kind, code } = { kind: '', code: '' }] = group;
      const positions = group.map(({ position }) => position);
      await this.#mutations.delete(positions, sql`kind = ${kind} AND code = ${code}`);
    }
    if (rows.length > 0) await this.#mutations.ended();
  }

  /** Those that may go, and the cards of the others, whose records all stay. */
  async #free(rows: readonly Row[]): Promise<{ rows: Row[]; needed: Set<string> }> {
    const ends = new Map<string, number>();
    const needed = new Set<string>();
    for (const { kind, code, acceptedAt, iccid } of rows) {
      if (kind !== 'KH' && kind !== 'CL') continue; // what counts as reported is in no window
      const key = JSON.stringify([kind, code]);
      const end = ends.get(key) ?? (await this.#deliveredUntil(kind, code));
      ends.set(key, end);
      if (acceptedAt >= end) needed.add(iccid);
    }
    return { rows: rows.filter(({ iccid }) => !needed.has(iccid)), needed };
  }

  /** The end of the last `P` window, ms; 0 while any window is open: the files of an `F` window hold older records, too. */
  async #deliveredUntil(kind: string, code: string): Promise<number> {
    if (this.#means.isOpenHere(kind, code)) return 0;
    const ofKind = sql`kind = ${kind} AND code = ${code}`;
    const windows = await this.#server.rows(
      'looking for open windows',
      sql`SELECT type, cutoff, to_ms FROM ${this.#tables.named('windows')} WHERE ${ofKind} ORDER BY planned_at LIMIT 1 BY type, cutoff`,
    );
    // files are numbered from 1, and the last one says `end`
    const whole = await this.#server.rows(
      'looking for windows that are delivered',
      sql`SELECT type, cutoff FROM ${this.#tables.named('deliveries')} WHERE ${ofKind} GROUP BY type, cutoff HAVING uniqExact(file) = toUInt64OrZero(extract(maxIf(file, file LIKE '%end'), '_([0-9]+)end$'))`,
    );
    const delivered = new Set(whole.map(([type, cutoff]) => `${type} ${cutoff}`));
    if (windows.some(([type, cutoff]) => !delivered.has(`${type} ${cutoff}`))) return 0;
    return Math.max(0, ...windows.filter(([type]) => type === 'P').map(([, , toMs]) => Number(toMs)));
  }

  async #rowsOf(iccids: readonly string[]): Promise<Row[]> {
    const query = sql`SELECT kind, code, position, max(accepted_at), any(iccid) AS card FROM ${this.#records} WHERE iccid IN (${list(iccids)}) GROUP BY kind, code, position ORDER BY card LIMIT ${ROWS_MAX}`;
    const found = await this.#server.rows('looking for the records of cards', query, this.#means.timeoutMs);
    return found.map(([kind = '', code = '', position, acceptedAt, iccid = '']) => {
      return { kind, code, position: Number(position), acceptedAt: Number(acceptedAt), iccid };
    });
  }

  /** Holds for as long as it can take, by the server's clock; a mutation that takes longer is seen by itself. */
  #announce(id: string): Promise<void> {
    return this.#note(PURGING, id, Math.ceil((3 * this.#means.timeoutMs) / 1_000));
  }

  #note(setting: string, id: string, holdsS: number): Promise<void> {
    const values = sql`${setting}, ${id}, toInt64(toUnixTimestamp(now())) + toInt64(${holdsS})`;
    return this.#server.run('announcing a purge', sql`INSERT INTO ${this.#settings} SELECT ${values}`);
  }

  get #records(): Sql {
    return this.#tables.named('records');
  }

  get #settings(): Sql {
    return this.#tables.named('settings');
  }
}

function countsOf(
  iccids: readonly string[],
  { rows, needed }: { rows: readonly Row[]; needed: ReadonlySet<string> },
): Map<string, number> {
  const counts = new Map(iccids.filter((iccid) => !needed.has(iccid)).map((iccid) => [iccid, 0]));
  for (const { iccid } of rows) {
    const count = counts.get(iccid);
    if (count !== undefined) counts.set(iccid, count + 1);
  }
  return counts;
}
