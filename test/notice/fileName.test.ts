import fc from 'fast-check';
import t from 'tap';
import { cutoffOf } from '../../notice/cutoff.js';
import { type FileName, formatFileName, PICTURE_EXTENSIONS, parseFileName } from '../../notice/fileName.js';

const ID_CHARACTERS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-'];
const id = fc.string({ unit: fc.constantFrom(...ID_CHARACTERS), minLength: 1, maxLength: 64, size: 'max' });
const cutoff = fc.integer({ min: Date.UTC(1992, 0, 1), max: Date.UTC(9999, 0, 1) }).map(cutoffOf);

function endings<Extension extends string>(...extensions: Extension[]) {
  const complete = fc.record({
    extension: fc.constantFrom<Extension | ''>('', ...extensions),
    partial: fc.constant(false),
  });
  return fc.oneof(
    complete,
    fc.record({ extension: fc.constantFrom<Extension | ''>(...extensions), partial: fc.constant(true) }),
  );
}

const batches = fc
  .tuple(
    fc.record({
      kind: fc.constant('batch' as const),
      content: fc.constantFrom('KH' as const, 'CL' as const),
      code: id,
      cutoff,
      type: fc.constantFrom('F' as const, 'P' as const),
      sequence: fc.integer({ min: 1, max: 999_999 }),
      end: fc.boolean(),
    }),
    endings('txt', 'zip', 'bin'),
  )
  .map(([name, ending]): FileName => ({ ...name, ...ending }));
const pictured = { content: fc.constantFrom('KH' as const, 'HT' as const), requestId: id, code: id };
const albums = fc
  .tuple(fc.record({ kind: fc.constant('album' as const), ...pictured }), endings('zip', 'bin'))
  .map(([name, ending]): FileName => ({ ...name, ...ending }));
const pictures: fc.Arbitrary<FileName> = fc.record({
  kind: fc.constant('picture' as const),
  ...pictured,
  number: fc.integer({ min: 0, max: 999 }),
  extension: fc.constantFrom(...PICTURE_EXTENSIONS),
});
const names = fc.oneof(batches, albums, pictures);

t.test('the names of the notice are written as it prints them', async (t) => {
  const batch = { kind: 'batch', content: 'KH', code: '0002', cutoff: '2022111600', type: 'P', sequence: 3 } as const;
  const album = { kind: 'album', content: 'HT', requestId: 'CMD-7', code: 'LSV1' } as const;
  const picture = { kind: 'picture', content: 'KH', requestId: 'R1', code: 'LSV1', extension: 'jpg' } as const;
  const table: [FileName, string][] = [
    [{ ...batch, end: false, extension: 'txt', partial: false }, 'KH_0002_2022111600_P_000003.txt'],
    [{ ...batch, end: true, extension: 'zip', partial: false }, 'KH_0002_2022111600_P_000003end.zip'],
    [{ ...batch, end: true, extension: 'bin', partial: true }, 'KH_0002_2022111600_P_000003end.bin.tmp'],
    [{ ...batch, end: true, extension: '', partial: false }, 'KH_0002_2022111600_P_000003end'],
    [
      {
        ...batch,
        content: 'CL',
        type: 'F',
        code: 'LSV1',
        sequence: 999_999,
        end: false,
        extension: 'zip',
        partial: false,
      },
      'CL_LSV1_2022111600_F_999999.zip',
    ],
    [{ ...album, extension: 'zip', partial: false }, 'HT_CMD-7_LSV1.zip'],
    [{ ...album, extension: 'bin', partial: true }, 'HT_CMD-7_LSV1.bin.tmp'],
    [{ ...picture, number: 1 }, 'KH_R1_LSV1_001.jpg'],
    [{ ...picture, number: 0 }, 'KH_R1_LSV1_000.jpg'],
  ];
  for (const [name, text] of table) {
    t.equal(formatFileName(name), text);
    t.same(parseFileName(text), name);
  }
});

t.test('parsing undoes formatting', async (t) => {
  fc.assert(
    fc.property(names, (name) => {
      t.strictSame(parseFileName(formatFileName(name)), { ...name });
    }),
    { seed: 6132, numRuns: 500 },
  );
});

t.test('formatting undoes parsing, for whatever parses', async (t) => {
  let parsed = 0;
  const mutated = fc
    .tuple(names.map(formatFileName), fc.nat(), fc.constantFrom('', '_', '.', 'A', '0', '.tmp', '/', 'end'))
    .map(([text, at, piece]) => text.slice(0, at % text.length) + piece + text.slice((at % text.length) + 1));
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string({ size: 'large' })), (text) => {
      const name = parseFileName(text);
      if (name) parsed += 1;
      return !name || formatFileName(name) === text;
    }),
    { seed: 6212, numRuns: 2000 },
  );
  t.ok(parsed > 100, `${parsed} of the texts were names`);
});

t.test('the number of parts tells the kinds apart', async (t) => {
  const batch = parseFileName('KH_a_2022111600_P_000001.zip');
  const album = parseFileName('KH_a_2022111600.zip');
  t.equal(batch?.kind, 'batch');
  t.equal(album?.kind, 'album', 'a code that looks like a cut-off is a code still');
});

t.test('a part that would break the grammar, or leave the directory, is refused when formatted', async (t) => {
  const album = {
    kind: 'album',
    content: 'KH',
    requestId: 'R1',
    code: 'LSV1',
    extension: 'zip',
    partial: false,
  } as const;
  for (const part of ['', 'a_b', '../a', 'a/b', 'a\\b', 'a.zip', 'a\0', 'a\n', ' a', '车', 'x'.repeat(65)]) {
    t.throws(() => formatFileName({ ...album, requestId: part }), { code: 'RECORD_INVALID' }, JSON.stringify(part));
    t.throws(() => formatFileName({ ...album, code: part }), { code: 'RECORD_INVALID' }, JSON.stringify(part));
  }
  t.throws(() => formatFileName({ ...album, code: 'b.zip', extension: '' }), { code: 'RECORD_INVALID' });
  t.throws(() => formatFileName({ ...album, extension: '', partial: true }), { code: 'RECORD_INVALID' });
  const picture = { kind: 'picture', content: 'KH', requestId: 'R1', code: 'LSV1', extension: 'jpg' } as const;
  for (const number of [-1, 1000, 1.5, Number.NaN]) {
    t.throws(() => formatFileName({ ...picture, number }), { code: 'RECORD_INVALID' }, String(number));
  }
});

t.test('a sequence has six digits and begins at 1', async (t) => {
  const batch = {
    kind: 'batch',
    content: 'KH',
    code: '0002',
    cutoff: '2022111600',
    type: 'P',
    end: false,
    extension: 'bin',
    partial: false,
  } as const;
  t.throws(() => formatFileName({ ...batch, sequence: 1_000_000 }), { code: 'SEQUENCE_EXHAUSTED' });
  t.throws(() => formatFileName({ ...batch, sequence: 0 }), { code: 'RECORD_INVALID' });
  t.throws(() => formatFileName({ ...batch, sequence: 1, cutoff: '2022023000' }), { code: 'RECORD_INVALID' });
});

t.test('near misses are no names', async (t) => {
  const misses = [
    'KH_0002_2022111600_P_000000.zip',
    'KH_0002_2022113200_P_000001.zip',
    'KH_0002_2022111600_X_000001.zip',
    'HT_0002_2022111600_P_000001.zip',
    'KH_0002_2022111600_P_000001END.zip',
    'KH_0002_2022111600_P_000001 end.zip',
    'KH_0002_2022111600_P_000001.zip.tmp.tmp',
    'KH_0002_2022111600_P_000001.tmp',
    'CL_R1_LSV1.zip',
    'KH_R1_LSV1.txt',
    'KH_R1_LSV1_001.JPG',
    'KH_R1_LSV1_1.jpg',
    'KH_R1_LSV1_001.zip',
    'kh_R1_LSV1.zip',
    'KH_R1_LSV1.zip\n',
    '../KH_R1_LSV1.zip',
  ];
  for (const text of misses) t.equal(parseFileName(text), undefined, JSON.stringify(text));
});
