import fc from 'fast-check';
import t from 'tap';
import type { JsonObject } from '../../contract/tags.js';
import { compileSerializer } from '../../notice/serializer.js';
import type { Table } from '../../notice/table.js';
import { tableOf, tables } from '../../notice/tables/index.js';
import { agent, cardRecord, companyRegistration, goodRecords, registration, vehicle } from '../support/records.js';

const SEED = 20221116;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const keys = (bytes: Uint8Array): string[] => Object.keys(JSON.parse(text(bytes)));

/** The plain way: a copy in the order of the table, through JSON.stringify. */
function reference(table: Table, record: JsonObject): string {
  const copy: JsonObject = {};
  for (const { name, inside } of table.fields) {
    const value = record[name];
    copy[name] = inside ? JSON.parse(reference(inside, value as JsonObject)) : value;
  }
  return JSON.stringify(copy);
}

t.test('a record is written in the order of its table, whatever order it came in', async (t) => {
  for (const table of Object.values(tables)) {
    if (table.fields.length === 0) continue;
    const record = goodRecords[table.number]!();
    const reversed = Object.fromEntries(Object.entries(record).reverse());
    const written = text(compileSerializer(table)(reversed));
    t.equal(written, reference(table, record), `table ${table.number}`);
    t.same(JSON.parse(written), record);
  }
});

t.test('Auth is written in the order of its own table, and left out of a CL record', async (t) => {
  const message = { ...goodRecords[10]!(), Auth: { SignNature: 'b', PlatformID: 'a' } };
  t.match(text(compileSerializer(tableOf(10))(message)), /^{"Auth":{"PlatformID":"a","SignNature":"b"},"RequestID"/);
  const withoutAuth = compileSerializer(tableOf(10), { omit: ['Auth'] });
  t.same(keys(withoutAuth(message)), ['RequestID', 'Code', 'EncryptCarInfo']);
  t.equal(
    text(withoutAuth({ ...message, EncryptCarInfo: 'q83v' })),
    '{"RequestID":"R1","Code":"LSV1","EncryptCarInfo":"q83v"}',
  );
});

t.test('what does not apply is left out, or empty', async (t) => {
  const idle = { ...cardRecord(), Voice: '0', CompanyName: '', EndCompanyCompanyName: '某某', OtherField: '1' };
  const left = keys(compileSerializer(tableOf(12))(idle));
  for (const name of [
    'VoiceLimType',
    'VoiceDirNum',
    'VoiceDirList',
    'CompanyName',
    'EndCompanyCompanyName',
    'OtherField',
  ]) {
    t.notOk(left.includes(name), name);
  }
  const full = compileSerializer(tableOf(12), { inapplicable: 'empty' });
  const written = JSON.parse(text(full(idle)));
  t.equal(Object.keys(written).length, 78, 'every field but ExtendPara, which is optional');
  t.equal(written.VoiceDirList, '');
  t.equal(written.EndCompanyCompanyName, '');
  t.equal(written.DataLimType, '2');
});

t.test('what applies, and what is inferred or known only, stays', async (t) => {
  const company = { ...companyRegistration(), ...agent(), CustomerPosterAddress: '北京市', PhoName: '1xcz.zip' };
  t.same(JSON.parse(text(compileSerializer(tableOf(8))(company))), company);
  const odd = { ...vehicle(), FuelType: '3' };
  t.equal(JSON.parse(text(compileSerializer(tableOf(11))(odd))).EngineNum, 'CST123456');
});

t.test('the record given is not changed', async (t) => {
  const record = { ...registration(), CompanyName: '' };
  const before = structuredClone(record);
  compileSerializer(tableOf(8))(record);
  compileSerializer(tableOf(8), { inapplicable: 'empty' })(record);
  t.same(record, before);
});

t.test('any text is written as JSON.stringify writes it', async (t) => {
  const table = tableOf(12);
  const serialize = compileSerializer(table);
  const names = table.fields
    .filter((field) => field.type === 'string' && field.presence === 'M')
    .map((field) => field.name);
  // Lone surrogates, quotes, backslashes, control characters, line separators, pairs, long plain stretches.
  const unit = fc.constantFrom(
    '"',
    '\\',
    '\n',
    '\u0000',
    '\u001f',
    '\u007f',
    '\u2028',
    '\u2029',
    '\ud800',
    '\udc00',
    '😀',
    '车',
    'a',
    'x'.repeat(30),
  );
  const wild = fc.array(unit, { maxLength: 40 }).map((units) => units.join(''));
  const spoiled = fc.record({
    strings: fc.dictionary(
      fc.constantFrom(...names.filter((name) => !['Voice', 'Data', 'BindState'].includes(name))),
      wild,
    ),
    ServiceType: fc.array(wild, { maxLength: 200 }),
    ExtendPara: fc.dictionary(wild, fc.oneof(wild, fc.jsonValue())),
  });
  fc.assert(
    fc.property(spoiled, ({ strings, ...others }) => {
      const record = {
        ...cardRecord(),
        ...strings,
        CustomerType: '1',
        ChannelType: '2',
        BlackName: '0',
        Message: '0',
        ...others,
      };
      const bytes = serialize(record);
      t.equal(text(bytes), reference(table, record));
      t.ok(Buffer.from(text(bytes), 'utf8').equals(bytes), 'well-formed UTF-8');
    }),
    { seed: SEED },
  );
});

t.test('a value of the wrong type is written as it came, not as some other text', async (t) => {
  for (const value of [1, null, true, { a: 1 }, ['x']]) {
    const record = { ...registration(), CustomerName: value };
    t.equal(text(compileSerializer(tableOf(8))(record)), reference(tableOf(8), record), JSON.stringify(value));
  }
  const record = { ...cardRecord(), ServiceType: ['a', null, 1] };
  t.same(JSON.parse(text(compileSerializer(tableOf(12))(record))).ServiceType, ['a', null, 1]);
});
