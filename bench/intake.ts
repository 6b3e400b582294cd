import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure } from './measure.js';
import type { Answers } from './post.js';
import type { Row } from './report.js';
import { serving } from './serving.js';

/** New TLS connections, each message durable before its answer, beside a bare node:https echo and the same client. */
export async function intakeBench(count: number): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-bench-'));
  try {
    const echo = await serving('echoServer', {});
    const floor = await measure<Answers>('intakeClient', { port: echo.port, count, success: 'EncryptUserInfo' });
    await echo.stop();
    const server = await serving('intakeServer', { folder, cards: count });
    const result = await measure<Answers>('intakeClient', { port: server.port, count, success: '"OprRst":"1"' });
    await server.stop();
    const rate = (of: Answers) => of.count / of.seconds;
    return [
      {
        bench: 'intake',
        scale: `${count} messages, 64 at once`,
        figure: `${Math.round(rate(result))}/s, p50 ${result.p50.toFixed(0)} ms, p99 ${result.p99.toFixed(0)} ms`,
        floor: `${Math.round(rate(floor))}/s`,
        ratio: rate(result) / rate(floor),
        broken: result.failures > 0 ? [`${result.failures} messages were not answered with success`] : [],
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
