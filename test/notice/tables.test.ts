import t from 'tap';
import { FAILURES } from '../../notice/failure.js';
import type { Condition, Field } from '../../notice/table.js';
import { tableOf, tables } from '../../notice/tables/index.js';

// Counted in the notice.
const FIELDS: Readonly<Record<number, number>> = {
  1: 4,
  2: 2,
  3: 3,
  4: 0,
  5: 4,
  6: 2,
  7: 5,
  8: 31,
  9: 3,
  10: 4,
  11: 22,
  12: 79,
};

const all = Object.values(tables);

function namesIn(condition: Condition | undefined): readonly string[] {
  if (condition === undefined || typeof condition === 'string') return [];
  return 'anyOf' in condition ? condition.anyOf : [condition.field];
}

t.test('all twelve tables have as many fields as in the notice, numbered without a gap, each name once', async (t) => {
  for (const table of all) {
    t.equal(table.fields.length, FIELDS[table.number], `table ${table.number}`);
    t.same(
      table.fields.map((field) => field.number),
      table.fields.map((_, at) => at + 1),
    );
    t.equal(new Set(table.fields.map((field) => field.name)).size, table.fields.length);
  }
  t.same(
    all.map((table) => table.number),
    Object.keys(FIELDS).map(Number),
  );
  t.same(
    tables[4]!.codes?.map((row) => row.code),
    Object.keys(FAILURES),
  );
});

t.test('odd spellings are kept to the letter', async (t) => {
  const names = (number: number) => tables[number]!.fields.map((field) => field.name);
  t.ok(names(2).includes('SignNature'));
  t.ok(names(8).includes('CustomerCertNumber'));
  t.ok(names(11).includes('VehicleLogginAddress'));
  t.same(
    ['CustomerCertNmuber', 'LogginginAddress', 'IndividualUserOperatorCertNum', 'EndCompanyCompanyName'].filter(
      (name) => !names(12).includes(name),
    ),
    [],
  );
  t.equal(names(12)[60], 'EndOperatorTelephone');
});

t.test('a field is conditional exactly if it has a condition, and what it refers to is in its table', async (t) => {
  for (const { number, fields } of all) {
    const byName = new Map(fields.map((field) => [field.name, field]));
    for (const field of fields) {
      const place = `${number}.${field.name}`;
      t.equal(field.presence === 'C', field.condition !== undefined, place);
      for (const name of namesIn(field.condition)) t.ok(byName.has(name), `${place} depends on ${name}`);
      for (const check of field.checks ?? []) {
        if (check.with) t.ok(byName.has(check.with), `${place} is compared with ${check.with}`);
        if (check.when)
          t.ok(byName.get(check.when.field)?.codeTable === check.when.codeTable, `${place} is checked by type`);
      }
      if (typeof field.condition === 'object' && 'field' in field.condition) {
        const codes = Object.keys(byName.get(field.condition.field)?.values ?? {});
        for (const code of field.condition.in) t.ok(codes.includes(code), `${place} asks for a code that exists`);
      }
      t.equal(field.type === 'array', field.items !== undefined, `${place} is a list of something`);
    }
  }
});

t.test('a site renames a field, and conditions and checks follow it', async (t) => {
  const table = tableOf(12, {
    12: {
      CustomerType: { name: 'UserType' },
      BasicOperator: { name: 'Carrier' },
      CustomerCertType: { name: 'CertType' },
    },
  });
  const field = (name: string): Field => table.fields.find((candidate) => candidate.name === name)!;
  t.same(field('EndCompanyCompanyName').condition, { field: 'UserType', in: ['2'] });
  t.equal(field('IMSI').checks?.[1]?.with, 'Carrier');
  t.equal(field('CustomerCertNmuber').checks?.[0]?.when?.field, 'CertType');
  t.equal(table.fields[43]!.name, 'UserType', 'the order stays');
  t.equal(tables[12]!.fields[43]!.name, 'CustomerType', 'the table itself stays');
});

t.test('a site renames a field inside Auth', async (t) => {
  const auth = tableOf(7, { 2: { SignNature: { name: 'Signature' } } }).fields[1]!.inside!;
  t.same(
    auth.fields.map((field) => field.name),
    ['PlatformID', 'Signature'],
  );
});

t.test('a site changes presence: no condition outlives C, and none means when it can be had', async (t) => {
  const changed = tableOf(12, { 12: { NodeCode: { presence: 'O' }, StaffID: { presence: 'C' } } });
  t.match(changed.fields[18], { name: 'NodeCode', presence: 'O', condition: undefined });
  t.match(changed.fields[20], { name: 'StaffID', presence: 'C', condition: 'known' });
});

t.test('an override that cannot be meant is refused', async (t) => {
  const refuse = (overrides: Parameters<typeof tableOf>[1], number = 8) =>
    t.throws(() => tableOf(number, overrides), { code: 'CONFIG_INVALID' });
  refuse({ 8: { CustomerNam: { name: 'Name' } } });
  refuse({ 8: { CustomerName: { name: 'MSISDN' } } });
  refuse({ 8: { CustomerName: { name: '__proto__' } } });
  refuse({ 8: { CustomerName: { name: 'toString' } } });
  refuse({}, 13);
});
