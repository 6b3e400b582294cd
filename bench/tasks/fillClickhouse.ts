import { systemClock } from '../../engine/clock.js';
import { openLog } from '../../engine/log.js';
import { migrateClickHouse } from '../../stores/clickhouse/migrate.js';
import { openClickHouseStore } from '../../stores/clickhouse/open.js';
import type { ClickHouseOptions } from '../../stores/clickhouse/options.js';
import { encodedRecords } from '../records.js';

const BATCH = 5_000;

/** Fills an archive in ClickHouse with so many records of a code, as a topic brings them: each with its position. */
export async function run(args: {
  archive: ClickHouseOptions;
  code: string;
  records: number;
  acceptedAt: number;
}): Promise<object> {
  await migrateClickHouse(args.archive, systemClock.now());
  const store = await openClickHouseStore({
    ...args.archive,
    clock: systemClock,
    log: openLog({ level: 'warn' }),
  });
  const records = encodedRecords();
  const { acceptedAt } = args;
  let bytesWritten = 0;
  for (let first = 0; first < args.records; first += BATCH) {
    const commits = Array.from({ length: Math.min(BATCH, args.records - first) }, (_, index) => {
      const position = first + index;
      const bytes = records[position % records.length]!;
      bytesWritten += bytes.byteLength + 1;
      const record = { kind: 'KH' as const, code: args.code, bytes, position, acceptedAt };
      return store.commit([(transaction) => void transaction.append(record)]);
    });
    await Promise.all(commits);
  }
  await store.close();
  return { bytes: bytesWritten };
}
