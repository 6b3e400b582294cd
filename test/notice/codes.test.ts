import t from 'tap';
import { codesMeaning, codeTables, meaningsOf, resolveCodeTables } from '../../notice/codes/index.js';
import { tableOf } from '../../notice/tables/index.js';
import { compileValidator } from '../../notice/validator.js';
import { cardRecord, registration } from '../support/records.js';

t.test('there are six code tables, and none is empty', async (t) => {
  t.same(Object.keys(codeTables), ['A.1', 'A.2', 'A.3', 'A.4', 'A.5', 'A.6']);
  for (const [id, codes] of Object.entries(codeTables)) t.ok(Object.keys(codes).length >= 3, id);
});

t.test('provinces have two digits or six, and one area code may serve several cities', async (t) => {
  t.equal(codeTables['A.3']['44'], '广东省');
  t.equal(codeTables['A.3']['440000'], '广东省');
  t.ok(meaningsOf(codeTables, 'A.4').has('湘潭市'));
  t.notOk(meaningsOf(codeTables, 'A.4').has('长沙市、株洲市、湘潭市'));
});

t.test('a site replaces a table as a whole, and the others stay', async (t) => {
  const site = resolveCodeTables({ 'A.6': { XYZ: '某某汽车' } });
  t.same(site['A.6'], { XYZ: '某某汽车' });
  t.equal(site['A.1'], codeTables['A.1']);
  t.same(resolveCodeTables(), codeTables);
  t.throws(() => resolveCodeTables({ 'A.7': {} }), { code: 'CONFIG_INVALID' });
  t.throws(() => resolveCodeTables({ toString: {} }), { code: 'CONFIG_INVALID' });
});

t.test('certificate checks find their codes by meaning, in a replaced table too', async (t) => {
  t.same([...codesMeaning(codeTables, 'A.5', '居民身份证')], ['01'], 'a temporary one is another certificate');
  t.same([...codesMeaning(codeTables, 'A.5', '统一社会信用代码')], ['21', '22', '23']);
  const site = resolveCodeTables({ 'A.5': { IDC: '居民身份证' } });
  const validate = compileValidator(tableOf(8), { codes: 'reject', checks: 'reject', codeTables: site });
  t.same(validate({ ...registration(), CustomerCertType: 'IDC' }).faults, []);
  t.match(validate({ ...registration(), CustomerCertType: 'IDC', CustomerCertNumber: '1' }).faults, [
    { field: 'CustomerCertNumber' },
  ]);
  t.match(validate(registration()).faults, [
    { field: 'CustomerCertType', rule: 'a code of code table A.5', value: '01' },
  ]);
});

t.test('a word of every object is no code', async (t) => {
  const { faults } = compileValidator(tableOf(12), { codes: 'reject' })({ ...cardRecord(), OperType: 'constructor' });
  t.match(faults, [{ field: 'OperType' }]);
});
