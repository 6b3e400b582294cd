import { backOff } from '../contract/backOff.js';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { Unfinished } from '../contract/unfinished.js';

const AGAIN = { delayMsMin: 100, delayMsMax: 5_000 };

/**
 * Runs a window again as long as nothing is wrong with it but that other processes of the cluster deliver a part of it, or
 * that a lane went elsewhere in the middle. Whatever else happens, and a stop, ends it with that error.
 */
export async function untilComplete(
  pipeline: string,
  attempt: () => Promise<void>,
  log: Log,
  stop: AbortSignal,
): Promise<void> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (thrown) {
      const { code, message } = IovError.from(thrown);
      if (code !== 'WINDOW_UNFINISHED' && code !== 'LANE_LOST') throw thrown;
      log.info({ pipeline, code, reason: message }, 'the window is not complete yet');
      if (thrown instanceof Unfinished) await thrown.rest(stop);
      await backOff(attempts, AGAIN, stop);
      if (stop.aborted) throw new IovError('STOPPED', `${pipeline}: stopped before the window was complete`);
    }
  }
}
