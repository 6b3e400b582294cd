import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { iovpipe } from '../support/cli.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Its own, so that what is left there can be seen. */
const TMPDIR = t.testdir();
process.env.TMPDIR = TMPDIR;
delete process.env.FORCE_COLOR; // as the test runner may have set it
t.setTimeout(600_000);

/** Every shipped pipeline but those that need other machines, by the name of its tests. */
const TESTED = ['pipeline', 'pipelines/backfill', 'pipelines/oem', 'pipelines/regulator', 'pipelines/replay'];

/** An operator whose accounts go into the archive under another code. */
const OTHER_CODE = ['archive: { kind: KH, code: "0002" }', 'archive: { kind: KH, code: "0003" }'] as const;

/** A folder with the shipped operator and its tests, each text of the pipeline file replaced. */
function operator(folder: string, changes: readonly (readonly [from: string, to: string])[]): void {
  for (const name of ['peers.yaml', 'pipeline.test.yaml']) cpSync(join(ROOT, name), join(folder, name));
  let text = readFileSync(join(ROOT, 'pipeline.yaml'), 'utf8');
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`pipeline.yaml does not hold ${from}`);
    text = text.replaceAll(from, to);
  }
  writeFileSync(join(folder, 'pipeline.yaml'), text);
}

t.test('the tests of the shipped pipelines pass, without a secret of the site', async (t) => {
  const before = readdirSync(ROOT);
  const { code, stdout, stderr } = await iovpipe(['test'], ROOT);
  t.equal(code, 0, stdout + stderr);
  for (const name of TESTED) t.ok(stdout.includes(`${name}.test.yaml\n  ok   `), name);
  t.notMatch(stdout, 'FAIL');
  t.strictSame(readdirSync(ROOT), before, 'nothing is left beside the pipeline file');
  t.strictSame(readdirSync(TMPDIR), [], 'nor in the temporary folder');
});

t.test('every pipeline of every tested file runs in its tests', async (t) => {
  for (const name of TESTED) {
    const pipelines = [
      ...readFileSync(join(ROOT, `${name}.yaml`), 'utf8')
        .split('\npipelines:')[1]!
        .matchAll(/^ {2}([\w-]+):/gm),
    ];
    const tests = readFileSync(join(ROOT, `${name}.test.yaml`), 'utf8');
    const untested = pipelines
      .map(([, pipeline]) => pipeline ?? '')
      .filter((pipeline) => !tests.includes(`run: ${pipeline}\n`) && !tests.includes(`run: ${pipeline} `));
    t.strictSame(untested, [], name);
  }
});

t.test('a record that is not archived as it should be is shown with its place and what differs', async (t) => {
  const folder = t.testdir();
  operator(folder, [OTHER_CODE]);
  const { code, stdout } = await iovpipe(['test', 'pipeline.yaml'], folder);
  t.equal(code, 2);
  t.match(stdout, /FAIL a registration and the operator's card data become one record/);
  t.match(stdout, /pipeline\.test\.yaml:\d+:\d+ accounts-in: archived \(- expected, \+ came\)/);
  t.match(stdout, /- +"code": "0002",\n +\+ +"code": "0003",\n/);
  t.match(stdout, /ok {3}pictures are kept with their registration/, 'the others still run');
  t.match(stdout, /\n\d+ passed, 1 failed\n$/);
});

t.test('what fails unexpectedly is told with its code and fields', async (t) => {
  const folder = t.testdir();
  operator(folder, [['      - validate: { table: 8 }\n', '      - validate: { table: 11 }\n']]);
  const { code, stdout } = await iovpipe(['test'], folder);
  t.equal(code, 2);
  t.match(stdout, /accounts-in: failed/);
  t.match(stdout, /\+ +"code": "RECORD_INVALID"/);
  t.match(stdout, /\+ +"VIN"/);
});

t.test('a chain that lets everybody in does not pass', async (t) => {
  const folder = t.testdir();
  operator(folder, [
    ['      - authenticate: {}                  # PlatformID, SignNature, and the Codes it may speak for\n', ''],
  ]);
  const { code, stdout } = await iovpipe(['test'], folder);
  t.equal(code, 2);
  t.match(stdout, /FAIL what does not come from a known platform/);
});

t.test('colours are for terminals, or where they are asked for', async (t) => {
  const folder = t.testdir();
  operator(folder, [OTHER_CODE]);
  t.notMatch((await iovpipe(['test'], folder)).stdout, '\x1b[');
  process.env.FORCE_COLOR = '1';
  t.teardown(() => delete process.env.FORCE_COLOR);
  t.match((await iovpipe(['test'], folder)).stdout, '\x1b[31m- ');
});

t.test('--json tells every test and what was not met', async (t) => {
  const folder = t.testdir();
  operator(folder, [OTHER_CODE]);
  const { code, stdout } = await iovpipe(['test', '--json'], folder);
  t.equal(code, 2);
  t.match(JSON.parse(stdout), [
    {
      file: 'pipeline.test.yaml',
      faults: [],
      tests: [{ unmet: [{ run: 'accounts-in', what: 'archived', line: Number, column: Number }] }],
    },
  ]);
});

const BESIDE = `archive: { sqlite: { path: a.db } }
pipelines:
  a: { source: { file: { path: a.ndjson } }, sink: { discard: {} } }
  b: { source: { archive: { kind: KH, window: day } }, schedule: manual, operators: [{ split: { name: "KH_{code}_{cutoff}_P_{seq}" } }, { zip: {} }], sink: { directory: { directory: out } } }
`;

for (const [what, tests, told] of [
  ['a word that is unknown', 'tests: [{ name: x, step: [] }]', /x\.test\.yaml:1:\d+ .*steps/],
  [
    'a pipeline that is not there',
    'tests:\n  - { name: x, steps: [{ run: aa }] }',
    /x\.test\.yaml:2:31 tests\[0\]\.steps\[0\]\.run: expected a pipeline \(a, b\), got aa; did you mean "a"\?/,
  ],
  [
    'an item of another shape',
    'tests: [{ name: x, steps: [{ run: a, given: [{ message: {} }] }] }]',
    /expected record, which is what file gives, got message/,
  ],
  [
    'items for a source that reads the archive',
    'tests: [{ name: x, steps: [{ run: b, given: [{ record: {} }] }] }]',
    /expected nothing given: archive reads the archive/,
  ],
  [
    'a peer that is not there',
    'tests: [{ name: x, steps: [{ run: a, given: [{ record: {}, from: oem }] }] }]',
    /expected from one of the peers/,
  ],
  ['YAML that is none', 'tests: [', /x\.test\.yaml:1:/],
] as const) {
  t.test(`faults of a test file are told with their place, and are exit code 1: ${what}`, async (t) => {
    const folder = t.testdir({ 'x.yaml': BESIDE, 'x.test.yaml': tests });
    const { code, stdout, stderr } = await iovpipe(['test', 'x.yaml'], folder);
    t.equal(code, 1, stdout);
    t.match(stderr, told);
  });
}

t.test('faults of the pipeline file are told as check tells them', async (t) => {
  const folder = t.testdir({
    'x.yaml': BESIDE.replace('discard', 'discart'),
    'x.test.yaml': 'tests: [{ name: x, steps: [{ run: a }] }]',
  });
  const { code, stderr } = await iovpipe(['test', 'x.test.yaml'], folder);
  t.equal(code, 1);
  t.match(stderr, /x\.yaml:3:\d+ a\.sink.*expected a sink .*did you mean "discard"\?/);
});

t.test('a file that a test lays out is read by the file source itself', async (t) => {
  const folder = t.testdir({
    'x.yaml': BESIDE,
    'x.test.yaml':
      'files: { a.ndjson: "{}\\nnonsense\\n" }\ntests: [{ name: x, steps: [{ run: a, expect: { deadLetters: [{ origin: "a.ndjson:2" }] } }] }]',
  });
  const { code, stdout } = await iovpipe(['test', 'x.yaml'], folder);
  t.equal(code, 0, stdout);
});

t.test('nothing to test is a wrong use', async (t) => {
  const { code, stderr } = await iovpipe(['test'], t.testdir());
  t.equal(code, 64);
  t.match(stderr, 'there is no *.test.yaml here');
});
