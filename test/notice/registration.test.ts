import t from 'tap';
import { cardFields, compileMerge, mergeRegistration } from '../../notice/registration.js';
import { tableOf } from '../../notice/tables/index.js';
import { compileValidator } from '../../notice/validator.js';
import { agent, card, cardRecord, companyRegistration, registration } from '../support/records.js';

const names12 = tableOf(12).fields.map((field) => field.name);
const faultsOf = compileValidator(tableOf(12), { codes: 'reject', checks: 'reject' });

t.test('registration and card make a table-12 record, in its order', async (t) => {
  const record = mergeRegistration(registration(), card(), '1');
  t.same(record, { ...cardRecord(), AcceptTime: '20221116103000' });
  t.same(Object.keys(record), names12);
  t.same(faultsOf(record), { faults: [], warnings: [] });
});

t.test('the buyer of the car and his agent get their names of table 12', async (t) => {
  const record = mergeRegistration({ ...companyRegistration(), ...agent() }, card(), '3');
  t.match(record, {
    OperType: '3',
    EndCompanyCompanyName: '深圳某某运输有限公司',
    EndCompanyCertNumber: '91440300708461136T',
    EndCorporationName: '李四',
    EndCorporationTelephone: '13800138000',
    IndividualUserOperatorName: '王五',
    IndividualUserOperatorCertNum: '11010519491231002X',
    IndividualUserOperatorTelephone: '13900139000',
  });
  t.equal(record.CompanyName, undefined);
  t.equal(record.OperatorName, undefined);
  t.same(faultsOf(record), { faults: [], warnings: [] });
});

t.test('the enterprise that bought the cards, its agent and the time of the status are the card side’s', async (t) => {
  const bought = {
    CompanyName: '某某汽车',
    OperatorName: '孙七',
    EndOperatorTelephone: '1',
    StatusUpdateTime: '20220101000000',
  };
  const seller = {
    ...companyRegistration(),
    ...agent(),
    StatusUpdateTime: '20221231000000',
    PhoName: 'x',
    ExtendPara: { a: 1 },
  };
  const record = mergeRegistration(seller, { ...card(), ...bought }, '1');
  t.match(record, { ...bought, EndCompanyCompanyName: '深圳某某运输有限公司' });
  t.same([record.PhoName, record.ExtendPara], [undefined, undefined]);
});

t.test('AcceptTime is the later one, whichever side it is of', async (t) => {
  const merged = (first: unknown, second: unknown) =>
    mergeRegistration({ ...registration(), AcceptTime: first }, { ...card(), AcceptTime: second }, '1').AcceptTime;
  t.equal(merged('20220101000000', '20220102000000'), '20220102000000');
  t.equal(merged('20220102000000', '20220101000000'), '20220102000000');
  t.equal(merged(undefined, '20220101000000'), '20220101000000');
  t.equal(merged('20220101000000', ''), '20220101000000');
  t.equal(merged('20220101000000', 'yesterday'), '20220101000000');
  t.equal(merged(undefined, undefined), undefined);
});

t.test('every field of tables 8 and 12 has its place, or is known to have none', async (t) => {
  const everything = Object.fromEntries(tableOf(8).fields.map((field) => [field.name, `8.${field.name}`]));
  const record = mergeRegistration(everything, {}, '1');
  const arrived = new Set(Object.values(record));
  const lost = Object.entries(everything).filter(([, value]) => !arrived.has(value));
  t.same(
    lost.map(([name]) => name),
    ['StatusUpdateTime', 'PhoName', 'ExtendPara'],
  );
  const shared = ['AcceptTime', 'MSISDN', 'ICCID'];
  const brought = Object.keys(record).filter((name) => record[name] !== undefined);
  const covered = [...brought, ...cardFields].filter((name) => !shared.includes(name));
  t.same(
    covered.sort(),
    names12.filter((name) => !shared.includes(name)).sort(),
    'each field of table 12 from one side',
  );
  t.equal(cardFields.length, 53);
});

t.test('empty values are left out, and the inputs stay as they were', async (t) => {
  const before = registration();
  const record = mergeRegistration(before, { ...card(), NodeCode: '' }, '1');
  t.equal(record.NodeCode, undefined);
  t.same(before, registration());
});

t.test('a site’s own names are read and written', async (t) => {
  const merge = compileMerge({
    8: { CustomerCertNumber: { name: 'IdNo' } },
    12: { CustomerCertNmuber: { name: 'CustomerCertNumber' } },
  });
  const { CustomerCertNumber, ...rest } = registration();
  const record = merge({ ...rest, IdNo: CustomerCertNumber }, card(), '1');
  t.equal(record.CustomerCertNumber, CustomerCertNumber);
  t.notOk('CustomerCertNmuber' in record);
});
