import {
  type AsideFile,
  nothingPurged,
  type OldKind,
  PURGED,
  type Purged,
  type PurgeRow,
  type Purges,
} from '../../contract/purge.js';
import type { Cards } from './cards.js';
import type { Database, Statement } from './database.js';

type StoredPurge = Purged & {
  id: number;
  startedAt: number;
  finishedAt: number | null;
  afterServiceDays: number;
  kept: number;
};

/** What is kept of a card, row by row. Rows about several cards at once are taken by age. */
const OF_CARD = {
  requests: 'requests WHERE iccid = @iccid',
  dueFiles: 'due_files WHERE iccid = @iccid',
  deadLetters: 'dead_letters WHERE iccid = @iccid',
  samples: 'samples WHERE iccid = @iccid',
  records: 'records WHERE iccid = @iccid',
  cards: 'cards WHERE iccid = @iccid',
} as const;
type OfCard = keyof typeof OF_CARD;

interface Old {
  table: string;
  /** Rising; `begun` never falls as it rises, so that the first young row is the end. */
  row: string;
  begun?: string;
  /** When the term of a row begins. */
  since: string;
  /** Rows that go, of those whose term is over. */
  only: string;
}

const noCard = 'NOT EXISTS (SELECT 1 FROM cards WHERE cards.iccid = t.iccid)';
const OLD: Record<OldKind, Old> = {
  dueFiles: { table: 'due_files', row: 'id', begun: 'accepted_at', since: 'due_at', only: 'true' },
  // what is about a card that is still known goes with the card
  deadLetters: { table: 'dead_letters', row: 'id', since: 'at', only: noCard },
  samples: { table: 'samples', row: 'id', begun: 'drawn_at', since: 'drawn_at', only: noCard },
  files: {
    table: 'files',
    row: 'rowid',
    begun: 'planned_at',
    since: 'delivered_at',
    only: `state = 'delivered' AND NOT EXISTS (SELECT 1 FROM windows WHERE windows.id = t.window_id AND windows.state = 'open')`,
  },
  positions: { table: 'positions', row: 'id', since: 'gone_at', only: 'true' },
};

interface OldRow {
  row: number;
  goes: number;
  young: number;
}

interface Means {
  /** Runs it in a transaction, shared with others; resolves when that is on the disk. */
  commit(work: () => void): Promise<void>;
  read<Result>(work: () => Result): Result;
  now(): number;
  /** Resolves when nobody here works on the write-ahead log. */
  logIsLeft(): Promise<void>;
}

/**
 * Takes away what need not be kept any longer, each card in one transaction with its count in the log of purges, so that a
 * crash leaves a card either whole or gone. The database is opened with `secure_delete`: what is deleted is overwritten.
 */
export class PurgeRows {
  readonly #database: Database;
  readonly #cards: Cards;
  readonly #needed: Statement<number>;
  readonly #count: Record<OfCard, Statement<number>>;
  readonly #delete: Record<OfCard, Statement>;
  readonly #totals: Statement;
  readonly #old: Record<OldKind, { look: Statement<OldRow>; take: Statement }>;
  readonly #waited: Statement<number>;
  readonly #begin: Statement<number>;
  readonly #add: Statement;
  readonly #end: Statement;
  readonly #list: Statement<StoredPurge>;

  constructor(database: Database, cards: Cards) {
    this.#database = database;
    this.#cards = cards;
    // A record is needed until its P window (and any other that is open over it) has been delivered; a due file until its
    // own term is over. One that asks for several cards names them all.
    this.#needed = database
      .prepare<unknown[], number>(
        `SELECT EXISTS (SELECT 1 FROM due_files WHERE state IN ('open', 'asked') AND due_at >= @beforeMs AND instr(iccid, @iccid) > 0)
         OR (EXISTS (SELECT 1 FROM elsewhere) AND EXISTS (SELECT 1 FROM records WHERE iccid = @iccid)) -- it is on its way
         OR EXISTS (SELECT 1 FROM records r WHERE r.iccid = @iccid AND r.kind IN ('KH', 'CL') AND (
           r.seq > (SELECT coalesce(max(to_position), 0) FROM windows w WHERE w.kind = r.kind AND w.code = r.code AND w.type = 'P' AND w.direct = 0)
           OR EXISTS (SELECT 1 FROM windows w WHERE w.kind = r.kind AND w.code = r.code AND w.direct = 0 AND w.state = 'open'
             AND w.from_position < r.seq AND w.to_position >= r.seq)))`,
      )
      .pluck();
    const each = <Made>(make: (from: string) => Made) =>
      Object.fromEntries(Object.entries(OF_CARD).map(([kind, from]) => [kind, make(from)])) as Record<OfCard, Made>;
    this.#count = each((from) => database.prepare<unknown[], number>(`SELECT count(*) FROM ${from}`).pluck());
    this.#delete = each((from) => database.prepare(`DELETE FROM ${from}`));
    this.#totals = database.prepare(
      `UPDATE totals SET records = totals.records - gone.records, bytes = totals.bytes - gone.bytes
       FROM (SELECT kind, code, count(*) AS records, sum(size) AS bytes FROM records WHERE iccid = @iccid GROUP BY kind, code) AS gone
       WHERE totals.kind = gone.kind AND totals.code = gone.code`,
    );
    const old = ({ table, row, begun, since, only }: Old) => ({
      look: database.prepare<unknown[], OldRow>(
        `SELECT ${row} AS row, coalesce(${since} < @beforeMs AND ${only}, 0) AS goes, ${begun ? `${begun} >= @beforeMs` : '0'} AS young
         FROM ${table} t WHERE ${row} > @afterRow ORDER BY ${row} LIMIT @limit`,
      ),
      // looked at once more: it may have become young meanwhile, as the position of a file that is there again
      take: database.prepare(`DELETE FROM ${table} AS t WHERE ${row} = @row AND ${since} < @beforeMs AND ${only}`),
    });
    this.#old = {
      dueFiles: old(OLD.dueFiles),
      deadLetters: old(OLD.deadLetters),
      samples: old(OLD.samples),
      files: old(OLD.files),
      positions: old(OLD.positions),
    };
    // A row whose own term is over asks for nothing: it has gone by now, or would have gone if this were no dry run.
    this.#waited = database
      .prepare<unknown[], number>(
        `SELECT EXISTS (SELECT 1 FROM due_files WHERE name = @baseName AND due_at >= @beforeMs)
         OR EXISTS (SELECT 1 FROM dead_letters t WHERE state = 'waiting' AND instr(CAST(raw AS TEXT), @pathEnd) > 0
           AND NOT (at < @beforeMs AND ${noCard}))`,
      )
      .pluck();
    this.#begin = database
      .prepare<unknown[], number>('INSERT INTO purges (started_at, after_service_days) VALUES (?, ?) RETURNING id')
      .pluck();
    const columns = PURGED.map((kind) => `${columnOf(kind)} = ${columnOf(kind)} + @${kind}`).join(', ');
    this.#add = database.prepare(`UPDATE purges SET ${columns} WHERE id = @purge`);
    this.#end = database.prepare('UPDATE purges SET finished_at = ?, kept = ? WHERE id = ?');
    const shown = PURGED.map((kind) => `${columnOf(kind)} AS ${kind}`).join(', ');
    this.#list = database.prepare(
      `SELECT id, started_at AS startedAt, finished_at AS finishedAt, after_service_days AS afterServiceDays, kept, ${shown}
       FROM purges ORDER BY id DESC LIMIT ?`,
    );
  }

  /** The same for those who purge, each piece a transaction of its own. */
  face({ commit, read, now, logIsLeft }: Means): Purges {
    return {
      begin: async (afterServiceDays) => {
        let id = 0;
        await commit(() => {
          id = this.#begin.get(now(), afterServiceDays) ?? 0;
        });
        return id;
      },
      card: async (purge, iccid, rules) => {
        if (purge === undefined) return read(() => this.#card(purge, iccid, rules));
        let gone: Purged | undefined;
        await commit(() => {
          gone = this.#card(purge, iccid, rules);
        });
        return gone;
      },
      old: async (purge, kind, rows) => {
        const found = read(() => this.#old[kind].look.all(rows));
        const going = found.filter(({ goes }) => goes === 1).map(({ row }) => row);
        let purged = going.length;
        if (purge !== undefined && purged > 0) {
          await commit(() => {
            purged = this.#take(purge, kind, going, rows.beforeMs);
          });
        }
        const isEnd = found.length < rows.limit || found.some(({ young }) => young === 1);
        return { purged, afterRow: isEnd ? undefined : found.at(-1)?.row };
      },
      aside: async (purge, files, { beforeMs, remove }) => {
        if (purge === undefined) return read(() => files.filter((file) => !this.#isWaitedFor(file, beforeMs)).length);
        let gone = 0;
        await commit(() => {
          gone = files.filter((file) => !this.#isWaitedFor(file, beforeMs) && remove(file)).length;
          if (gone > 0) this.#add.run({ ...nothingPurged(), asideFiles: gone, purge });
        });
        return gone;
      },
      end: async (purge, kept, vacuum) => {
        await commit(() => void this.#end.run(now(), kept, purge));
        await logIsLeft();
        if (vacuum) read(() => this.#database.exec('VACUUM'));
        return read(() => this.#putLogAway());
      },
      list: (limit) =>
        read(() =>
          this.#list.all(limit).map(
            ({ finishedAt, ...row }): PurgeRow => ({
              ...row,
              ...(finishedAt !== null && { finishedAt }),
            }),
          ),
        ),
    };
  }

  #card(
    purge: number | undefined,
    iccid: string,
    { beforeMs, isOver, pictures, recordsElsewhere = 0 }: Parameters<Purges['card']>[2],
  ): Purged | undefined {
    const state = this.#cards.get(iccid);
    if (!state || !isOver(state) || this.#needed.get({ iccid, beforeMs }) === 1) return undefined;
    const gone = nothingPurged();
    gone.pictures = pictures(); // first: where they cannot be removed the rows stay, and with them the way to find them
    if (purge !== undefined) {
      this.#totals.run({ iccid });
      this.#cards.gone(iccid);
    }
    for (const kind of Object.keys(OF_CARD) as OfCard[]) {
      gone[kind] =
        purge === undefined ? (this.#count[kind].get({ iccid }) ?? 0) : this.#delete[kind].run({ iccid }).changes;
    }
    gone.records += recordsElsewhere;
    if (purge !== undefined) this.#add.run({ ...gone, purge });
    return gone;
  }

  #take(purge: number, kind: OldKind, rows: readonly number[], beforeMs: number): number {
    const purged = rows.reduce((sum, row) => sum + this.#old[kind].take.run({ row, beforeMs }).changes, 0);
    this.#add.run({ ...nothingPurged(), [kind]: purged, purge });
    return purged;
  }

  /** The letter of a file holds its path as JSON. */
  #isWaitedFor({ name, baseName }: AsideFile, beforeMs: number): boolean {
    const pathEnd = JSON.stringify(`/${name}`).slice(1);
    return this.#waited.get({ baseName, beforeMs, pathEnd }) === 1;
  }

  /** The write-ahead log holds pages as they were; folded into the file and cut to nothing it holds none. Waits for nobody. */
  #putLogAway(): boolean {
    const patienceMs = this.#database.pragma('busy_timeout', { simple: true });
    this.#database.pragma('busy_timeout = 0');
    try {
      return this.#database.pragma('wal_checkpoint(TRUNCATE)', { simple: true }) === 0;
    } finally {
      this.#database.pragma(`busy_timeout = ${patienceMs}`);
    }
  }
}

/** `deadLetters` → `dead_letters`. */
function columnOf(kind: keyof Purged): string {
  return kind.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
