import fc from 'fast-check';
import t from 'tap';
import type { JsonObject } from '../../contract/tags.js';
import { tableOf, tables } from '../../notice/tables/index.js';
import { compileValidator } from '../../notice/validator.js';
import { agent, cardRecord, companyRegistration, goodRecords, registration, vehicle } from '../support/records.js';

const SEED = 20221116;
const strict = { codes: 'reject', checks: 'reject' } as const;
const withFields = Object.values(tables).filter((table) => table.fields.length > 0);

/** `field: rule` of every fault. */
function faultsOf(number: number, record: unknown, options: Parameters<typeof compileValidator>[1] = strict): string[] {
  return compileValidator(tableOf(number), options)(record).faults.map((fault) => `${fault.field}: ${fault.rule}`);
}

t.test('a good record of every table has no fault and no warning', async (t) => {
  for (const { number } of withFields) {
    const verdict = compileValidator(tableOf(number), strict)(goodRecords[number]!());
    t.same(verdict, { faults: [], warnings: [] }, `table ${number}`);
  }
  t.same(faultsOf(8, companyRegistration()), []);
  t.same(faultsOf(8, { ...registration(), ...agent() }), []);
});

t.test('a mandatory field that is missing or empty is exactly one fault', async (t) => {
  for (const table of withFields) {
    const validate = compileValidator(table, strict);
    for (const field of table.fields.filter((candidate) => candidate.presence === 'M')) {
      const { [field.name]: _, ...without } = goodRecords[table.number]!();
      const place = `${table.number}.${field.name}`;
      const expected = [{ field: field.name, label: field.label, rule: 'M: must be present' }];
      const direct = (record: JsonObject) => validate(record).faults.filter((fault) => fault.field === field.name);
      t.same(direct(without), expected, place);
      if (field.type === 'string') t.same(direct({ ...without, [field.name]: '' }), expected, `${place} empty`);
      if (field.type === 'array') t.same(direct({ ...without, [field.name]: [] }), expected, `${place} empty`);
      t.equal(validate(without).faults.length, 1, `${place} alone`);
    }
  }
});

t.test('whatever mandatory fields are dropped, exactly they are the faults, in the order of the table', async (t) => {
  for (const number of [8, 11, 12]) {
    const table = tableOf(number);
    const validate = compileValidator(table, { checks: 'off' });
    const names = table.fields.filter((field) => field.presence === 'M').map((field) => field.name);
    fc.assert(
      fc.property(fc.subarray(names), (dropped) => {
        const record = goodRecords[number]!();
        for (const name of dropped) delete record[name];
        return (
          validate(record)
            .faults.map((fault) => fault.field)
            .join() === dropped.join()
        );
      }),
      { seed: SEED },
    );
  }
  t.pass(`seed ${SEED}`);
});

t.test('one fault of every kind', async (t) => {
  const kinds: [number, JsonObject, string[]][] = [
    [8, { CustomerType: '3' }, ['CustomerType: one of 1, 2']],
    [8, { CustomerType: 1 }, ['CustomerType: a string']],
    [8, { CustomerName: null }, ['CustomerName: a string']],
    [8, { CustomerName: 'x'.repeat(1001) }, ['CustomerName: at most 1000 characters']],
    [8, { AcceptTime: '20230229000000' }, ['AcceptTime: a time that exists, as YYYYMMDDHHMISS']],
    [8, { AcceptTime: '20221116240000' }, ['AcceptTime: a time that exists, as YYYYMMDDHHMISS']],
    [8, { StatusUpdateTime: '2022' }, ['StatusUpdateTime: a time that exists, as YYYYMMDDHHMISS']],
    [8, { CustomerCertType: 'zz' }, ['CustomerCertType: a code of code table A.5']],
    [
      8,
      { CustomerCertNumber: '440305198803154212' },
      ['CustomerCertNumber: an ID number whose check digit fits (GB 11643)'],
    ],
    [8, { Surprise: '1' }, ['Surprise: only fields of table 8']],
    [8, { ExtendPara: 'x' }, ['ExtendPara: an object']],
    [11, { FuelType: '1，3' }, ['FuelType: one or more of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, with "," between']],
    [12, { DataDirStartDate: '20221131' }, ['DataDirStartDate: a day that exists, as YYYYMMDD']],
    [12, { City: '深圳' }, ['City: a name of code table A.4']],
    [12, { ServiceType: '套餐' }, ['ServiceType: a list of strings']],
    [12, { VoiceDirList: ['1', 2], VoiceDirNum: '2' }, ['VoiceDirList[1]: a string']],
    [12, { DataDirList: 'x' }, ['DataDirList: a list of strings']],
    [12, { VoiceDirNum: '3' }, ['VoiceDirNum: the length of its list, which is 2']],
    [7, { Auth: { PlatformID: 'a' } }, ['Auth.SignNature: M: must be present']],
    [7, { Auth: { PlatformID: 'a', SignNature: 'b', Extra: 1 } }, ['Auth.Extra: only fields of table 2']],
    [7, { Auth: 'x' }, ['Auth: an object']],
    [7, { EncryptUserInfo: 5 }, ['EncryptUserInfo: a string or an object']],
    [10, { EncryptCarInfo: ['x'] }, ['EncryptCarInfo: a string or an object']],
  ];
  for (const [number, change, expected] of kinds) {
    t.same(
      faultsOf(number, { ...goodRecords[number]!(), ...change }),
      expected,
      `${number}: ${JSON.stringify(change).slice(0, 60)}`,
    );
  }
});

t.test('every fault of a record is told at once', async (t) => {
  const spoiled = {
    ...cardRecord(),
    UserID: '',
    BasicOperator: '7',
    AcceptTime: 'now',
    Voice: 1,
    BindType: '',
    Extra: 1,
  };
  t.same(faultsOf(12, spoiled), [
    'UserID: M: must be present',
    'BasicOperator: one of 1, 2, 3',
    'AcceptTime: a time that exists, as YYYYMMDDHHMISS',
    'Voice: a string',
    'BindType: C: must be present when BindState is 1',
    'Extra: only fields of table 12',
  ]);
});

t.test('what is no object is a fault, and nothing makes the validator throw', async (t) => {
  for (const value of [undefined, null, 5, 'x', [], [1]]) t.same(faultsOf(8, value), [': an object']);
  for (const number of [7, 8, 11, 12]) {
    const validate = compileValidator(tableOf(number), strict);
    const names = fc.constantFrom(...tableOf(number).fields.map((field) => field.name));
    const record = fc.dictionary(fc.oneof(names, fc.string()), fc.jsonValue());
    fc.assert(
      fc.property(record, (spoiled) => validate({ ...goodRecords[number]!(), ...spoiled }).faults.length >= 0),
      { seed: SEED },
    );
  }
});

t.test(
  'fields of a company are asked for when CustomerType is 2, but for the address that may be unknown',
  async (t) => {
    const missing = faultsOf(8, { ...registration(), CustomerType: '2' });
    t.equal(missing.length, 10);
    t.ok(missing.every((fault) => fault.endsWith(': C: must be present when CustomerType is 2')));
    t.notOk(
      missing.some((fault) => fault.startsWith('CorporationPosterAddress')),
      'known only',
    );
    t.equal(faultsOf(12, { ...cardRecord(), CustomerType: '2' }).length, 10);
  },
);

t.test('whoever names an agent must name him fully', async (t) => {
  const group =
    'any of OperatorName, OperatorCertType, OperatorCertNumber, OperatorCertAddress, OperatorPosterAddress, OperatorTelephone';
  for (const name of Object.keys(agent())) {
    const { [name]: _, ...rest } = agent();
    t.same(faultsOf(8, { ...registration(), ...rest }), [`${name}: C: must be present when ${group} is present`]);
  }
  t.same(faultsOf(8, { ...registration(), OperatorName: '', OperatorTelephone: '' }), [], 'empty is absent');
});

t.test('conditions chain: what depends on a field that does not apply is not asked for', async (t) => {
  const chains: [JsonObject, string[]][] = [
    [{ VoiceLimType: '' }, ['VoiceLimType: C: must be present when Voice is 1']],
    [{ VoiceDirNum: '' }, ['VoiceDirNum: C: must be present when VoiceLimType is 2']],
    [{ Voice: '0', VoiceLimType: '2', VoiceDirNum: '', VoiceDirList: '' }, []],
    [{ Message: '1' }, ['MessageLimType: C: must be present when Message is 1']],
    [
      { DataLimType: '5' },
      [
        'DataStartDate: C: must be present when DataLimType is 1 or 3 or 5',
        'DataLimit: C: must be present when DataLimType is 1 or 3 or 5',
      ],
    ],
    [{ Data: '0', DataLimType: '5' }, []],
    [{ BlackName: '1' }, ['BlackList: C: must be present when BlackName is 1']],
    [{ BlackName: '1', BlackList: [] }, []],
    [
      { ChannelType: '1' },
      ['NodeCode: C: must be present when ChannelType is 1', 'ChannelName: C: must be present when ChannelType is 1'],
    ],
  ];
  for (const [change, expected] of chains)
    t.same(faultsOf(12, { ...cardRecord(), ...change }), expected, JSON.stringify(change));
});

t.test('a field that does not apply may stand there, whatever its value, but not of another type', async (t) => {
  t.same(faultsOf(12, { ...cardRecord(), Voice: '0', VoiceLimType: '0', VoiceDirNum: 'x' }), []);
  t.same(faultsOf(12, { ...cardRecord(), Voice: '0', VoiceLimType: 0 }), ['VoiceLimType: a string']);
  t.same(faultsOf(8, { ...registration(), CompanyCertType: 'zz', CompanyCertNumber: 'x' }), []);
});

t.test('an engine or motor that the fuel tells of is a finding of the checks', async (t) => {
  const electric = { ...vehicle(), FuelType: '1,3' };
  const rule = 'C: must be present when FuelType is 3 or 9 or 11';
  const verdict = (checks: 'reject' | 'warn' | 'off') => compileValidator(tableOf(11), { checks })(electric);
  t.match(verdict('reject'), { faults: [{ field: 'MotorNum', rule }], warnings: [] });
  t.match(verdict('warn'), { faults: [], warnings: [{ field: 'MotorNum', rule }] });
  t.same(verdict('off'), { faults: [], warnings: [] });
  t.same(faultsOf(11, { ...electric, MotorNum: 'M1' }), []);
});

t.test('codes, checks and unknown fields are faults, warnings or nothing, as asked', async (t) => {
  const record = { ...registration(), CustomerCertType: 'zz', MSISDN: '123', Extra: '1' };
  const fields = (options: Parameters<typeof compileValidator>[1]) => {
    const { faults, warnings } = compileValidator(tableOf(8), options)(record);
    return [faults.map((fault) => fault.field), warnings.map((fault) => fault.field)];
  };
  t.same(fields({}), [['Extra'], ['MSISDN', 'CustomerCertType']]);
  t.same(fields({ codes: 'reject', checks: 'reject' }), [['MSISDN', 'CustomerCertType', 'Extra'], []]);
  t.same(fields({ codes: 'pass', checks: 'off', unknown: 'warn' }), [[], ['Extra']]);
});

t.test('bounds are parameters', async (t) => {
  const record = { ...cardRecord(), ServiceType: ['a', 'b', 'c'], UserID: 'U'.repeat(9) };
  t.same(faultsOf(12, record, { stringMax: 8, listMax: 2, checks: 'off' }).slice(0, 2), [
    'UserID: at most 8 characters',
    'IMSI: at most 8 characters',
  ]);
  t.ok(faultsOf(12, record, { listMax: 2 }).includes('ServiceType: at most 2 entries'));
  const crowd = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`x${at}`, 1]));
  const told = faultsOf(8, { ...registration(), ...crowd }, { faultsMax: 10 });
  t.equal(told.length, 11);
  t.equal(told[10], ': 40 more are not listed');
  const ciphertext = { ...goodRecords[7]!(), EncryptUserInfo: 'A'.repeat(500_000) };
  t.same(faultsOf(7, ciphertext), [], 'ciphertext has a bound of its own');
});

t.test('no fault shows personal data', async (t) => {
  const secret = ['欧阳锋某', '440305198803154212', '13812345678', '广东省深圳市南山区粤海街道1号'];
  for (const number of [8, 11, 12]) {
    const names = tableOf(number).fields.map((field) => field.name);
    const validate = compileValidator(tableOf(number), { ...strict, stringMax: 3 });
    for (const text of secret) {
      const record: JsonObject = { ...Object.fromEntries(names.map((name) => [name, text])), [text]: text };
      const verdict = JSON.stringify(validate(record));
      t.notOk(verdict.includes(text), `table ${number}`);
      t.ok(verdict.includes('*'), 'but something of it, masked');
    }
  }
});

t.test('a site that renames a field has its records checked by the new name', async (t) => {
  const validate = compileValidator(tableOf(8, { 8: { CustomerType: { name: 'UserType' } } }), strict);
  const { CustomerType: _, ...rest } = registration();
  t.same(validate({ ...rest, UserType: '1' }).faults, []);
  t.equal(validate({ ...rest, UserType: '2' }).faults.length, 10);
});
