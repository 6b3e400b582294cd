import type { Clock, Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { DueAlarm, Store } from '../contract/store.js';

const LOOK_MS = 1_000;
/** After a look that failed. */
const PAUSE_MS = 60_000;
/** Files of one transaction, which holds up everything else that is stored. */
const HELPING = 1_000;
const NAMES_TOLD_MAX = 10;

const ALARMS = {
  half: { alarm: 'commandHalf', level: 'warn', message: 'half of the time is gone and these files are not there' },
  lastHalfHour: { alarm: 'commandAtRisk', level: 'error', message: 'these files are due within half an hour' },
  expired: { alarm: 'commandExpired', level: 'error', message: 'these files were not there in time' },
} as const satisfies Record<DueAlarm['stage'], { alarm: string; level: 'warn' | 'error'; message: string }>;

/**
 * Watches the files that are due until the signal comes: one line for each stage and look, however many files have reached
 * it. Each file's stage is told once, also over a restart; that a file has expired is noted with it.
 */
export async function watchDueFiles(store: Store, clock: Clock, log: Log, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const lookedAtMs = clock.now(); // before the look: the clock may be set meanwhile
    let pauseMs = LOOK_MS;
    try {
      await lookAtDueFiles(store, log, stop);
    } catch (thrown) {
      const { code, message } = IovError.from(thrown);
      pauseMs = PAUSE_MS;
      log.error({ code, againInMs: pauseMs, alarm: 'deadlinesUnwatched' }, message);
    }
    await pause(lookedAtMs + pauseMs, pauseMs, clock, stop);
  }
}

/** Until the clock says so, and no longer than that by the machine: a clock that is set back does not put the looks off. */
async function pause(untilMs: number, pauseMs: number, clock: Clock, stop: AbortSignal): Promise<void> {
  const either = new AbortController();
  const signal = AbortSignal.any([stop, either.signal]);
  const timer = setTimeout(() => either.abort(), pauseMs);
  await clock.until(untilMs, signal).catch(() => undefined);
  clearTimeout(timer);
}

async function lookAtDueFiles(store: Store, log: Log, stop: AbortSignal): Promise<void> {
  const found = new Map<DueAlarm['stage'], { count: number; files: string[] }>();
  for (let isMore = true; isMore && !stop.aborted; ) {
    const alarms = store.dueAlarms(HELPING);
    for (const { stage, file } of alarms) {
      const told = found.get(stage) ?? { count: 0, files: [] };
      told.count += 1;
      if (told.files.length < NAMES_TOLD_MAX) told.files.push(file.name);
      found.set(stage, told);
    }
    isMore = alarms.length === HELPING;
    if (isMore) await new Promise((resolve) => setImmediate(resolve)); // others have their turn
  }
  for (const [stage, { count, files }] of found) {
    const { alarm, level, message } = ALARMS[stage];
    log[level]({ alarm, count, files }, message);
  }
}
