import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CardState } from '../contract/card.js';
import type { Clock, Log, Site } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { nothingPurged, type OldKind, PURGED, type Purged } from '../contract/purge.js';
import type { Store } from '../contract/store.js';
import { compileServiceEnd } from '../notice/service.js';
import { purgeAside } from './asideFiles.js';
import type { CheckedConfig } from './config.js';
import { turns } from './schedule.js';

const DAY_MS = 86_400_000;
/** Cards looked at, and rows of the ledger, before others have their turn. */
const PAGE = 500;
/** Cards that go in one transaction, and that are looked at one by one before others have their turn. */
const TOGETHER = 20;
/** Cards whose records go together on another machine, where each deletion costs as much as many. */
const TOGETHER_ELSEWHERE = 2_000;
const OLD_KINDS: readonly OldKind[] = ['dueFiles', 'deadLetters', 'samples', 'files', 'positions'];
/** No pipeline can be called so, and its turns are remembered among those of the pipelines. */
const SCHEDULE = '(retention)';
/** Names a folder of pictures, as long as `tie` makes them; anything else that came as an ICCID is no path. */
const ICCID = /^[0-9A-Za-z]{1,64}$/;

export interface PurgeOrder {
  afterServiceDays: number;
  /** Absolute; below each a folder a card, named by its ICCID. */
  directories: readonly string[];
  /** Folders of files that nobody may ever ask for; absolute, `*` is one folder of any name. */
  aside: readonly string[];
  site: Site;
  /** Counts, and takes nothing. */
  dryRun: boolean;
  /** Writes the database anew at the end; nobody else can write meanwhile. */
  vacuum?: boolean;
  signal?: AbortSignal;
}

export interface PurgeOutcome extends Purged {
  /** Cards whose term is over, kept since an export or an open due file still needs them. */
  kept: number;
  /** Why something could not be purged that was not needed: files cannot be removed, the archive is away. */
  failure?: IovError;
  /** False where something still holds the database's log, which is overwritten in time. */
  logIsAway: boolean;
}

/**
 * Purges what need not be kept any longer (notice article 18): cards whose service ended more than the term ago, with all
 * that is kept of them, rows of the ledger and files put aside that are older than the term. Bounded pieces, each a transaction of its own
 * and counted in the log of purges; broken off at any moment, the next purge goes on.
 */
export async function purge(store: Store, clock: Clock, order: PurgeOrder): Promise<PurgeOutcome> {
  const { afterServiceDays, dryRun, vacuum = false, signal } = order;
  const beforeMs = clock.now() - afterServiceDays * DAY_MS;
  const id = dryRun ? undefined : await store.purges.begin(afterServiceDays);
  const sum: PurgeOutcome = { ...nothingPurged(), kept: 0, logIsAway: true };
  await purgeCards(store, id, beforeMs, order, sum);
  const failed = (thrown: unknown) => {
    sum.failure ??= IovError.from(thrown);
  };
  if (id !== undefined && !signal?.aborted) await store.purgeCards?.().catch(failed);
  for (const kind of OLD_KINDS) {
    for (let afterRow: number | undefined = 0; afterRow !== undefined && !signal?.aborted; ) {
      const step = await store.purges.old(id, kind, { beforeMs, afterRow, limit: PAGE });
      sum[kind] += step.purged;
      afterRow = step.afterRow;
      await othersTurn();
    }
  }
  if (!signal?.aborted)
    sum.asideFiles += await purgeAside(store, id, { folders: order.aside, beforeMs, signal, failed });
  if (id !== undefined && !signal?.aborted) sum.logIsAway = await store.purges.end(id, sum.kept, vacuum);
  return sum;
}

async function purgeCards(
  store: Store,
  id: number | undefined,
  beforeMs: number,
  { site, directories, dryRun, signal }: PurgeOrder,
  sum: PurgeOutcome,
): Promise<void> {
  const endOf = compileServiceEnd(site);
  const isOver = (state: CardState) => (endOf(state) ?? beforeMs) < beforeMs;
  const purgeOne = async ([iccid, recordsElsewhere]: [string, number]) => {
    const pictures = () => directories.reduce((total, folder) => total + removePictures(folder, iccid, dryRun), 0);
    const rules = { beforeMs, isOver, pictures, recordsElsewhere };
    const gone = await store.purges.card(id, iccid, rules).catch((thrown: unknown) => {
      if (!(thrown instanceof IovError && thrown.code === 'FILE_UNREADABLE')) throw thrown;
      sum.failure ??= thrown; // one card does not hold up the others
    });
    if (!gone) sum.kept += 1;
    else for (const kind of PURGED) sum[kind] += gone[kind];
  };
  const elsewhere = recordsElsewhere(store, dryRun, (thrown) => {
    if (!signal?.aborted) sum.failure ??= thrown;
  });
  for await (const over of cardsOver(store, isOver, signal)) {
    const rules = { beforeMs, isOver, pictures: () => 0 };
    const isNeeded = async (iccid: string) => (await store.purges.card(undefined, iccid, rules)) === undefined;
    const going = await elsewhere(over, isNeeded);
    sum.kept += over.length - going.length;
    for await (const some of together(going)) {
      if (signal?.aborted) break;
      await Promise.all(some.map(purgeOne));
    }
  }
}

/** Cards whose term is over, in groups. */
async function* cardsOver(
  store: Store,
  isOver: (state: CardState) => boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<string[]> {
  const enough = store.purgeRecords ? TOGETHER_ELSEWHERE : 1;
  let over: string[] = [];
  for (let afterIccid = ''; !signal?.aborted; ) {
    const page = store.cards({ afterIccid, limit: PAGE });
    over.push(...page.filter(isOver).map(({ iccid }) => iccid));
    const isEnd = page.length < PAGE;
    if (over.length > 0 && (isEnd || over.length >= enough)) {
      yield over;
      over = [];
    }
    if (isEnd) return;
    afterIccid = page.at(-1)?.iccid ?? '';
    await othersTurn();
  }
}

/**
 * Where records are on another machine, they go before their card: as long as one is there the card stays here, and with it
 * the way to find it. A machine that does not answer is told once, and left alone until the next purge.
 * @returns for cards of which those that may go now, with how many records have gone
 */
function recordsElsewhere(store: Store, dryRun: boolean, failed: (thrown: IovError) => void) {
  let isAway = false;
  return async (
    iccids: readonly string[],
    isNeeded: (iccid: string) => Promise<boolean>,
  ): Promise<[string, number][]> => {
    if (!store.purgeRecords) return iccids.map((iccid) => [iccid, 0]);
    if (isAway) return [];
    const free: string[] = [];
    for await (const some of together(iccids)) for (const iccid of some) if (!(await isNeeded(iccid))) free.push(iccid);
    if (free.length === 0) return [];
    try {
      return [...(await store.purgeRecords(free, dryRun))];
    } catch (thrown) {
      isAway = true;
      failed(IovError.from(thrown));
      return [];
    }
  };
}

/**
 * The pictures of a card; what is in a folder behind a symbolic link stays. Synchronous, since it runs in the transaction.
 * @returns how many files
 */
function removePictures(folder: string, iccid: string, dryRun: boolean): number {
  if (!ICCID.test(iccid)) return 0;
  const path = join(folder, iccid);
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (!found) return 0;
    const files = found.isDirectory()
      ? readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory()).length
      : 1;
    if (!dryRun) rmSync(path, { recursive: true, force: true });
    return files;
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
    // the path itself names the card
    throw new IovError('FILE_UNREADABLE', `${folder}: the pictures of a card cannot be removed (${code})`);
  }
}

/** Runs the purges of a pipeline file when they are due, until the signal; nothing where the file asks for none. */
export async function keepRetention(
  { retention, site }: CheckedConfig,
  { store, clock, log }: { store: Store; clock: Clock; log: Log },
  signal: AbortSignal,
): Promise<void> {
  if (retention?.at === undefined) return;
  const { at, ...rules } = retention;
  try {
    for await (const _turn of turns({ pipeline: SCHEDULE, at }, clock, store, signal)) {
      try {
        const order = { ...rules, site, dryRun: false, signal };
        const { failure, ...outcome } = await purge(store, clock, order);
        const [done, partly] = ['purged', 'purged in part; the next turn goes on'];
        log.info(
          { afterServiceDays: rules.afterServiceDays, ...outcome },
          signal.aborted ? 'a purge was broken off' : failure ? partly : done,
        );
        if (failure) throw failure;
      } catch (thrown) {
        const { code, message } = IovError.from(thrown);
        log.error({ code, alarm: 'purgeFailed' }, message); // the next turn takes it up
      }
      if (signal.aborted) return;
    }
  } catch (thrown) {
    if (signal.aborted) return;
    const { code, message } = IovError.from(thrown);
    log.error({ code, alarm: 'purgeFailed' }, `no more purges until the next start: ${message}`);
  }
}

/** So many at a time as `TOGETHER` says, and a turn for others after them. */
async function* together<Card>(cards: readonly Card[]): AsyncGenerator<Card[]> {
  for (let first = 0; first < cards.length; first += TOGETHER) {
    yield cards.slice(first, first + TOGETHER);
    await othersTurn();
  }
}

/** Between two pieces everybody else has their turn. */
function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
