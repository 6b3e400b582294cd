import { Ajv } from 'ajv';
import t from 'tap';
import { type Bounds, tableSchema } from '../../notice/schema.js';
import { tables } from '../../notice/tables/index.js';

const BOUNDS: readonly Bounds[] = [true, false].map((inferred) => ({ stringMax: 1_000, listMax: 10_000, inferred }));

t.test('every table makes a schema as JSON Schema has it, which is not asked again at each start', async (t) => {
  const ajv = new Ajv({ strict: true, allowUnionTypes: true, logger: false });
  for (const table of Object.values(tables)) {
    for (const bounds of BOUNDS) {
      const isOne = ajv.validateSchema(tableSchema(table, bounds));
      t.ok(isOne, `table ${table.number}`, { errors: ajv.errors });
    }
  }
  t.notOk(ajv.validateSchema({ type: 'text' }), 'control');
});
