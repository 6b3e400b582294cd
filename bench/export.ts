import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure } from './measure.js';
import { mbPerSecond, type Row } from './report.js';
import type { Server } from './site.js';

/** Text of a window at 1×: as many full files as are packed at once on two cores, and a little. */
const UNIT_BYTES = 300_000_000;

interface Result {
  seconds: number;
  files: number;
  records: number;
}

/** Archive → delivered to a real OpenSSH, beside deflate and SM4 in a plain loop; peak memory at each scale. */
export async function exportBench(server: Server, scales: readonly number[]): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-bench-'));
  try {
    const codes = Object.fromEntries(scales.map((scale) => [`S${scale}`, scale * UNIT_BYTES]));
    await measure('fillArchive', { path: join(folder, 'archive.db'), codes });
    const floor = await measure<{ seconds: number; textBytes: number }>('floor', {
      kind: 'export',
      amount: UNIT_BYTES,
    });
    const floorRate = floor.textBytes / floor.seconds;
    const rows: Row[] = [];
    for (const scale of scales) {
      const bytes = scale * UNIT_BYTES;
      const result = await measure<Result>('exportRun', { folder, server, code: `S${scale}` });
      rows.push({
        bench: 'export',
        scale: `${scale}× ${bytes / 1e6} MB, ${result.files} files`,
        figure: mbPerSecond(bytes, result.seconds),
        floor: mbPerSecond(floorRate, 1),
        ratio: bytes / result.seconds / floorRate,
        peakBytes: result.peakBytes,
        broken: [],
      });
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
