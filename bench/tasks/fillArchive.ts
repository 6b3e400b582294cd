import { SimulatedClock, systemClock } from '../../engine/clock.js';
import { openLog } from '../../engine/log.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { encodedRecords } from '../records.js';

const BATCH = 500;

/** Fills an archive with so many bytes of records for each code. */
export async function run({ path, codes }: { path: string; codes: Record<string, number> }): Promise<object> {
  const store = await openSqliteStore({
    path,
    clock: new SimulatedClock(systemClock.now() - 2 * 3_600_000),
    log: openLog({ level: 'warn' }),
  });
  const records = encodedRecords();
  let index = 0;
  for (const [code, bytesWanted] of Object.entries(codes)) {
    for (let bytes = 0; bytes < bytesWanted; ) {
      const effects = [];
      for (let taken = 0; taken < BATCH && bytes < bytesWanted; taken += 1) {
        const record = records[index % records.length]!;
        index += 1;
        bytes += record.byteLength + 1;
        effects.push(
          (transaction: { append(record: object): number }) =>
            void transaction.append({ kind: 'KH', code, bytes: record }),
        );
      }
      await store.commit(effects as Parameters<typeof store.commit>[0]);
    }
  }
  await store.close();
  return { records: index };
}
