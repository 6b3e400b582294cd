import t from 'tap';
import { readSizes } from '../../../stores/clickhouse/rowBinary.js';
import { ClickHouseServer } from '../../../stores/clickhouse/server.js';
import { sql } from '../../../stores/clickhouse/sql.js';
import { archiveAt, startClickHouse } from '../../support/clickhouse.js';

const server = await startClickHouse();
if (server) t.teardown(() => server.stop());

t.test(
  'a query that fails in the middle gives its failure, and no rows',
  { skip: !server && 'no ClickHouse' },
  async (t) => {
    const asked = await ClickHouseServer.create(archiveAt(server?.url ?? '', 'ledger.db'));
    t.teardown(() => asked.close());
    // throws far behind the first rows, which a server sends as soon as it has some
    const late = sql`SELECT number, toUInt32(throwIf(number >= 3000000)) FROM system.numbers LIMIT 4000000 FORMAT RowBinary`;
    await t.rejects(asked.bytes('planning a window', late), { code: 'STORE_FAILED' });
    const whole = sql`SELECT number, toUInt32(7) FROM system.numbers LIMIT 3 FORMAT RowBinary`;
    t.same([...readSizes(await asked.bytes('planning a window', whole)).positions], [0, 1, 2]);
  },
);

t.test('what is not whole rows is not read', async (t) => {
  for (const length of [1, 13, 35])
    t.throws(() => readSizes(Buffer.alloc(length)), { code: 'STORE_FAILED', message: /rows of 12 bytes/ });
  t.equal(readSizes(Buffer.alloc(0)).positions.length, 0);
});
