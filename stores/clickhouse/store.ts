import { createHmac, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { Clock, Log } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import type { WindowKey } from '../../contract/file.js';
import type { Seal } from '../../contract/seal.js';
import type { Effect, Store, StoreStatus, Stretch, TraceStep, WindowRow } from '../../contract/store.js';
import { endsLater } from '../refusals.js';
import type { Database } from '../sqlite/database.js';
import { defaultBounds } from '../sqlite/groupCommit.js';
import { Ledger } from '../sqlite/ledger.js';
import type { LogFlush } from '../sqlite/logFlush.js';
import { Batches } from './batches.js';
import { CardSpool } from './cardSpool.js';
import { excludeDuplicates } from './duplicates.js';
import { HeldPositions } from './heldPositions.js';
import { Nodes } from './nodes.js';
import type { ClickHouseOptions } from './options.js';
import { cutOf, type Delivery, ledgerRange, type PlannedWindow, Plans, positionsOf } from './plans.js';
import { RecordPurge } from './purge.js';
import type { RecordRow } from './recordRow.js';
import { Records } from './records.js';
import { checkSchema, saltOf, Tables } from './schema.js';
import type { ClickHouseServer } from './server.js';
import { SharedCards } from './sharedCards.js';
import { Shipper } from './shipper.js';
import { recordQueue, Spool } from './spool.js';

const DAY_MS = 86_400_000;
/** What is under way may take so long once the store is closed. */
const CLOSE_MS = 10_000;
/** Rows of a card or a request that came again and again. */
const TRACED_MAX = 100;

export interface ClickHouseStoreOptions extends ClickHouseOptions {
  clock: Clock;
  log: Log;
  /** For status, trace and dead letters while another process writes. */
  readOnly?: boolean;
  /** False for a process that works in the ledger beside the daemon, which brings the records to ClickHouse. */
  ships?: boolean;
  /** Ends an opening that waits for the server. */
  stop?: AbortSignal;
  /** Of the ledger; ClickHouse keeps its own house. */
  seal?: Seal;
}

/** The records are on another machine; everything else is this machine's own ledger. */
export class ClickHouseStore extends Ledger implements Store {
  readonly #options: ClickHouseStoreOptions;
  readonly #server: ClickHouseServer;
  readonly #tables: Tables;
  readonly #spool: Spool;
  readonly #records: Records;
  readonly #plans: Plans;
  readonly #batches: Batches;
  readonly #held: HeldPositions;
  readonly #purge: RecordPurge;
  readonly #database: Database;
  /** Where the state by card is in ClickHouse, too. */
  readonly #cards: SharedCards | undefined;
  #shipper: Shipper | undefined;
  #salt: string | undefined;

  constructor(database: Database, flush: LogFlush, server: ClickHouseServer, options: ClickHouseStoreOptions) {
    const { clock, log, readOnly = false, spoolBytesMax } = options;
    const spool = new Spool(database, spoolBytesMax);
    const cards = options.cards ? new CardSpool(database) : undefined;
    super(database, flush, { clock, log, readOnly, bounds: defaultBounds, archive: spool, ...(cards && { cards }) });
    this.#database = database;
    this.#options = options;
    this.#server = server;
    this.#tables = new Tables(options.database);
    this.#spool = spool;
    this.#records = new Records(server, this.#tables);
    this.#plans = new Plans(server, this.#tables, hostname());
    this.#held = new HeldPositions(this.#records);
    this.#purge = new RecordPurge(server, this.#tables, {
      isOpenHere: (kind, code) =>
        this.transactions.read('looking for open windows', () => this.windows.hasOpen(kind, code)),
      timeoutMs: options.searchTimeoutMs,
    });
    this.#batches = new Batches(options, (rows) => this.#insert(rows));
    this.#cards =
      cards &&
      new SharedCards(cards, {
        ...{ database, server, tables: this.#tables, options },
        checked: () => this.#checked(),
        run: (doing, work) => this.run(doing, work),
      });
  }

  /** Begins to bring to ClickHouse what waits in the ledger. */
  async begin(): Promise<void> {
    const nodes = new Nodes(this.#database, this.#server, this.#tables);
    await this.#cards?.begin();
    const records = recordQueue(this.#spool, {
      positionOf: (seq) => nodes.positionOf(seq),
      insert: (rows) => this.#insert(rows),
    });
    this.#shipper = new Shipper({
      queues: this.#cards ? [this.#cards, records] : [records],
      log: this.log,
      bounds: this.#options,
      commit: (work) => this.step(work),
      lost: this.lost,
    });
  }

  /** Aborts, with why, when another machine has taken over the state by card. */
  get lost(): AbortSignal | undefined {
    return this.#cards?.lost;
  }

  /**
   * A record that bears a position is durable when ClickHouse has it, any other when the ledger has. With the state by card there,
   * too, everything that has changed in it by then is: what is found to be stored may have been stored by who was killed then.
   */
  override async commit(effects: readonly Effect[]): Promise<void> {
    this.lost?.throwIfAborted();
    const direct: RecordRow[] = [];
    await super.commit([() => this.#spool.collect(direct), ...effects]);
    if (direct.length > 0) await this.#batches.add(direct);
    else this.#shipper?.poke();
    await this.#cardsArrived();
  }

  release(): void {
    this.#shipper?.release();
  }

  /** Whether the archive has a record at this position. */
  holds(kind: string, code: string, position: number): Promise<boolean> {
    return this.#held.has(kind, code, position);
  }

  async codes(kind: 'KH' | 'CL', cutoffMs: number): Promise<string[]> {
    const here = this.transactions.read('reading the codes', () => this.archive.codes(kind, cutoffMs));
    return [...new Set([...(await this.#records.codes(kind, cutoffMs)), ...here])].sort();
  }

  async openWindow(key: WindowKey, cutoffMs: number, pipeline: string): Promise<WindowRow> {
    await this.#checked();
    this.#salt ??= await saltOf(this.#server, this.#tables);
    // whoever planned it: nothing is accepted here for a time that is over
    if (cutoffMs <= this.clock.now()) this.run('closing a window', () => this.windows.close(cutoffMs));
    const planned = (await this.#plans.find(key)) ?? (await this.#plan(key, cutoffMs, pipeline));
    await this.#purge.ended();
    const deliveries = await this.#plans.deliveries(key);
    return this.run('opening a window', () => {
      const row = this.windows.adopt(key, ledgerRange(planned), pipeline, this.clock.now());
      if (row.state === 'open') for (const delivery of deliveries) this.#adoptDelivery(row, delivery);
      return row;
    });
  }

  async purgeRecords(iccids: readonly string[], dryRun: boolean): Promise<ReadonlyMap<string, number>> {
    await this.#checked();
    return this.#purge.take(iccids, dryRun);
  }

  async purgeCards(): Promise<void> {
    const shipped = async (hasLeft: () => boolean) => this.#shipper?.shipped(hasLeft, this.#options.requestTimeoutMs);
    await this.#cards?.purge(shipped);
  }

  stretches(window: WindowRow, recordsMax: number): AsyncIterable<Stretch> {
    return this.#records.stretches(window, recordsMax);
  }

  records(window: WindowRow, fromPosition: number, toPosition: number): AsyncIterable<Uint8Array> {
    return this.#records.records(window, fromPosition, toPosition);
  }

  lines(window: WindowRow, stretch: Stretch, from: number, to: number): AsyncIterable<Uint8Array> {
    return this.#records.lines(window, stretch, from, to);
  }

  /** The same on every machine, and nobody else's: of the file's name and a salt that was drawn with the archive. */
  fileIv(baseName: string): string {
    // without a window of the archive the file is this ledger's own, whose plan keeps what is drawn
    if (this.#salt === undefined) return randomBytes(16).toString('hex');
    return createHmac('sha256', Buffer.from(this.#salt, 'hex')).update(baseName).digest('hex').slice(0, 32);
  }

  /** Other machines know of it before this one does: after a crash in between the file is found delivered. */
  override async fileDelivered(baseName: string, remotePath: string): Promise<void> {
    const file = this.file(baseName);
    const key = file?.plan.window;
    const isOfArchive = file?.windowId !== undefined && !this.windows.isDirect(file.windowId);
    if (file && key && isOfArchive && file.state !== 'delivered') {
      const { plan, fromPosition, toPosition, bytes = 0, sm3 = '' } = file;
      const deliveredAt = this.clock.now();
      await this.#plans.addDelivery(key, { plan, fromPosition, toPosition, remotePath, deliveredAt, bytes, sm3 });
    }
    await super.fileDelivered(baseName, remotePath);
  }

  async totals(): Promise<StoreStatus['records']> {
    await this.#checked();
    return this.#records.totals();
  }

  async trace(key: string): Promise<TraceStep[]> {
    await this.#checked();
    const found = await this.#records.about(key, TRACED_MAX);
    return this.run('tracing', () => this.traces.of(key, found));
  }

  override async close(): Promise<void> {
    const shipped = this.#shipper?.close();
    const late = setTimeout(() => void this.#server.close(), CLOSE_MS);
    await Promise.all([this.#batches.flush(), shipped]);
    clearTimeout(late);
    await super.close();
    await this.#server.close();
  }

  /** What was accepted before its end is there, what came twice is known, and nothing later can fall into it. */
  async #plan(key: WindowKey, cutoffMs: number, pipeline: string): Promise<PlannedWindow> {
    const { kind, code } = key;
    const nowMs = this.clock.now();
    if (cutoffMs > nowMs) throw endsLater(key);
    await this.#batches.flush();
    const last = this.#spool.lastHeldBefore(cutoffMs);
    const hasLeft = () => last === undefined || this.#spool.hasLeft(last);
    await this.#shipper?.shipped(hasLeft, this.#options.requestTimeoutMs);
    await this.#excludeDuplicates(key, cutoffMs);
    for (;;) {
      const fromMs = await this.#plans.beginOf(key);
      const range = { fromMs, toMs: Math.max(fromMs, cutoffMs) };
      const records = await this.#records.count({ kind, code, ...positionsOf(range) });
      // another machine may have planned the window before this one meanwhile
      if ((await this.#plans.beginOf(key)) !== fromMs) continue;
      const planned = { ...range, records };
      await this.#plans.add(key, planned, pipeline, nowMs);
      return (await this.#plans.find(key)) ?? planned;
    }
  }

  async #cardsArrived(): Promise<void> {
    const hasLeft = this.#cards?.pending;
    if (hasLeft) await this.#shipper?.arrived(hasLeft);
  }

  async #excludeDuplicates(key: WindowKey, toMs: number): Promise<void> {
    const { kind, code } = key;
    const fromMs = await this.#records.firstAcceptedAt(kind, code, await this.#plans.searchedUntil(key));
    if (fromMs === undefined) return;
    const bounds = {
      horizonMs: this.#options.duplicateHorizonDays * DAY_MS,
      timeoutMs: this.#options.searchTimeoutMs,
    };
    await excludeDuplicates(this.#server, this.#tables, { kind, code, fromMs, toMs }, bounds);
  }

  #adoptDelivery(row: WindowRow, { plan, fromPosition, toPosition, remotePath, deliveredAt }: Delivery): void {
    const known = this.files.get(plan.baseName);
    if (known?.state === 'delivered' || deliveredAt < this.windows.reopenedAt(row.id)) return;
    if (known && !isDeepStrictEqual(cutOf(known), cutOf({ plan, fromPosition, toPosition }))) {
      const why =
        'another machine has delivered it with other records in it; all must cut with the same bytesMax and format';
      throw new IovError('WINDOW_CONFLICT', `${plan.baseName}: ${why}`);
    }
    if (!known) this.files.plan({ windowId: row.id, plan, fromPosition, toPosition }, deliveredAt);
    this.files.delivered(plan.baseName, remotePath, deliveredAt);
  }

  async #insert(rows: Buffer): Promise<void> {
    await this.#checked();
    await this.#server.insert('storing records', this.#tables.named('records'), rows);
  }

  #isChecked = false;

  /** A server that was away at the start is looked at once it answers. */
  async #checked(): Promise<void> {
    if (!this.#isChecked) await checkSchema(this.#server, this.#tables);
    this.#isChecked = true;
  }
}
