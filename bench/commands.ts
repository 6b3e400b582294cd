import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure } from './measure.js';
import type { Answers } from './post.js';
import type { Row } from './report.js';
import { serving } from './serving.js';
import { REGULATOR } from './site.js';

/** Notice 7.3: as many commands a second are taken. */
const RATE = 500;
/** An answer later than this is late. */
const LATE_MS = 1_000;
const CARDS = 2_000;
/** Far above what one machine can take: whoever says that this held does not look. */
const CONTROL_RATE = 50_000;
const DURABLE = '"OprRst":"1"';

/** 500 commands a second, each durable before its answer (notice 7.3); as fast as it goes; and a control that must fail. */
export async function commandsBench(seconds: number): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-bench-'));
  try {
    const count = RATE * seconds;
    const echo = await serving('echoServer', {});
    const floor = await commands(echo.port, { run: 'echo', rate: 0, count: count / 4, success: 'OperatorID' });
    await echo.stop();
    const server = await serving<{ due: number }>('commandServer', { folder, cards: CARDS });
    const steady = await commands(server.port, { run: 'steady', rate: RATE, count });
    const fast = await commands(server.port, { run: 'fast', rate: 0, count: count / 4 });
    const control = await commands(server.port, { run: 'control', rate: CONTROL_RATE, count: RATE });
    const { due, peakBytes } = await server.stop();
    const answered = [steady, fast, control].reduce((total, run) => total + run.count - run.failures, 0);
    const lost = due === 2 * answered ? [] : [`${answered} commands answered, ${due} files due instead of two each`];
    const rate = (of: Answers) => of.count / of.seconds;
    return [
      {
        bench: 'commands',
        scale: `${RATE}/s for ${seconds} s`,
        figure: told(steady),
        floor: `${RATE}/s`,
        peakBytes,
        broken: [...judged(steady, RATE), ...lost],
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

function commands(
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

export const told = ({ count, seconds, p50, p99, max }: Answers): string =>
  `${Math.round(count / seconds)}/s, p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, max ${max.toFixed(0)} ms`;
