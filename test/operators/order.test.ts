import t from 'tap';
import type { Lines } from '../../contract/item.js';
import { spec as orderSpec } from '../../operators/order.js';
import { spec as validateSpec } from '../../operators/validate.js';
import { keptLog } from '../support/bareContext.js';
import { operator } from '../support/kernel.js';
import { accountMessage, registration } from '../support/messages.js';

const textOf = (lines: Lines) =>
  [...(lines.read(0, 1) as Iterable<Uint8Array>)].map((bytes) => Buffer.from(bytes).toString());

t.test('a record becomes one line of bytes, fields in the order of the table', async (t) => {
  const order = await operator(orderSpec, { table: 8 });
  const lines = (await order(Object.fromEntries(Object.entries(registration).reverse()))).value as Lines;
  const [text] = textOf(lines);
  t.equal(text, JSON.stringify(registration), 'the sample stands in that order');
  t.match(lines, { count: 1, residentBytes: Buffer.byteLength(text!) });
  t.equal(lines.sizeOf(0), Buffer.byteLength(text!));
  t.same([...(lines.read(1, 1) as Iterable<Uint8Array>)], []);
});

t.test('a vehicle message loses its Auth and keeps its order (6.2.2.2 b)', async (t) => {
  const order = await operator(orderSpec, { table: 10, omit: ['Auth'] });
  const { Auth } = accountMessage('R1');
  const { value } = await order({ EncryptCarInfo: 'x', Code: 'WBA0', Auth, RequestID: 'R1' });
  t.same(textOf(value as Lines), ['{"RequestID":"R1","Code":"WBA0","EncryptCarInfo":"x"}']);
});

t.test(
  'validate passes a good record on, refuses a bad one with all its faults, and warns without values',
  async (t) => {
    const log = keptLog();
    const validate = await operator(validateSpec, { table: 8 }, { log });
    t.equal((await validate(registration)).value, registration);
    const bad = { ...registration, CustomerType: '9', AcceptTime: '20230230000000', CustomerName: '', Nickname: 'x' };
    const error = await validate(bad).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    t.match(error, { code: 'RECORD_INVALID', failureCause: '400' });
    const fields = (error as { faults: { field: string }[] }).faults.map(({ field }) => field).sort();
    t.same(fields, ['AcceptTime', 'CustomerName', 'CustomerType', 'Nickname']);
    await validate({ ...registration, CustomerCertType: '777' });
    t.match(JSON.stringify(log.lines), /CustomerCertType/);
    t.notMatch(JSON.stringify(log.lines), /777|11010519491231002X/);
  },
);

t.test('validate takes the codes and names of the site', async (t) => {
  const site = { codes: { 'A.5': { '777': '新证件' } }, tables: { 8: { CustomerName: { name: 'Name' } } } };
  const validate = await operator(validateSpec, { table: 8, codes: 'reject', checks: 'off' }, { site });
  const { CustomerName: name, ...rest } = registration;
  await t.resolves(validate({ ...rest, Name: name, CustomerCertType: '777' }));
  await t.rejects(validate({ ...rest, Name: name }), {
    code: 'RECORD_INVALID',
    faults: [{ field: 'CustomerCertType' }],
  });
});
