import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure } from './measure.js';
import { mbPerSecond, type Row } from './report.js';
import type { Server } from './site.js';

/** T1 bodies at 1×: 270 MB of text, as many full files as are on their way at once on two cores. */
const UNIT_COUNT = 450_000;
/** For the floor: it is the same however long it runs. */
const FLOOR_COUNT = 300_000;

interface Floor {
  seconds: number;
  textBytes: number;
}

/** T1 bodies in memory → … → encrypted files on a real OpenSSH, beside the same primitives in a plain loop on all cores. */
export async function chainBench(server: Server, scales: readonly number[]): Promise<Row[]> {
  const floor = await measure<Floor>('floor', { kind: 'chain', amount: FLOOR_COUNT });
  const bytesPerBody = floor.textBytes / FLOOR_COUNT;
  const floorRate = floor.textBytes / floor.seconds;
  const rows: Row[] = [];
  for (const scale of scales) {
    const folder = mkdtempSync(join(tmpdir(), 'iovpipe-bench-'));
    const count = scale * UNIT_COUNT;
    const result = await measure<{ seconds: number; files: number }>('chainRun', {
      folder,
      server,
      count,
    });
    rmSync(folder, { recursive: true, force: true });
    const bytes = count * bytesPerBody;
    rows.push({
      bench: 'chain',
      scale: `${scale}× ${count} bodies, ${result.files} files`,
      figure: `${mbPerSecond(bytes, result.seconds)}, ${Math.round(count / result.seconds)}/s`,
      floor: mbPerSecond(floorRate, 1),
      ratio: bytes / result.seconds / floorRate,
      peakBytes: result.peakBytes,
      broken: [],
    });
  }
  return rows;
}
