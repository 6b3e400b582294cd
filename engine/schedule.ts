import type { Clock } from '../contract/context.js';
import { SCHEDULE, type Store } from '../contract/store.js';
import { lastTime, nextTime } from './cron.js';

const DAY_MS = 86_400_000;
/** Asia/Shanghai is +08:00 all year round. */
const SHANGHAI_MS = 8 * 3_600_000;

/** One turn of a schedule: when it was due, and by when it has to be done. */
export interface Turn {
  dueMs: number;
  finishByMs: number | undefined;
}

/**
 * The turns of a schedule, one after the other: each waits for its time, and what was missed while nobody ran comes at once,
 * oldest first. A turn counts as done when the next one is asked for; the store remembers it. A schedule that never ran has
 * missed nothing; but where machines share the work, a new one takes part in what may be under way, without a deadline of its own.
 */
export async function* turns(
  schedule: { pipeline: string; at: string; finishBy?: string; isShared?: boolean },
  clock: Clock,
  store: Store,
  signal: AbortSignal,
): AsyncGenerator<Turn> {
  const remember = (dueMs: number) =>
    store.commit([
      (transaction) =>
        transaction.setPosition(schedule.pipeline, SCHEDULE, { offset: dueMs, line: 0, fingerprint: '' }),
    ]);
  let done = store.position(schedule.pipeline, SCHEDULE)?.offset;
  if (done === undefined) {
    const underWay = schedule.isShared ? lastTime(schedule.at, clock.now()) : undefined;
    if (underWay !== undefined) yield { dueMs: underWay, finishByMs: undefined };
    done = underWay ?? clock.now();
    await remember(done);
  }
  for (;;) {
    const dueMs = nextTime(schedule.at, done);
    await clock.until(dueMs, signal);
    yield { dueMs, finishByMs: schedule.finishBy === undefined ? undefined : timeAfter(dueMs, schedule.finishBy) };
    done = dueMs;
    await remember(done);
  }
}

/** The first `HH:MM` in Asia/Shanghai after a time. */
export function timeAfter(timeMs: number, finishBy: string): number {
  const [hours = 0, minutes = 0] = finishBy.split(':').map(Number);
  const midnight = Math.floor((timeMs + SHANGHAI_MS) / DAY_MS) * DAY_MS - SHANGHAI_MS;
  const sameDay = midnight + (hours * 60 + minutes) * 60_000;
  return sameDay > timeMs ? sameDay : sameDay + DAY_MS;
}
