import fc from 'fast-check';
import t from 'tap';
import { parseStrictJson } from '../../notice/strictJson.js';
import { slowParse } from '../support/slowJson.js';

const SEED = 35;
const DEPTH_MAX = 4;

/** Keys that meet one another, some of them forbidden, some written with escapes. */
const key = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('"a"', '"b"', '"\\u0061"', '"a:"', '"\\""', '"\\\\"', '""', '"{"', '"0"', '"toString"'),
  },
  { weight: 8, arbitrary: fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)) },
  { weight: 1, arbitrary: fc.constantFrom('"__proto__"', '"\\u005f_proto__"', '"constructor"', '"prototype"') },
);
const scalar = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.constantFrom(
      '1',
      '-0',
      '1e5',
      'true',
      'null',
      '"x"',
      '"{\\"a\\":1}"',
      '"\\\\"',
      '":"',
      '"\\ud800"',
      '"张"',
    ),
  },
  { weight: 10, arbitrary: fc.jsonValue({ maxDepth: 0 }).map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.constantFrom('01', '.5', 'NaN', "'a'", '"\t"', '') },
);
const blank = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom('', ' ', '\n\t', '\r ') },
  { weight: 1, arbitrary: fc.constant('\u00a0') },
);
const { object } = fc.letrec((tie) => ({
  text: fc.oneof({ maxDepth: 6, depthSize: 'medium' }, scalar, tie('object'), tie('list')),
  object: fc
    .tuple(fc.array(fc.tuple(key, blank, tie('text')), { maxLength: 4 }), blank)
    .map(
      ([entries, space]) =>
        `{${space}${entries.map(([name, gap, value]) => `${name}${gap}:${gap}${value}`).join(',')}}`,
    ),
  list: fc
    .tuple(fc.array(tie('text'), { maxLength: 3 }), blank)
    .map(([entries, space]) => `[${space}${entries.join(`,${space}`)}]`),
}));
/** Some of them spoiled: a character taken out or put in. */
const perhapsSpoiled = fc
  .tuple(
    object as fc.Arbitrary<string>,
    fc.option(fc.tuple(fc.nat(), fc.constantFrom('', '"', '\\', '{', '}', ',', ':', '[', '\ufeff')), { freq: 3 }),
  )
  .map(([whole, spoil]) => {
    if (!spoil) return whole;
    const at = spoil[0] % (whole.length + 1);
    return whole.slice(0, at) + spoil[1] + whole.slice(spoil[1] === '' ? at + 1 : at);
  });

function outcome(parse: () => unknown): { value: unknown } | 'refused' {
  try {
    return { value: parse() };
  } catch {
    return 'refused';
  }
}

t.test('takes and refuses exactly what the slow parser does, and reads the same', async (t) => {
  let taken = 0;
  let refused = 0;
  const property = fc.property(perhapsSpoiled, (sample) => {
    const expected = outcome(() => slowParse(sample, DEPTH_MAX));
    const got = outcome(() => parseStrictJson(sample, { depthMax: DEPTH_MAX }));
    if (expected === 'refused') refused += 1;
    else taken += 1;
    return JSON.stringify(got) === JSON.stringify(expected);
  });
  fc.assert(property, { seed: SEED, numRuns: 20_000 });
  t.ok(taken > 1000 && refused > 1000, `seed ${SEED}: ${taken} taken, ${refused} refused`);
});

t.test('control: JSON.parse alone takes what must be refused', async (t) => {
  for (const sample of ['{"a":1,"a":2}', '{"a":{"b":1,"\\u0062":2}}', '{"__proto__":1}', '[1]']) {
    t.doesNotThrow(() => JSON.parse(sample));
    t.throws(() => parseStrictJson(sample), { code: 'MESSAGE_NOT_JSON' }, sample);
  }
});

t.test('messages name the place and never a value', async (t) => {
  const says = (input: string | Uint8Array) => {
    try {
      parseStrictJson(input);
    } catch (thrown) {
      return (thrown as Error).message;
    }
    return 'taken';
  };
  t.equal(says('{"Name":"张三","Name":"李四"}'), 'JSON: the key "Name" comes twice in one object');
  t.equal(says('{"a":[{"x":1},{"x":1}],"x" : {"y":0, "\\u0079" : 1}}'), 'JSON: the key "y" comes twice in one object');
  t.equal(says('{"constructor":{}}'), 'JSON: the key constructor is not allowed');
  t.equal(says('"张三"'), 'JSON: expected one object, got a string');
  t.equal(says('null'), 'JSON: expected one object, got null');
  t.equal(says('['.repeat(40)), 'JSON: nested more than 32 deep at character 32');
  t.equal(says(Buffer.from([0x22, 0xff, 0x22])), 'JSON: expected UTF-8');
  t.equal(says(Buffer.from('\ufeff{}')), 'JSON: expected UTF-8 without a byte order mark');
  for (const broken of ['{"Name":"张三"', '{"Name":"张三",}', '{"Name":张三}', '张三'])
    t.match(says(broken), /^JSON: malformed/);
  for (const broken of ['{"Name":"张三"', '{"Name":张三}', '张三']) t.notMatch(says(broken), /张三/);
});

t.test('long texts of one kind take time in proportion', async (t) => {
  const count = 200_000;
  t.doesNotThrow(() => parseStrictJson(`{"a":"${'\\\\'.repeat(count)}"}`));
  t.doesNotThrow(() => parseStrictJson(`{"a":"${'\\"'.repeat(count)}"}`));
  t.throws(() => parseStrictJson(`{"a":"${'\\'.repeat(count)}`));
  t.throws(() => parseStrictJson(`{${'"a":1,'.repeat(count)}"a":1}`), { message: /the key "a" comes twice/ });
  t.throws(() => parseStrictJson('{"a":'.repeat(count)), { message: /nested/ });
});
