import { writeSite } from '../../demo/site.js';
import type { ClickHouseOptions } from '../../stores/clickhouse/options.js';
import { accountRecords } from './filledArchive.js';

const KEY = '0123456789abcdeffedcba9876543210';
export const regulator = {
  platformId: 'MIIT',
  password: 'test-password',
  codes: [],
  cipher: { name: 'sm4-cbc' as const, key: KEY, iv: 'prefix' as const, encoding: 'base64' as const },
};

/** A folder with accounts in a file, a pipeline that archives them, and two that deliver windows to `upload`. */
export function archiveSite(
  folder: string,
  {
    archive,
    seed,
    accounts,
    bytesMax,
  }: { archive: ClickHouseOptions | undefined; seed: number; accounts: number; bytesMax: number },
): { path: string; accounts: string[] } {
  const records = accountRecords(seed, 0, accounts);
  const kept = archive
    ? `clickhouse: ${JSON.stringify({ ...archive, ledger: 'var/ledger.db' })}`
    : 'sqlite: { path: var/archive.db }';
  const delivers = (window: string, type: string) => `
    schedule: manual
    source: { archive: { kind: KH, window: ${window}, stretchRecordsMax: 100 } }
    operators:
      - split: { bytesMax: ${bytesMax}, name: "KH_{code}_{cutoff}_${type}_{seq}" }
      - zip: { level: 6 }
      - encrypt: { peer: regulator }
    sink: { directory: { directory: upload } }`;
  const pipeline = `timezone: Asia/Shanghai
peers: \${file:peers.yaml}
archive: { ${kept} }
pipelines:
  in:
    schedule: manual
    source: { file: { path: records.ndjson, inFlightMax: 50, positionEvery: 20 } }
    operators:
      - order: { table: 12 }
    sink: { archive: { kind: KH, code: "0002" } }
  daily:${delivers('day', 'P')}
  monthly:${delivers('month', 'F')}
`;
  const files = {
    'records.ndjson': records.map(({ bytes }) => `${Buffer.from(bytes)}\n`).join(''),
  };
  const path = writeSite({ folder, pipeline, peers: { regulator }, secrets: {}, files });
  return { path, accounts: records.map(({ iccid }) => iccid) };
}
