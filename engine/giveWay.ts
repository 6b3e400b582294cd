import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '../contract/connection.js';

const LOOK_MS = 10;
/** Share of the time that the event loop works; above it whoever comes has to queue. */
const BUSY = 0.7;

/**
 * What bulk work calls before its next piece: it waits while callers are there and this thread has no time to spare, and no
 * longer than `waitMsMax`, for files have hours, but have to get through in the end.
 */
export function giveWayTo(connections: ReadonlyMap<string, Connection>): (waitMsMax: number) => Promise<void> {
  const hasCallers = () => [...connections.values()].some(({ callers = 0 }) => callers > 0);
  return async (waitMsMax) => {
    const endsAtMs = performance.now() + waitMsMax; // a look takes as long as the turns of whoever else is at work
    while (performance.now() < endsAtMs && hasCallers()) {
      const before = performance.eventLoopUtilization();
      await pause(LOOK_MS);
      if (performance.eventLoopUtilization(before).utilization < BUSY) return;
    }
  };
}
