import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attemptOf, attempts } from './attempts.js';
import { measure } from './measure.js';
import type { Answers } from './post.js';
import type { Row } from './report.js';
import { serving } from './serving.js';
import { REGULATOR } from './site.js';

/** Notice 7.3: as many commands a second are taken. */
export const RATE = 500;
/** An answer later than this is late. */
const LATE_MS = 1_000;
export const CARDS = 2_000;
/** Far above what one machine can take: whoever says that this held does not look. */
const CONTROL_RATE = 50_000;
const DURABLE = '"OprRst":"1"';

/**
 * 500 commands a second, each durable before its answer (notice 7.3); as fast as it goes; and a control that must fail.
 * @param attemptsMax at the steady rate
 */
export async function commandsBench(seconds: number, attemptsMax: number): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-bench-'));
  try {
    const few = (RATE * seconds) / 4;
    const echo = await serving('echoServer', {});
    const floor = await send(echo.port, { run: 'echo', rate: 0, count: few, success: 'OperatorID' });
    await echo.stop();
    const server = await serving<{ due: number }>('commandServer', { folder, cards: CARDS });
    const steady = await attempts(
      attemptsMax,
      (attempt) => send(server.port, { run: `steady${attempt}`, rate: RATE, count: RATE * seconds }),
      (answers) => judged(answers, RATE),
    );
    const fast = await send(server.port, { run: 'fast', rate: 0, count: few });
    const control = await send(server.port, { run: 'control', rate: CONTROL_RATE, count: RATE });
    const { due, peakBytes } = await server.stop();
    const last = steady.at(-1)!;
    const rate = (of: Answers) => of.count / of.seconds;
    return [
      {
        bench: 'commands',
        scale: `${RATE}/s for ${seconds} s${attemptOf(steady)}`,
        figure: told(last),
        floor: `${RATE}/s`,
        peakBytes,
        broken: [...judged(last, RATE), ...lost(due, [...steady, fast, control])],
      },
      {
        bench: 'commands',
        scale: 'as fast as it goes, 64 at once',
        figure: told(fast),
        floor: `${Math.round(rate(floor))}/s`,
        ratio: rate(fast) / rate(floor),
        broken: judged(fast, RATE),
      },
      {
        bench: 'control',
        scale: `${CONTROL_RATE}/s asked for`,
        figure: told(control),
        floor: 'must fail',
        broken: judged(control, CONTROL_RATE).length > 0 ? [] : ['nobody noticed that the rate was not held'],
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Sends commands from a process of their own. */
export function send(
  port: number,
  args: { run: string; rate: number; count: number; success?: string },
): Promise<Answers & { peakBytes: number }> {
  const { platformId, password } = REGULATOR;
  return measure<Answers>('commandClient', { port, cards: CARDS, platformId, password, success: DURABLE, ...args });
}

/** What breaks the limit: answers that fail, come late, or fall behind the rate. */
export function judged(answers: Answers, rate: number): string[] {
  const found: string[] = [];
  const reached = answers.count / answers.seconds;
  // the last answers come after the last command was sent
  if (reached < rate * 0.97) found.push(`${Math.floor(reached)}/s, below ${rate}/s`);
  if (answers.failures > 0) found.push(`${answers.failures} commands not answered with success`);
  if (answers.max > LATE_MS) found.push(`answers up to ${Math.round(answers.max)} ms late`);
  return found;
}

/** A command that was answered makes two files due; one that was not may have done so. */
export function lost(due: number, runs: readonly Answers[]): string[] {
  const answered = runs.reduce((total, { count, failures }) => total + count - failures, 0);
  return due === 2 * answered ? [] : [`${answered} commands answered, ${due} files due instead of two each`];
}

export const told = ({ count, seconds, p50, p99, max }: Answers): string =>
  `${Math.round(count / seconds)}/s, p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, max ${max.toFixed(0)} ms`;
