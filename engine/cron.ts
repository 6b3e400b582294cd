import { Cron } from 'croner';

/** Asia/Shanghai has been +08:00 all year round since 1992. */
const SHANGHAI_MINUTES = 8 * 60;
const HOUR_MS = 3_600_000;
const SPAN_MS_MAX = 4 * 366 * 24 * HOUR_MS;

/** What is wrong with a cron pattern of five fields, in a few words; undefined where it is right and fires some day. */
export function cronProblem(pattern: string): string | undefined {
  try {
    return parse(pattern).nextRun(new Date(0)) ? undefined : 'never comes';
  } catch (thrown) {
    return (thrown instanceof Error ? thrown.message : String(thrown)).replace(/^Cron\w+: /, '');
  }
}

/** The first time after `fromMs` that a pattern names, in Asia/Shanghai. */
export function nextTime(pattern: string, fromMs: number): number {
  const next = parse(pattern).nextRun(new Date(fromMs));
  if (!next) throw new RangeError(`the schedule ${pattern} names no time after ${new Date(fromMs).toISOString()}`);
  return next.getTime();
}

/** The last time up to `untilMs` that a pattern names; undefined where there is none within two years. */
export function lastTime(pattern: string, untilMs: number): number | undefined {
  for (let spanMs = HOUR_MS; spanMs < SPAN_MS_MAX; spanMs *= 4) {
    let last: number | undefined;
    for (let next = nextTime(pattern, untilMs - spanMs); next <= untilMs; next = nextTime(pattern, next)) last = next;
    if (last !== undefined) return last;
  }
  return undefined;
}

function parse(pattern: string): Cron {
  return new Cron(pattern, { mode: '5-part', utcOffset: SHANGHAI_MINUTES, paused: true });
}
