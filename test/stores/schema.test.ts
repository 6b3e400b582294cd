import t from 'tap';
import { openDatabase } from '../../stores/sqlite/database.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { append, newRecord, testStore } from '../support/testStore.js';

t.test('an archive of four steps gets the indexes that a new one has', async (t) => {
  const { store, path, clock, log } = await testStore(t);
  await append(store, newRecord('before'));
  await store.close();
  const indexes = async () => {
    const database = await openDatabase(path, true);
    const query = `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`;
    const found = database.prepare<[], { name: string; sql: string }>(query).all();
    database.close();
    return found.map(({ name, sql }) => ({ name, sql: sql.replace(/\s+/g, ' ') }));
  };
  const made = await indexes();
  t.ok(made.some(({ name }) => name === 'due_files_expired'));
  const database = await openDatabase(path, false);
  database.exec(`
    DROP INDEX due_files_expired;
    DROP INDEX due_files_by_term;
    DROP TABLE sent;
    DROP TABLE card_changes;
    DROP TABLE cards_gone;
    DROP TABLE card_claim;
    DROP TABLE elsewhere;
    DROP TABLE nodes;
    ALTER TABLE windows DROP COLUMN reopened_at;
    ALTER TABLE files DROP COLUMN steps;
    ALTER TABLE purges DROP COLUMN positions;
    ALTER TABLE purges DROP COLUMN aside_files;
    PRAGMA user_version = 4;
  `);
  database.close();
  const again = await openSqliteStore({ path, clock, log });
  t.equal(again.status().records[0]?.count, 1);
  await again.close();
  t.same(await indexes(), made);
});
