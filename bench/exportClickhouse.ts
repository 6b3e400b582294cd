import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClickHouseOptions } from '../stores/clickhouse/options.js';
import { archiveAt, startClickHouse } from '../test/support/clickhouse.js';
import { measure } from './measure.js';
import { mbPerSecond, type Row } from './report.js';
import type { Server } from './site.js';

const BENCH = 'export-clickhouse';

interface Result {
  seconds: number;
  files: number;
  records: number;
}

/**
 * Archive in ClickHouse → delivered to a real OpenSSH, beside deflate and SM4 in a plain loop. The server works on the same
 * machine, and what it takes counts against us.
 */
export async function exportClickHouseBench(server: Server, counts: readonly number[]): Promise<Row[]> {
  const clickHouse = await startClickHouse();
  if (!clickHouse) return [{ bench: BENCH, scale: '', figure: '', floor: '', broken: ['needs clickhouse-server'] }];
  const rows: Row[] = [];
  try {
    for (const records of counts) rows.push(await exportOf(server, clickHouse.url, records));
    return rows;
  } finally {
    await clickHouse.stop();
  }
}

async function exportOf(server: Server, url: string, records: number): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-bench-'));
  try {
    const database = `bench_${records}`;
    const archive: ClickHouseOptions = archiveAt(url, join(folder, 'filling.db'), { database, batchDelayMs: 50 });
    const code = `R${records}`;
    const { bytes } = await measure<{ bytes: number }>('fillClickhouse', { archive, code, records });
    const floor = await measure<{ seconds: number; textBytes: number }>('floor', { kind: 'export', amount: bytes });
    const own = { clickhouse: { ...archive, ledger: 'ledger.db' } };
    const result = await measure<Result>('exportRun', { folder, server, code, archive: own });
    const floorRate = floor.textBytes / floor.seconds;
    const wrong = result.records === records ? [] : [`${result.records} of ${records} records`];
    return {
      bench: BENCH,
      scale: `${records} records, ${Math.round(bytes / 1e6)} MB, ${result.files} files`,
      figure: mbPerSecond(bytes, result.seconds),
      floor: mbPerSecond(floorRate, 1),
      ratio: bytes / result.seconds / floorRate,
      peakBytes: result.peakBytes,
      broken: wrong,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
