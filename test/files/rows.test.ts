import { writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { Start } from '../../files/rows.js';
import { formatOf, type RowFormat, rowsOf } from '../../files/rowsOf.js';

interface Seen {
  line: number;
  value?: unknown;
  code?: string;
  next: Start;
}

async function rowsIn(
  t: Test,
  name: string,
  content: string | Buffer,
  options: { start?: Start; lineBytesMax?: number; lists?: Record<string, string> } = {},
): Promise<Seen[]> {
  const path = `${t.testdirName}/${name}`;
  await writeFile(path, content);
  const { start = { offset: 0, line: 0 }, lineBytesMax = 1000, lists = {} } = options;
  const seen: Seen[] = [];
  for await (const rows of rowsOf(path, formatOf(path), start, { lineBytesMax, lists })) {
    for (const { line, value, problem, next } of rows)
      seen.push({ line, next, ...(value ? { value } : { code: problem?.code ?? '' }) });
  }
  return seen;
}

const brief = (rows: Seen[]) => rows.map(({ line, value, code }) => [line, value ?? code]);

t.test('the name says the format', async (t) => {
  const formats: Record<string, RowFormat> = {
    'a.ndjson': 'lines',
    'a.json': 'array',
    'a.json.gz': 'array',
    'a.csv.gz': 'csv',
    a: 'lines',
  };
  for (const [name, format] of Object.entries(formats)) t.equal(formatOf(name), format, name);
});

t.test('lines: spoiled ones are told by number, the rest goes on', async (t) => {
  t.testdir({});
  const lines = [
    '\ufeff{"a":1}',
    '',
    '{"a":',
    '{"a":1,"a":2}',
    '[1]',
    `{"a":"${'x'.repeat(1000)}"}`,
    '{"a":"车"}\r',
    '{"a":4}',
  ];
  t.same(brief(await rowsIn(t, 'x.ndjson', lines.join('\n'))), [
    [1, { a: 1 }],
    [3, 'MESSAGE_NOT_JSON'],
    [4, 'MESSAGE_NOT_JSON'],
    [5, 'MESSAGE_NOT_JSON'],
    [6, 'MESSAGE_TOO_LARGE'],
    [7, { a: '车' }],
    [8, { a: 4 }],
  ]);
  t.match(await rowsIn(t, 'latin.ndjson', Buffer.from('{"a":"\xe9"}\n{"a":1}', 'latin1')), [
    { code: 'MESSAGE_NOT_JSON' },
    { value: { a: 1 } },
  ]);
  t.same(await rowsIn(t, 'empty.ndjson', ''), []);
});

t.test('lines: a line far above the bound is passed over in bounded memory', async (t) => {
  t.testdir({});
  const million = gzipSync(Buffer.alloc(1_000_000, 'x'));
  const members = [gzipSync('{"a":1}\n'), ...Array<Buffer>(301).fill(million), gzipSync('\n{"a":2}\n')];
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }, 1);
  const rows = await rowsIn(t, 'huge.ndjson.gz', Buffer.concat(members), { lineBytesMax: 1_000_000 });
  clearInterval(watch);
  t.same(brief(rows), [
    [1, { a: 1 }],
    [2, 'MESSAGE_TOO_LARGE'],
    [3, { a: 2 }],
  ]);
  // what V8 lets gather before it collects garbage, twice: its sweeper has a thread of its own, which may be late
  t.ok(most < 150_000_000, `${most} bytes at most`);
});

t.test('array: elements are read as strictly as lines; a malformed rest is told and ends it', async (t) => {
  t.testdir({});
  const nested = { a: ['x"y\\', 1.5e3, null, true, {}], b: { c: '😀\n' } };
  t.same(brief(await rowsIn(t, 'x.json', JSON.stringify([nested, 5, nested], null, 2))), [
    [1, nested],
    [2, 'MESSAGE_NOT_JSON'],
    [3, nested],
  ]);
  t.same(brief(await rowsIn(t, 'twice.json', `[{"a":1,"a":2},{"a":"${'x'.repeat(1000)}"},{"a":3}]`)), [
    [1, 'MESSAGE_NOT_JSON'],
    [2, 'MESSAGE_TOO_LARGE'],
    [3, { a: 3 }],
  ]);
  const many = Array.from({ length: 1000 }, (_, number) => `{"a":${number}}`);
  const broken = await rowsIn(t, 'broken.json', `[${many.join()},{"a":],${many.join()}]`);
  t.match(broken.at(-1), { code: 'FILE_INVALID' });
  t.ok(broken.length > 700 && broken.length <= 1001, `${broken.length} of 1001 rows until the fault`);
  t.same(brief(await rowsIn(t, 'none.json', '[]')), []);
  await t.rejects(rowsIn(t, 'object.json', '{"a":1}'), { code: 'FILE_INVALID', message: /one JSON array/ });
});

t.test('csv: the header names the fields, lists are cut, spoiled records cost no other', async (t) => {
  t.testdir({});
  const csv = [
    '\ufeffICCID,Name,ServiceType',
    '1,"a ""b"", c",x|y',
    '2,,',
    '3,too few',
    '',
    '4,"b"x,',
    '5,"two',
    'lines",z',
    `6,${'x'.repeat(1000)},`,
    '7,fine,',
    '8,"never closed',
    '9,swallowed,',
  ];
  const rows = await rowsIn(t, 'x.csv', csv.join('\r\n'), { lists: { ServiceType: '|' } });
  t.same(brief(rows), [
    [2, { ICCID: '1', Name: 'a "b", c', ServiceType: ['x', 'y'] }],
    [3, { ICCID: '2' }],
    [4, 'FILE_INVALID'],
    [6, 'FILE_INVALID'],
    [7, { ICCID: '5', Name: 'two\nlines', ServiceType: ['z'] }],
    [9, 'MESSAGE_TOO_LARGE'],
    [10, { ICCID: '7', Name: 'fine' }],
    [11, 'FILE_INVALID'],
  ]);
  await t.rejects(rowsIn(t, 'twice.csv', 'a,b,a\n1,2,3'), { code: 'FILE_INVALID', message: /names each field once/ });
});

t.test('a damaged .gz file, and one that is not there, fail as a whole', async (t) => {
  t.testdir({});
  await t.rejects(rowsIn(t, 'cut.ndjson.gz', gzipSync('{"a":1}\n').subarray(0, 20)), { code: 'FILE_INVALID' });
  const missing = rowsOf(
    `${t.testdirName}/none.ndjson`,
    'lines',
    { offset: 0, line: 0 },
    { lineBytesMax: 100, lists: {} },
  );
  await t.rejects(missing[Symbol.asyncIterator]().next(), { code: 'FILE_UNREADABLE' });
});

t.test('reading may stop after any row and go on there, in every format, packed or not', async (t) => {
  t.testdir({});
  const record = fc.record({
    a: fc.string({ unit: 'grapheme', minLength: 1 }),
    b: fc.array(fc.stringMatching(/^[^|"\n]+$/), { minLength: 1, maxLength: 3 }),
  });
  let number = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { minLength: 1, maxLength: 12 }),
      fc.constantFrom('ndjson', 'json', 'csv'),
      fc.boolean(),
      fc.nat(),
      async (records, format, packed, at) => {
        const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
        const text = {
          ndjson: records.map((one) => JSON.stringify(one)).join('\n'),
          json: JSON.stringify(records),
          csv: ['a,b', ...records.map(({ a, b }) => `${quoted(a)},${quoted(b.join('|'))}`)].join('\n'),
        }[format]!;
        const name = `${number++}.${format}${packed ? '.gz' : ''}`;
        const content = packed ? gzipSync(text) : text;
        const lists = { b: '|' };
        const all = await rowsIn(t, name, content, { lists });
        const values = (rows: Seen[]) => JSON.stringify(rows.map(({ value }) => value));
        if (values(all) !== JSON.stringify(records)) throw new Error(`${name}: ${values(all)}`);
        const stopped = at % all.length;
        const rest = await rowsIn(t, name, content, { lists, start: all[stopped]!.next });
        if (JSON.stringify(rest) !== JSON.stringify(all.slice(stopped + 1)))
          throw new Error(`${name} from ${stopped}: ${JSON.stringify(rest)}`);
      },
    ),
    { seed: 35, numRuns: 200 },
  );
  t.comment(`seed 35, ${number} files`);
});
