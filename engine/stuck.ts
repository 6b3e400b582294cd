import type { LivePart, LivePipeline } from './live.js';

/** A pipeline that takes no step, and for how long. */
export interface Stuck {
  pipeline: string;
  /** The operator or sink that gives nothing up: `operators[1].decrypt`. */
  place: string;
  forMs: number;
}

/**
 * Finds pipelines that are stuck: a part of them has items under way and has given none up for `stuckMs`, nor has the sink taken
 * a step with one (an attempt, bytes of a file). One that is idle has nothing under way; one whose peer is away tries again and again, which is a step.
 */
export class StuckWatch {
  readonly #seen = new WeakMap<LivePart, { step: string; sinceMs: number }>();

  /**
   * One look; steps are seen from one look to the next.
   * @param nowMs of a clock that nobody sets
   */
  look(pipelines: readonly LivePipeline[], stuckMs: number, nowMs: number): Stuck[] {
    return pipelines.flatMap(({ name, parts, steps }) => {
      const stuck = parts.flatMap((part) => {
        const forMs = this.#standsFor(part, steps, nowMs);
        return forMs >= stuckMs ? [{ pipeline: name, place: part.place, forMs }] : [];
      });
      return stuck.slice(-1); // those before it wait for the last
    });
  }

  #standsFor(part: LivePart, steps: number, nowMs: number): number {
    const step = `${part.items - part.underWay} ${steps}`;
    const seen = this.#seen.get(part);
    if (part.underWay > 0 && seen?.step === step) return nowMs - seen.sinceMs;
    this.#seen.set(part, { step, sinceMs: nowMs });
    return 0;
  }
}
