import type { Lanes, LaneUser } from '../../connections/lanesConnection.js';

/**
 * Lanes that a test hands out; the broker's part in them has tests of its own (test/connections/lanes.test.ts).
 * @param first those that are held; undefined while nobody knows
 */
export function handedLanes(count: number, first: readonly number[] | undefined) {
  let all = count;
  let held = first && new Set(first);
  let wake: () => void = () => undefined;
  const users = new Set<LaneUser>();
  const changed = () => new Promise<void>((resolve) => (wake = resolve));
  const lanes = {
    get count() {
      return all;
    },
    get held() {
      return held ?? new Set<number>();
    },
    laneOf: (sequence: number) => (sequence - 1) % all,
    refusal: () => undefined,
    changed,
    settled: async (signal: AbortSignal) => {
      while (!held && !signal.aborted) await changed();
      return held ?? new Set<number>();
    },
    join: (user: LaneUser) => {
      users.add(user);
      return () => users.delete(user);
    },
  };
  const give = (now: readonly number[] | undefined, of = all) => {
    all = of;
    held = now && new Set(now);
    wake();
  };
  return { lanes: lanes as unknown as Lanes, users, give };
}
