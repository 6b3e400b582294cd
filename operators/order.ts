import { defineOperator } from '../contract/component.js';
import { oneLine } from '../contract/oneLine.js';
import { Type } from '../contract/schema.js';
import type { JsonObject } from '../contract/tags.js';

export const spec = defineOperator({
  name: 'order',
  summary: 'Encodes a record once, its fields in the order of the table; from here on it is bytes.',
  description:
    'UTF-8 without BOM, one JSON object (6.2.1.2 b, 6.2.2.2 b). What is archived and exported later are these bytes.',
  sections: ['6.2.1.2', '6.2.2.2'],
  takes: ['message', 'record'],
  gives: 'bytes',
  options: Type.Object(
    {
      table: Type.Integer({ minimum: 1, maximum: 12, description: 'Number of the table.', examples: [12] }),
      omit: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
        default: [],
        maxItems: 100,
        description: 'Fields to leave out: `Auth` of table 10 (6.2.2.2 b: 不含认证信息).',
      }),
      inapplicable: Type.Union([Type.Literal('omit'), Type.Literal('empty')], {
        default: 'omit',
        description: 'A conditional field that does not apply is left out, or written as an empty text.',
      }),
    },
    { additionalProperties: false },
  ),
  examples: [
    { title: 'Accounts', yaml: 'table: 12' },
    { title: 'Vehicles, as the CL files want them', yaml: 'table: 10\nomit: [Auth]' },
    {
      title: 'Answers',
      yaml: 'table: 9',
      input: [{ OprRst: '1', RequestID: 'R1' }],
      output: ['{"RequestID":"R1","OprRst":"1"}'],
    },
  ],
  async create({ table, omit, inapplicable }, { site }) {
    const { compileSerializer } = await import('../notice/serializer.js');
    const { tableOf } = await import('../notice/tables/index.js');
    const serialize = compileSerializer(tableOf(table, site.tables), { omit, inapplicable });
    return {
      transform: (item) => [{ ...item, value: oneLine(serialize(item.value as JsonObject)) }],
    };
  },
});
