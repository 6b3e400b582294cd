import type { Clock, Log } from '../contract/context.js';
import type { StoreStatus } from '../contract/store.js';

/** How far a piece of work has come, from 0 to 1; may throw where that cannot be seen now. */
export type Progress = () => number;

/**
 * The share of records that have been delivered, of a pipeline's windows with the latest cut-off. Files would mislead: one is
 * known only when it is full, so that nearly all that are known have been delivered at any time.
 * @param dueMs when the work was due: what had been delivered by then is of another day, and says nothing of this one
 */
export function deliveredShare(windows: StoreStatus['windows'], pipeline: string, dueMs: number): number {
  const own = windows.filter((window) => window.pipeline === pipeline && (window.deliveredAt ?? dueMs) >= dueMs);
  const latest = own
    .map(({ cutoff }) => cutoff)
    .sort()
    .at(-1);
  const open = own.filter(({ cutoff }) => cutoff === latest);
  const total = open.reduce((sum, { recordsTotal }) => sum + recordsTotal, 0);
  return total === 0 ? 0 : open.reduce((sum, { recordsDelivered }) => sum + recordsDelivered, 0) / total;
}

const LOOKS = 60;
/** Before this share of the time is gone a projection says little. */
const EARLIEST = 0.1;

/**
 * Watches work against its deadline and raises the alarm before it is missed: as soon as the pace so far would pass it, and
 * once more when it has passed. Ends with the signal.
 */
export async function watchDeadline(
  work: { name: string; startMs: number; deadlineMs: number; progress: Progress },
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const span = work.deadlineMs - work.startMs;
  let warned = false;
  for (let look = 1; look <= LOOKS; look += 1) {
    await clock.until(work.startMs + (span * look) / LOOKS, signal).catch(() => undefined);
    if (signal.aborted) return;
    const gone = (clock.now() - work.startMs) / span;
    const done = shareOf(work.progress);
    if (!warned && done !== undefined && gone >= EARLIEST && (done === 0 ? gone >= 0.5 : gone / done > 1)) {
      warned = true;
      const fields = {
        pipeline: work.name,
        deadline: new Date(work.deadlineMs).toISOString(),
        percent: Math.floor(done * 100),
      };
      log.error({ ...fields, alarm: 'deadlineAtRisk' }, 'at this pace the deadline will be missed');
    }
  }
  log.error(
    { pipeline: work.name, deadline: new Date(work.deadlineMs).toISOString(), alarm: 'deadlineMissed' },
    'the deadline has passed and the work is not done',
  );
}

/** A ledger that cannot be read for a moment is told of by whoever works with it. */
function shareOf(progress: Progress): number | undefined {
  try {
    return progress();
  } catch {
    return undefined;
  }
}
