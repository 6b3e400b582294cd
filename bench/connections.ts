import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure } from './measure.js';
import type { Row } from './report.js';

/** Notice 7.3: connections of one client at the server. */
export const CAP = 20;
const SEED = 2022;

interface Result {
  seconds: number;
  delivered: number;
  most: number;
  cuts: number;
  connections: number;
}

/** Never more than 20 connections, as the server counts them, while files wait and connections are cut (notice 7.3). */
export async function connectionsBench(files: number): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-bench-'));
  try {
    const { most, delivered, cuts, connections, peakBytes } = await measure<Result>('connectionsRun', {
      folder,
      files,
      seed: SEED,
    });
    const broken = most > CAP ? [`the server saw ${most} connections`] : [];
    if (delivered !== files) broken.push(`${delivered} of ${files} files arrived`);
    if (cuts === 0) broken.push('no connection was cut');
    const scale = `${files} files, ${cuts} of ${connections} connections cut`;
    return [
      { bench: 'connections', scale, figure: `at most ${most} at the server`, floor: `cap ${CAP}`, peakBytes, broken },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
