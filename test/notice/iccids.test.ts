import t from 'tap';
import { iccidsOf } from '../../notice/iccids.js';

const card = (number: number) => `8986001234567890${String(number).padStart(4, '0')}`;

t.test('a command names one card, or several with anything usual between', async (t) => {
  t.same(iccidsOf(card(1)), [card(1)]);
  t.same(
    iccidsOf(` ${card(1)},${card(2)}，${card(3)} ;${card(4)}；\n${card(5)}\t${card(6)} `),
    [1, 2, 3, 4, 5, 6].map(card),
  );
  t.same(iccidsOf(`${card(2)},${card(1)},${card(2)}`), [card(2), card(1)], 'each once, in its order');
  t.equal(iccidsOf(Array.from({ length: 100 }, (_, index) => card(index)).join(',')).length, 100);
});

t.test('what is no list of cards is refused, and never shown', async (t) => {
  const long = Array.from({ length: 101 }, (_, index) => card(index));
  const hostile = ['', ' , ', '../../etc', `${card(1)}/..`, 'a'.repeat(33), '卡', `${card(1)},é`, long.join(';')];
  for (const text of [...hostile, ...[',', ' '].map((sep) => sep + long.join(sep) + sep), `x${','.repeat(1e6)}\0`]) {
    t.throws(
      () => iccidsOf(text),
      { code: 'RECORD_INVALID', failureCause: '400', faults: [{ field: 'ICCID', label: '车联网卡ICCID' }] },
      text.slice(0, 40),
    );
  }
  t.notMatch(String(t.throws(() => iccidsOf(`${card(1)} ../x`))), card(1));
});
