import fc from 'fast-check';
import t from 'tap';
import { diffLines } from '../../../engine/diffLines.js';
import { difference, inPart } from '../../../engine/yamlTests/compare.js';

t.test('what came as expected has no difference, whatever the order of fields', async (t) => {
  t.equal(difference({ a: 1, b: [{ c: '2' }] }, { b: [{ c: '2' }], a: 1 }), undefined);
});

t.test('* stands for any value, and as a key for further fields', async (t) => {
  t.equal(difference({ a: '*' }, { a: { b: 1 } }), undefined);
  t.equal(difference({ '*': '*', a: 1 }, { a: 1, b: 2 }), undefined);
  t.ok(difference({ a: 1 }, { a: 1, b: 2 }), 'without it a further field differs');
  t.ok(difference({ a: '*' }, {}), 'a field that is missing differs');
  t.ok(difference(['*'], []), 'and so does an entry');
  t.ok(difference([], [1]));
});

t.test('what is named in part is compared in part', async (t) => {
  t.equal(difference(inPart([{ code: 'X' }]), [{ code: 'X', message: 'y' }]), undefined);
  t.ok(difference(inPart([{ code: 'X' }]), [{ code: 'Y', message: 'y' }]));
});

t.test('a diff shows what differs and nothing else', async (t) => {
  const diff = difference({ same: 1, any: '*', other: 2 }, { same: 1, any: { long: true }, other: 3 }) ?? [];
  t.strictSame(
    diff.filter(({ mark }) => mark !== ' ').map(({ mark, text }) => mark + text),
    ['-  "other": 2', '+  "other": 3'],
  );
});

t.test('either side of a diff can be read from it', async () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 30 });
  fc.assert(
    fc.property(text, text, (expected, came) => {
      const diff = diffLines(expected, came);
      const side = (mark: string) =>
        diff.filter((line) => line.mark === ' ' || line.mark === mark).map((line) => line.text);
      return side('-').join() === expected.join() && side('+').join() === came.join();
    }),
  );
});

t.test('two long texts that differ everywhere are told in bounded time', async (t) => {
  const lines = (word: string) => Array.from({ length: 20_000 }, (_, index) => `${word}${index}`);
  t.equal(diffLines(lines('a'), lines('b')).length, 40_000);
});
