import type { CardState } from './card.js';

/** What a purge takes, by kind. */
export const PURGED = [
  'cards',
  'records',
  'requests',
  'dueFiles',
  'deadLetters',
  'samples',
  'files',
  'pictures',
  'positions',
  'asideFiles',
] as const;

/** How many of each kind; numbers alone, no personal data. */
export type Purged = Record<(typeof PURGED)[number], number>;

export function nothingPurged(): Purged {
  return Object.fromEntries(PURGED.map((kind) => [kind, 0])) as Purged;
}

/** A purge that has been, or is under way: the log of article 18. */
export interface PurgeRow extends Purged {
  id: number;
  startedAt: number;
  /** Absent where it was broken off; the next one went on. */
  finishedAt?: number;
  /** Days that records were kept after the end of service. */
  afterServiceDays: number;
  /** Cards whose term is over, kept since an export or an open due file still needs them. */
  kept: number;
}

/** Kinds that have a term of their own, whether a card in service belongs to them or not. */
export type OldKind = 'dueFiles' | 'deadLetters' | 'samples' | 'files' | 'positions';

/** A file that was put aside, and for whom it may wait. */
export interface AsideFile {
  /** A letter that waits has a path that ends in it. */
  name: string;
  /** As a due file is called. */
  baseName: string;
}

/** Takes away what need not be kept any longer (article 18), a transaction for each bounded piece. */
export interface Purges {
  /** Notes that a purge has begun; gives its id. */
  begin(afterServiceDays: number): Promise<number>;
  /**
   * A card and all that is kept of it, in one transaction; undefined, and nothing done, where something still needs it.
   * @param purge undefined for a dry run, which only counts
   * @param isOver asked about its state inside the transaction
   * @param pictures removes, or counts, its pictures inside the transaction; what it throws undoes the card
   * @param recordsElsewhere how many records of it have gone on another machine: they count as well
   */
  card(
    purge: number | undefined,
    iccid: string,
    rules: { beforeMs: number; isOver(state: CardState): boolean; pictures(): number; recordsElsewhere?: number },
  ): Promise<Purged | undefined>;
  /** The next rows of a kind: how many of them went, and where to go on; `afterRow` is undefined at the end. */
  old(
    purge: number | undefined,
    kind: OldKind,
    rows: { beforeMs: number; afterRow: number; limit: number },
  ): Promise<{ purged: number; afterRow: number | undefined }>;
  /**
   * Files that lie aside, their term over: those that no due file and no waiting letter asks for go.
   * @param remove takes one away inside the transaction, and tells whether it has gone
   * @returns how many have gone, or would go
   */
  aside(
    purge: number | undefined,
    files: readonly AsideFile[],
    rules: { beforeMs: number; remove(file: AsideFile): boolean },
  ): Promise<number>;
  /**
   * Notes the end, and puts the log of the database away, which holds pages as they were; false where a reader holds it.
   * @param vacuum writes the whole database anew, too: SQLite overwrites a row that is deleted, but not the copies that it left
   *   when it moved the row to another page before. Nobody else can write meanwhile.
   */
  end(purge: number, kept: number, vacuum: boolean): Promise<boolean>;
  /** The latest first. */
  list(limit: number): PurgeRow[];
}
