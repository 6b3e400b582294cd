import { defineOperator } from '../contract/component.js';
import { IovError } from '../contract/error.js';
import { Type } from '../contract/schema.js';

export const spec = defineOperator({
  name: 'validate',
  summary: 'Refuses a record that does not keep to its table, and names each fault.',
  description:
    'Structure, conditions, codes and times are those of the table, with the overrides of the site. Warnings are logged by field and rule, never by value.',
  sections: ['6.1.1.1', '6.1.2.1', '6.2.1.3'],
  takes: ['message', 'record'],
  gives: 'same',
  options: Type.Object(
    {
      table: Type.Integer({ minimum: 1, maximum: 12, description: 'Number of the table.', examples: [8, 12] }),
      codes: Type.Union([Type.Literal('reject'), Type.Literal('warn'), Type.Literal('pass')], {
        default: 'warn',
        description: 'What a code gets that the site’s code table (A.1 to A.6) does not list.',
      }),
      checks: Type.Union([Type.Literal('reject'), Type.Literal('warn'), Type.Literal('off')], {
        default: 'warn',
        description:
          'What a finding of the domain checks gets: ID number, credit code, VIN, ICCID, IMSI, MSISDN, plate, fields that contradict one another.',
      }),
      unknown: Type.Union([Type.Literal('reject'), Type.Literal('warn')], {
        default: 'reject',
        description: 'What a field gets that the table does not have.',
      }),
      stringMax: Type.Integer({ default: 1000, minimum: 1, maximum: 1_000_000, description: 'Characters of a text.' }),
      listMax: Type.Integer({ default: 10_000, minimum: 1, maximum: 1_000_000, description: 'Entries of a list.' }),
    },
    { additionalProperties: false },
  ),
  examples: [
    { title: 'What a car maker sent', yaml: 'table: 8' },
    { title: 'Strict, before it goes to the regulator', yaml: 'table: 12\ncodes: reject\nchecks: reject' },
    {
      title: 'Answers',
      yaml: 'table: 9',
      input: [{ RequestID: 'R1', OprRst: '1' }],
      output: [{ RequestID: 'R1', OprRst: '1' }],
    },
  ],
  async create({ table, ...options }, { site, log, pipeline, place }) {
    const { compileValidator } = await import('../notice/validator.js');
    const { resolveCodeTables } = await import('../notice/codes/index.js');
    const { tableOf } = await import('../notice/tables/index.js');
    const check = compileValidator(tableOf(table, site.tables), {
      ...options,
      codeTables: resolveCodeTables(site.codes),
    });
    return {
      transform(item) {
        const { faults, warnings } = check(item.value);
        if (faults.length > 0)
          throw new IovError('RECORD_INVALID', `the record does not keep to table ${table}`, { faults });
        if (warnings.length > 0) {
          const fields = warnings.map(({ field, rule }) => `${field}: ${rule}`);
          log.warn({ pipeline, place, origin: item.origin, fields }, `the record is doubtful by table ${table}`);
        }
        return [item];
      },
    };
  },
});
