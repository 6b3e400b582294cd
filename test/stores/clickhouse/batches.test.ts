import t from 'tap';
import { IovError } from '../../../contract/error.js';
import { Batches } from '../../../stores/clickhouse/batches.js';
import { recordRow } from '../../../stores/clickhouse/recordRow.js';
import { newRecord } from '../../support/testStore.js';
import { within } from '../../support/within.js';

const rows = [recordRow(newRecord('{}'), 1, 1)];
/** Each record is a batch of its own, and goes at once. */
const bounds = { batchRecordsMax: 1, batchBytesMax: 1_000, batchDelayMs: 60_000 };
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

t.test('a flush waits for what is there, however much comes meanwhile', async (t) => {
  let isOver = false;
  t.teardown(() => {
    isOver = true;
  });
  const batches: Batches = new Batches(bounds, async () => {
    await turn();
    if (!isOver) void batches.add(rows); // before this one has arrived
  });
  const arrived = ['first', 'second', 'third'].map((name) => batches.add(rows).then(() => name));
  await within(30_000, 'the flush', batches.flush());
  t.same(await Promise.race([Promise.all(arrived), turn()]), ['first', 'second', 'third']);
});

t.test('a flush sends what waits for others, and what has failed is told to whoever added it', async (t) => {
  let inserts = 0;
  const batches = new Batches({ ...bounds, batchRecordsMax: 10 }, async () => {
    inserts += 1;
    throw new IovError('STORE_FAILED', 'the server is away');
  });
  const added = batches.add(rows);
  await batches.flush();
  t.equal(inserts, 1);
  await t.rejects(added, { code: 'STORE_FAILED' });
});
