import { setTimeout as pause } from 'node:timers/promises';
import type { Clock, Log } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import type { Database } from '../sqlite/database.js';
import { CardClaim, type Claim } from './cardClaim.js';
import { CardOwner, elsewhere, type Owner } from './cardOwner.js';
import { type CardRow, versionOf } from './cardRow.js';
import type { CardSpool } from './cardSpool.js';
import { CardTable } from './cardTable.js';
import type { ClickHouseOptions } from './options.js';
import type { Batch, Queue } from './queue.js';
import type { Tables } from './schema.js';
import type { ClickHouseServer } from './server.js';

const TOLD_EVERY_MS = 10_000;
const AGAIN_MS = 1_000;
/** Whatever the server does, they are not waited out: another machine has the state, or this one was asked to stop. */
const LASTS: ReadonlySet<string> = new Set(['CARDS_ELSEWHERE', 'STOPPED']);
/** Cards that are looked for in one query. */
const GONE_TOGETHER = 2_000;

interface Means {
  /** The ledger's. */
  database: Database;
  server: ClickHouseServer;
  tables: Tables;
  options: ClickHouseOptions & { clock: Clock; log: Log };
  /** Throws where the server does not have the tables. */
  checked(): Promise<void>;
  /** Runs it in a transaction; on the disk when it returns. */
  run<Result>(doing: string, work: () => Result): Result;
}

/**
 * The state by card in ClickHouse beside the ledger: one ledger owns it and brings its changes there, another takes it over. What
 * has arrived has been looked at afterwards: whoever took over by then was not there yet, and finds it when it reads.
 */
export class SharedCards implements Queue {
  readonly #spool: CardSpool;
  readonly #claim: CardClaim;
  readonly #owner: CardOwner;
  readonly #table: CardTable;
  readonly #options: Means['options'];
  readonly #checked: Means['checked'];
  readonly #run: Means['run'];
  readonly #lost = new AbortController();
  /** Where the server was away at the start, later changes do not tell whether the ledger is older than what is there. */
  readonly #lastAtStart: number;
  #isCompared = false;

  constructor(spool: CardSpool, { database, server, tables, options, checked, run }: Means) {
    this.#spool = spool;
    this.#claim = new CardClaim(database);
    this.#owner = new CardOwner(server, tables);
    this.#table = new CardTable(server, tables, options.searchTimeoutMs);
    this.#options = options;
    this.#checked = checked;
    this.#run = run;
    this.#lastAtStart = spool.lastGiven;
  }

  /** Aborts, with why, when the state is not this ledger's any more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Makes the ledger the owner, and its state whole: nobody's state is claimed, that of another machine is taken over. A ledger that
   * was whole starts without a server, too; for any other, what cannot be read must not be taken for empty.
   * @throws IovError CARDS_ELSEWHERE; SCHEMA_MISMATCH; STORE_FAILED where the server stays away; STOPPED
   */
  async begin(): Promise<void> {
    const { log, requestTimeoutMs } = this.#options;
    for (const endsAt = performance.now() + requestTimeoutMs; ; await pause(AGAIN_MS)) {
      try {
        return await this.#begin();
      } catch (thrown) {
        const error = IovError.from(thrown);
        if (LASTS.has(error.code) || !error.retryable) throw error;
        const told = { code: error.code, alarm: 'archiveUnreachable' };
        if (this.#claim.get()?.state === 'whole')
          return log.warn(told, `starting without the state by card in ClickHouse: ${error.message}`);
        if (performance.now() > endsAt) throw error;
        log.warn(told, `the start waits for the state by card in ClickHouse: ${error.message}`);
      }
    }
  }

  get isEmpty(): boolean {
    return this.#spool.lastHeld === undefined;
  }

  /** Asks whether all that has changed until now has left; undefined where it has. */
  get pending(): (() => boolean) | undefined {
    const last = this.#spool.lastHeld;
    return last === undefined ? undefined : () => this.#spool.hasLeft(last);
  }

  next(changesMax: number, bytesMax: number): Batch | undefined {
    const changed = this.#spool.changed(changesMax, bytesMax);
    return (
      changed && {
        insert: () => this.#insert(changed.rows),
        remove: () => this.#spool.remove(changed.lastChange),
        isEnough: () => !changed.isCut,
      }
    );
  }

  /**
   * Deletes there what has been purged here; broken off, the next purge does it.
   * @param shipped resolves when what it asks for has left
   */
  async purge(shipped: (hasLeft: () => boolean) => Promise<void>): Promise<void> {
    const spool = this.#spool;
    const mine = this.#claim.get();
    if (mine?.state !== 'whole' || !spool.hasGone) return;
    await this.#compare(mine);
    if (this.pending) await shipped(this.pending);
    let last = 0;
    for (let some = spool.goneAfter(last, GONE_TOGETHER); some.length > 0; ) {
      await this.#table.delete(mine.epoch, some);
      last = some.at(-1)?.id ?? last;
      some = spool.goneAfter(last, GONE_TOGETHER);
    }
    await this.#table.deleted();
    this.#run('noting what has been purged', () => spool.forgetGone(last));
  }

  async #begin(): Promise<void> {
    const { ledger } = this.#options;
    await this.#checked();
    const known = this.#claim.get();
    const found = await this.#owner.find();
    const isOurs = known !== undefined && found?.claim === known.claim;
    if (found && !isOurs && (known ? found.epoch >= known.epoch : this.#spool.lastIccid !== undefined)) {
      const what = known ? 'was taken over from this ledger' : 'this ledger holds cards of its own';
      throw elsewhere(ledger, what, found);
    }
    // one that was not whole may have been noted and never looked at again
    const mine = isOurs && (known.state === 'whole' || found?.isAlone) ? known : await this.#claimed(known, found);
    if (mine.state === 'loading') await this.#load(mine);
    if (mine.state === 'behind') {
      this.#run('noting all cards', () => {
        this.#spool.noteAll();
        this.#claim.setState('whole');
      });
    }
    await this.#compare(mine, () => this.#spool.lastGiven); // as it is then: others may have brought more there meanwhile
  }

  /** An epoch that nobody else claims. */
  async #claimed(known: Claim | undefined, found: Owner | undefined): Promise<Claim> {
    const { clock, ledger } = this.#options;
    const isEmpty = known ? known.state === 'loading' : this.#spool.lastIccid === undefined;
    const state = isEmpty ? 'loading' : 'behind';
    for (let epoch = Math.max(known?.epoch ?? 0, found?.epoch ?? 0) + 1; ; epoch += 1) {
      let mine: Claim = { epoch, claim: '', state };
      await this.#owner.claim(epoch, clock.now(), (name) => {
        mine = { epoch, claim: name, state };
        this.#run('claiming the state by card', () => {
          if (isEmpty) this.#spool.clear(); // what one before has loaded in part
          this.#claim.put(mine);
        });
      });
      const now = await this.#owner.find();
      if (now?.claim !== mine.claim) throw elsewhere(ledger, 'was taken over at the same moment', now);
      if (now.isAlone) return mine;
    }
  }

  /** Broken off, the next start goes on where the last card is. */
  async #load(mine: Claim): Promise<void> {
    const { log } = this.#options;
    const spool = this.#spool;
    const inOurs = (work: () => void) =>
      this.#run('taking over the state by card', () => {
        const now = this.#claim.get();
        if (now?.claim !== mine.claim || now.state !== 'loading')
          throw new IovError('STORE_FAILED', 'another process takes over the state by card with this ledger');
        work();
      });
    let toldAt = performance.now();
    for (let after = spool.lastIccid ?? ''; ; ) {
      const rows = await this.#table.page(after);
      if (!rows) break;
      inOurs(() => spool.load(rows));
      after = rows.at(-1)?.iccid ?? after;
      if (performance.now() - toldAt < TOLD_EVERY_MS) continue;
      toldAt = performance.now();
      log.info(spool.counts(), 'taking over the state by card from ClickHouse');
    }
    await this.#look(mine);
    inOurs(() => this.#claim.setState('whole'));
    log.info({ epoch: mine.epoch, ...spool.counts() }, 'the state by card is this ledger’s now');
  }

  async #insert(rows: readonly CardRow[]): Promise<void> {
    await this.#checked();
    const mine = this.#claim.get();
    if (!mine) throw new IovError('INTERNAL', 'a ledger that has claimed nothing brings its cards to ClickHouse');
    await this.#compare(mine); // a former owner writes nothing any more
    if (rows.length === 0) return;
    await this.#table.insert(rows.map((row) => ({ ...row, version: versionOf(mine.epoch, row.version) })));
    await this.#look(mine);
  }

  /** Still the owner, and, asked once, with a ledger that is no older than what ClickHouse has of it. */
  async #compare(mine: Claim, given = () => this.#lastAtStart): Promise<void> {
    const found = await this.#look(mine);
    if (this.#isCompared) return;
    const last = await this.#table.lastChange(mine.epoch);
    if (last > given()) throw this.#lose('this ledger is an older copy of the one that has brought it there', found);
    this.#isCompared = true;
  }

  async #look(mine: Claim): Promise<Owner> {
    const found = await this.#owner.find();
    if (found?.claim !== mine.claim) throw this.#lose('was taken over from this ledger', found);
    return found;
  }

  #lose(what: string, found?: Owner): IovError {
    const { log, ledger } = this.#options;
    const error = elsewhere(ledger, what, found);
    log.error({ code: error.code, alarm: 'cardsElsewhere' }, error.message);
    this.#lost.abort(error);
    return error;
  }
}
