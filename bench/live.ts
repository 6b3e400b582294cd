import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure } from './measure.js';
import type { Row } from './report.js';
import type { Server } from './site.js';

/** The machine's mood changes from one turn to the next: the best of them is what the chain takes. */
const PAIRS = 3;

interface Turn {
  watched: boolean;
  cpuSeconds: number;
}

/**
 * The chain while it is counted, tapped, watched and scraped, beside the same chain with nobody looking and nothing counted. The
 * time of the processors is compared: whoever else uses the machine changes it little, and it is what limits the chain.
 */
export async function liveBench(server: Server, count: number): Promise<Row[]> {
  const turns: Turn[] = [];
  for (let pair = 0; pair < PAIRS; pair += 1) {
    // each goes first in turn
    const order = pair % 2 === 0 ? [false, true] : [true, false];
    for (const watched of order) turns.push({ watched, ...(await run(server, count, watched)) });
  }
  const cpu = (watched: boolean) =>
    Math.min(...turns.filter((turn) => turn.watched === watched).map(({ cpuSeconds }) => cpuSeconds));
  const rate = (watched: boolean) => `${Math.round(count / cpu(watched))} a CPU second`;
  return [
    {
      bench: 'live',
      scale: `${count} bodies, best of ${PAIRS}`,
      figure: rate(true),
      floor: `${rate(false)}, uncounted`,
      ratio: cpu(false) / cpu(true),
      broken: [],
    },
  ];
}

async function run(server: Server, count: number, watched: boolean): Promise<{ cpuSeconds: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-bench-'));
  try {
    return await measure<{ cpuSeconds: number }>('chainRun', { folder, server, count, watched });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
