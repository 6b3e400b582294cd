import { join } from 'node:path';
import t, { type Test } from 'tap';
import { IovError } from '../../../contract/error.js';
import { Shipper } from '../../../stores/clickhouse/shipper.js';
import { recordQueue, Spool } from '../../../stores/clickhouse/spool.js';
import { openDatabase } from '../../../stores/sqlite/database.js';
import { migrate } from '../../../stores/sqlite/schema.js';
import { keptLog } from '../../support/bareContext.js';
import { newRecord } from '../../support/testStore.js';
import { until } from '../../support/until.js';
import { within } from '../../support/within.js';

/** A spool of its own, and what ships it to nowhere; `commit` may fail. */
async function shipping(t: Test, batchDelayMs: number, committing: () => void = () => undefined) {
  const path = join(t.testdir({}), 'ledger.db');
  const database = await openDatabase(path, false);
  t.teardown(() => database.close());
  migrate(database, path, false);
  const spool = new Spool(database, 1_000);
  const log = keptLog();
  const inserted: number[] = [];
  const positionOf = async (seq: number) => {
    inserted.push(seq);
    return seq;
  };
  const begin = () => {
    const shipper = new Shipper({
      queues: [recordQueue(spool, { positionOf, insert: async () => undefined })],
      log,
      bounds: { batchRecordsMax: 10, batchBytesMax: 1_000, batchDelayMs },
      commit: async (work) => {
        database.transaction(() => {
          work();
          committing();
        })();
      },
    });
    t.teardown(() => shipper.close());
    return shipper;
  };
  return { spool, log, inserted, begin };
}

t.test('what has arrived and could not be taken from the spool is taken by itself, soon after', async (t) => {
  let commits = 0;
  const { spool, log, inserted, begin } = await shipping(t, 1, () => {
    commits += 1;
    if (commits === 2) throw new IovError('STORE_FAILED', 'the disk of the ledger is full');
  });
  for (const text of ['one', 'two']) spool.append(newRecord(text), 1);
  begin();
  await until('all is well', () => log.lines.length === 2);
  t.same(
    log.lines.map(({ message }) => message),
    ['records wait in the ledger: the disk of the ledger is full', 'ClickHouse takes records again'],
  );
  t.same(inserted, [1, 2, 1, 2], 'each at its own position');
  t.equal(spool.lastHeldBefore(2), undefined);
});

t.test('a record that waits for others goes at once when somebody waits for it', async (t) => {
  const { spool, begin } = await shipping(t, 60_000);
  spool.append(newRecord('one'), 1);
  const shipper = begin();
  await until('the first has left', () => spool.count === 0);
  spool.append(newRecord('two'), 1);
  await within(
    30_000,
    'the second',
    shipper.shipped(() => spool.hasLeft(2), 30_000),
  );
  t.equal(spool.count, 0);
  spool.append(newRecord('three'), 1);
  await within(30_000, 'the end', shipper.close());
  t.equal(spool.lastHeldBefore(2), undefined, 'nothing is left to the next start');
});

t.test('whoever waits hears of what another process has brought there, though nothing is left to ship', async (t) => {
  const { spool, begin, inserted } = await shipping(t, 200);
  spool.append(newRecord('one'), 1);
  const shipper = begin();
  await until('it rests', () => inserted.length === 1 && spool.lastHeldBefore(2) === undefined);
  let hasLeft = false;
  const waits = shipper.arrived(() => hasLeft);
  hasLeft = true; // by another hand, while it rests
  await within(5_000, 'the arrival', waits);
  t.same(inserted, [1]);
});
