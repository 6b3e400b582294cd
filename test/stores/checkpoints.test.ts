import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Seal } from '../../contract/seal.js';
import { systemClock } from '../../engine/clock.js';
import { Checkpoints } from '../../stores/sqlite/checkpoints.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const MS = 60_000;
const RECORDS = 3_000;
/** So many are changed before the log is folded in. */
const ROWS = 2_000;
const RECORD_BYTES = 2_000;
/** Far fewer pages than after which a COMMIT folds the log in. */
const BYTES = RECORDS * RECORD_BYTES;

async function opened(t: Test, seal?: Seal) {
  const path = join(t.testdir(), 'archive.db');
  const store = await openSqliteStore({ path, clock: systemClock, log: keptLog(), ...(seal && { seal }) });
  t.teardown(() => store.close());
  const fill = (records = RECORDS) =>
    Promise.all(
      Array.from({ length: records }, (_, at) =>
        store.commit([
          (transaction) =>
            void transaction.append({ kind: 'KH', code: '0002', iccid: `${at}`, bytes: randomBytes(RECORD_BYTES) }),
        ]),
      ),
    );
  const logBytes = () => (existsSync(`${path}-wal`) ? statSync(`${path}-wal`).size : 0);
  return { path, store, fill, logBytes };
}

for (const seal of [undefined, { cipher: 'aegis', key: randomBytes(32).toString('hex') }] satisfies (
  | Seal
  | undefined
)[])
  t.test(`the log is folded into the file${seal ? ', also a sealed one' : ''}, while nobody commits`, async (t) => {
    const { path, store, fill, logBytes } = await opened(t, seal);
    await fill();
    await until('the file has the records', () => statSync(path).size > BYTES / 2, { ms: MS });
    t.ok(logBytes() > BYTES / 2, 'which no COMMIT has folded in');
    await fill();
    await store.close();
    t.notOk(existsSync(`${path}-wal`), 'nobody has it open any longer');
    const again = await openSqliteStore({ path, clock: systemClock, log: keptLog(), ...(seal && { seal }) });
    t.teardown(() => again.close());
    t.equal(again.status().records[0]?.count, 2 * RECORDS);
  });

t.test('the log begins anew however long it is written without a pause', async (t) => {
  const { fill, logBytes } = await opened(t);
  for (let written = 0; written < 200_000_000; written += 8 * BYTES) await fill(8 * RECORDS);
  t.ok(logBytes() < 130_000_000, `${logBytes()} bytes`);
});

t.test('a purge that ends while the log is folded in waits for that, and cuts the log to nothing', async (t) => {
  const { store, fill, logBytes } = await opened(t);
  for (let purge = 0; purge < 10; purge += 1) {
    const id = await store.purges.begin(0);
    await fill(ROWS); // with the last of them it is time to fold the log in
    t.ok(await store.purges.end(id, 0, false));
    t.equal(logBytes(), 0);
  }
});

t.test('where the thread cannot open the file, nobody waits for it', async (t) => {
  const checkpoints = new Checkpoints(join(t.testdir({ 'archive.db': 'no database' }), 'archive.db'), undefined);
  checkpoints.changed(10_000);
  await within(MS, 'it has ended', checkpoints.settled());
  checkpoints.changed(20_000);
  await within(MS, 'nothing more begins', checkpoints.settled());
  await within(MS, 'the end', checkpoints.close());
});
