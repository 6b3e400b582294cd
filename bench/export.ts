import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure, writtenOut } from './measure.js';
import { mbPerSecond, type Row } from './report.js';
import type { Server } from './site.js';

/** Text of a window at 1×: as many full files as are packed at once on two cores, and a little. */
const UNIT_BYTES = 300_000_000;

/** What it was delivered with, and beside what. */
interface Measured {
  bench: string;
  scale: string;
  /** Text of the window. */
  bytes: number;
  floor: Floor;
  result: Exported & { peakBytes: number };
}

interface Floor {
  seconds: number;
  textBytes: number;
}

/** Of the task `exportRun`. */
export interface Exported {
  seconds: number;
  files: number;
  records: number;
}

/** Deflate and SM4 in a plain loop over that much text. */
export const exportFloor = (amount: number) => measure<Floor>('floor', { kind: 'export', amount });

export function exportRow({ bench, scale, bytes, floor, result }: Measured): Row {
  const floorRate = floor.textBytes / floor.seconds;
  return {
    bench,
    scale: `${scale} ${Math.round(bytes / 1e6)} MB, ${result.files} files`,
    figure: mbPerSecond(bytes, result.seconds),
    floor: mbPerSecond(floorRate, 1),
    ratio: bytes / result.seconds / floorRate,
    peakBytes: result.peakBytes,
    broken: [],
  };
}

/** Archive → delivered to a real OpenSSH, beside deflate and SM4 in a plain loop; peak memory at each scale. */
export async function exportBench(server: Server, scales: readonly number[]): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-bench-'));
  try {
    const codes = Object.fromEntries(scales.map((scale) => [`S${scale}`, scale * UNIT_BYTES]));
    await measure('fillArchive', { path: join(folder, 'archive.db'), codes });
    writtenOut();
    const rows: Row[] = [];
    for (const scale of scales) {
      const bytes = scale * UNIT_BYTES;
      const floor = await exportFloor(UNIT_BYTES);
      const result = await measure<Exported>('exportRun', { folder, server, code: `S${scale}` });
      rows.push(exportRow({ bench: 'export', scale: `${scale}×`, bytes, floor, result }));
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
