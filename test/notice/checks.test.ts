import fc from 'fast-check';
import { stdnum } from 'stdnum';
import t from 'tap';
import { checks } from '../../notice/checks/index.js';
import type { CheckName } from '../../notice/table.js';

const SEED = 20221116;

/** `ok`, `warning` or `fault`. */
function outcome(name: CheckName, value: string, other?: unknown): string {
  const finding = checks[name](value, other);
  if (!finding) return 'ok';
  return finding.warningOnly ? 'warning' : 'fault';
}

function expectAll(name: CheckName, rows: readonly (readonly [string, string, unknown?])[]): void {
  t.test(`${name} tells right from wrong`, async (t) => {
    for (const [value, expected, other] of rows)
      t.equal(outcome(name, value, other), expected, `${value} ${other ?? ''}`);
  });
}

expectAll('idNumber', [
  ['11010519491231002X', 'ok'], // the example of GB 11643
  ['440524188001010014', 'fault'], // the standard's other one, of 1880: no day of birth we know is before 1900
  ['11010519491231002x', 'fault'],
  ['110105194912310021', 'fault'],
  ['11010519490230002X', 'fault'],
  ['110105491231002', 'fault'],
  ['1101 0519491231002X', 'fault'],
]);
expectAll('creditCode', [
  ['91350100M000100Y43', 'ok'], // the example of GB 32100
  ['9144030071526726XG', 'ok'],
  ['91330100799655058B', 'ok'],
  ['9144030071526726XH', 'fault'],
  ['91440300715267261G', 'fault'],
  ['9144030071526726IG', 'fault'],
  ['44030071526726XG', 'fault'],
]);
expectAll('vin', [
  ['1M8GDM9AXKP042788', 'ok', '1'],
  ['11111111111111111', 'ok', '1'],
  ['1M8GDM9A1KP042788', 'fault', '1'],
  ['1M8GDM9A1KP042788', 'warning', '2'], // imported
  ['1M8GDM9AXKP04278O', 'fault', '2'],
  ['1m8gdm9axkp042788', 'fault', '1'],
]);
expectAll('iccid', [
  ['89860412101880000012', 'ok'],
  ['89860412101880000013', 'warning'], // the Luhn digit
  ['898604B2091830012345', 'ok'], // China Mobile writes letters
  ['8986041210188000001', 'ok'], // 19 digits
  ['89869912101880000012', 'warning'], // an issuer we do not know
  ['89850412101880000012', 'fault'],
  ['898604121018800000', 'fault'],
]);
expectAll('iccidOperator', [
  ['89860412101880000012', 'ok', '2'],
  ['89860412101880000012', 'fault', '3'],
  ['89860112101880000012', 'ok', '3'],
  ['89860312101880000012', 'ok', '1'],
  ['89869912101880000012', 'ok', '1'],
]);
expectAll('imsi', [
  ['460040123456789', 'ok'],
  ['460990123456789', 'warning'],
  ['310040123456789', 'fault'],
  ['46004012345678', 'fault'],
]);
expectAll('imsiOperator', [
  ['460040123456789', 'ok', '2'],
  ['460060123456789', 'ok', '3'],
  ['460110123456789', 'fault', '2'],
]);
expectAll('msisdn', [
  ['1440123456789', 'ok', '2'],
  ['1410123456789', 'ok'],
  ['1064812345678', 'ok', '2'],
  ['861440123456789', 'ok', '2'],
  ['14765432100', 'ok', '2'],
  ['8613812345678', 'ok'],
  ['1460123456789', 'warning', '2'], // ported, perhaps
  ['1990123456789', 'warning'],
  ['144012345678', 'fault'],
  ['abc', 'fault'],
]);
expectAll('plate', [
  ['京A12345', 'ok'],
  ['粤BD12345', 'ok'],
  ['粤B12345D', 'ok'],
  ['沪A1234学', 'ok'],
  ['粤Z1234港', 'ok'],
  ['使014578', 'ok'],
  ['京I12345', 'fault'],
  ['A12345', 'fault'],
  ['京A123', 'fault'],
]);
expectAll('listLength', [
  ['2', 'ok', ['a', 'b']],
  ['02', 'fault', ['a', 'b']],
  ['3', 'fault', ['a', 'b']],
  ['3', 'ok', undefined],
]);

t.test('ID numbers are judged as stdnum judges them', async (t) => {
  const day = fc.date({
    min: new Date('1900-01-01T00:00:00Z'),
    max: new Date('2020-12-31T00:00:00Z'),
    noInvalidDate: true,
  });
  const front = fc.tuple(fc.integer({ min: 110000, max: 659999 }), day, fc.integer({ min: 0, max: 999 }));
  const number = fc.tuple(front, fc.constantFrom(...'0123456789X')).map(([[place, birth, order], digit]) => {
    return `${place}${birth.toISOString().slice(0, 10).replaceAll('-', '')}${String(order).padStart(3, '0')}${digit}`;
  });
  let valid = 0;
  fc.assert(
    fc.property(number, (value) => {
      const ours = checks.idNumber(value, undefined) === undefined;
      if (ours) valid += 1;
      return ours === stdnum.CN!.ric!.validate(value).isValid;
    }),
    { seed: SEED, numRuns: 2_000 },
  );
  t.ok(valid > 50, `${valid} of them valid, seed ${SEED}`);
});

t.test(
  'credit codes are judged as stdnum judges them, but for the check character 0, which it never accepts',
  async (t) => {
    const characters = [...'0123456789ABCDEFGHJKLMNPQRTUWXY'];
    const tail = fc.array(fc.constantFrom(...characters), { minLength: 9, maxLength: 9 });
    const code = fc
      .tuple(fc.integer({ min: 110000, max: 659999 }), tail)
      .map(([place, body]) => `91${place}${body.join('')}`);
    let zeros = 0;
    fc.assert(
      fc.property(code, (front) => {
        const fitting = characters.filter((character) => checks.creditCode(front + character, undefined) === undefined);
        const theirs = characters.filter((character) => stdnum.CN!.uscc!.validate(front + character).isValid);
        if (fitting[0] === '0') zeros += 1;
        return fitting.length === 1 && theirs.join() === (fitting[0] === '0' ? '' : fitting[0]);
      }),
      { seed: SEED, numRuns: 500 },
    );
    t.ok(zeros > 0, `${zeros} of 500 with check character 0, seed ${SEED}`);
  },
);
