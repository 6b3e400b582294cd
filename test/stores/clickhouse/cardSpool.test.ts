import { join } from 'node:path';
import t from 'tap';
import { CardSpool } from '../../../stores/clickhouse/cardSpool.js';
import { openDatabase } from '../../../stores/sqlite/database.js';
import { migrate } from '../../../stores/sqlite/schema.js';

t.test('of two purges at once neither forgets a card that went while the other was under way', async (t) => {
  const path = join(t.testdir({}), 'ledger.db');
  const database = await openDatabase(path, false);
  t.teardown(() => database.close());
  migrate(database, path, false);
  const spool = new CardSpool(database);
  const given = () => spool.goneAfter(0, 10).map(({ iccid }) => iccid);
  for (const iccid of ['1', '2']) spool.gone(iccid);
  const asked = spool.goneAfter(0, 10);
  const last = asked.at(-1)?.id ?? 0;
  t.same(given(), ['1', '2']);
  spool.forgetGone(last); // the other purge has been quicker
  spool.gone('3');
  spool.forgetGone(last);
  t.same(given(), ['3'], 'a number is never given again');
});

t.test('a card whose changes are still on their way is not asked for, nor any behind it', async (t) => {
  const path = join(t.testdir({}), 'ledger.db');
  const database = await openDatabase(path, false);
  t.teardown(() => database.close());
  migrate(database, path, false);
  const spool = new CardSpool(database);
  spool.gone('1');
  spool.putSide('2', 'card', { fields: {}, tags: {} }, 1);
  for (const iccid of ['2', '3']) spool.gone(iccid);
  t.same(
    spool.goneAfter(0, 10).map(({ iccid }) => iccid),
    ['1'],
  );
});
