import t from 'tap';
import { compileRecordMask } from '../../notice/maskRecord.js';
import { cardRecord, companyRegistration, goodRecords, registration } from '../support/records.js';

const mask = compileRecordMask({});

t.test('a reviewer sees which fields a record has, and no value by which somebody is known', async (t) => {
  t.match(mask(registration()), {
    CustomerType: '1',
    CustomerName: '张*',
    CustomerCertNumber: /^440\*+11$/,
    CustomerCertAddress: '广东省***',
    AcceptTime: '20221116103000',
  });
  for (const record of [registration(), companyRegistration(), cardRecord(), goodRecords[7]?.() ?? {}]) {
    const masked = mask(record);
    t.strictSame(Object.keys(masked), Object.keys(record));
    const told = JSON.stringify(masked);
    for (const value of Object.values(record)) {
      if (typeof value === 'string' && value.length > 4 && !/^20\d{6}(\d{6})?$/.test(value))
        t.notOk(told.includes(value), told);
    }
  }
});

t.test('a field of no table is only counted, for its name may be somebody’s', async (t) => {
  t.strictSame(mask({ 张三: 'x', '13800138000': 1, OperType: '1' }), { OperType: '1', '(fields of no table)': 2 });
});

t.test('a field that the site calls otherwise is masked as what it is', async (t) => {
  const own = compileRecordMask({ 8: { CustomerName: { name: 'OwnerName' } } });
  t.strictSame(own({ OwnerName: '诸葛孔明' }), { OwnerName: '诸***' });
});
