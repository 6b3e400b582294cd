import type { Clock, Log } from '../contract/context.js';

/** How far a piece of work has come, from 0 to 1. */
export type Progress = () => number;

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
    const done = work.progress();
    if (!warned && gone >= EARLIEST && (done === 0 ? gone >= 0.5 : gone / done > 1)) {
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
