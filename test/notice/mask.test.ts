import fc from 'fast-check';
import t from 'tap';
import { maskValue } from '../../notice/mask.js';

t.test('names keep their first character, numbers three and two digits, addresses their province', async (t) => {
  t.equal(maskValue({ personal: 'name' }, '张三'), '张*');
  t.equal(maskValue({ personal: 'name' }, '欧阳锋某'), '欧***');
  t.equal(maskValue({ personal: 'number' }, '11010519491231002X'), '110*************2X');
  t.equal(maskValue({ personal: 'number' }, '12345678'), '********');
  t.equal(maskValue({ personal: 'number' }, '张三丰11010519491231002X'), '*'.repeat(21), 'a name before the number');
  t.equal(maskValue({ personal: 'address' }, '广东省深圳市南山区科技路1号'), '广东省***');
  t.equal(maskValue({ personal: 'address' }, '科技路1号'), '科***');
});

t.test('codes and times show, in fields that are not personal', async (t) => {
  t.equal(maskValue({}, '9'), '9');
  t.equal(maskValue({ personal: 'name' }, 'Bob'), 'B**');
  t.equal(maskValue({ format: 'YYYYMMDDHHMISS' }, '20220230000000'), '20220230000000');
  t.equal(
    maskValue({ format: 'YYYYMMDD' }, '62345678'),
    '********',
    'eight digits that are no date may be a telephone',
  );
  t.equal(maskValue({}, '20220230000000'), '202*********00');
});

t.test('what is no text shows its kind alone', async (t) => {
  t.equal(maskValue({}, ['张三']), 'a list of 1');
  t.equal(maskValue({}, { name: '张三' }), 'an object');
  t.equal(maskValue({}, null), 'null');
  t.equal(maskValue({}, ''), "''");
  t.equal(maskValue(undefined, 13812345678), '138******78');
});

t.test('no text of five characters or more shows whole, and no mask is long', async () => {
  const personal = fc.constantFrom('name' as const, 'number' as const, 'address' as const, undefined);
  fc.assert(
    fc.property(personal, fc.string({ minLength: 5, maxLength: 2_000 }), (kind, text) => {
      const shown = maskValue(kind === undefined ? undefined : { personal: kind }, text);
      return shown !== text && shown.length <= 30 && shown.includes('*');
    }),
    { seed: 20221116 },
  );
});
