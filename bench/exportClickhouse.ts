import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClickHouseOptions } from '../stores/clickhouse/options.js';
import { archiveAt, startClickHouse } from '../test/support/clickhouse.js';
import { type Exported, exportFloor, exportRow } from './export.js';
import { measure, writtenOut } from './measure.js';
import type { Row } from './report.js';
import type { Server } from './site.js';

/**
 * Archive in ClickHouse → delivered to a real OpenSSH, beside deflate and SM4 in a plain loop. The server works on the same
 * machine, and what it takes counts against us.
 */
export async function exportClickHouseBench(server: Server, counts: readonly number[]): Promise<Row[]> {
  const clickHouse = await startClickHouse();
  if (!clickHouse) throw new Error('needs clickhouse-server');
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
    const { bytes } = await measure<{ bytes: number }>('fillClickhouse', {
      archive,
      code,
      records,
      acceptedAt: Date.now() - 2 * 3_600_000, // before the hour at which the window ends
    });
    writtenOut();
    const floor = await exportFloor(bytes);
    const own = { clickhouse: { ...archive, ledger: 'ledger.db' } };
    const result = await measure<Exported>('exportRun', { folder, server, code, archive: own });
    const row = exportRow({ bench: 'export-clickhouse', scale: `${records} records,`, bytes, floor, result });
    return { ...row, broken: result.records === records ? [] : [`${result.records} of ${records} records`] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
