import { Cron } from 'croner';

/** Asia/Shanghai has been +08:00 all year round since 1992. */
const SHANGHAI_MINUTES = 8 * 60;

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

function parse(pattern: string): Cron {
  return new Cron(pattern, { mode: '5-part', utcOffset: SHANGHAI_MINUTES, paused: true });
}
