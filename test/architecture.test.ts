import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { FLOORS, violations } from './support/architecture.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

t.test('the source keeps the rules of the house', async (t) => {
  const files = new Map<string, string>();
  for (const folder of FLOORS.flat()) {
    for (const file of sourcesIn(folder)) files.set(file, readFileSync(join(ROOT, file), 'utf8'));
  }
  t.ok(files.size > 50, 'the walk finds the source');
  const { include } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8')) as { include: string[] };
  t.same(FLOORS.flat().sort(), include.sort(), 'what is compiled has a floor');
  const found = violations(files).map(({ file, line, message }) => `${file}:${line} ${message}`);
  t.strictSame(found, []);
});

function sourcesIn(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name.replaceAll('\\', '/')}`);
}

/** A house that keeps every rule; each control below breaks one. */
const SOUND: Readonly<Record<string, string>> = {
  'cli/main.ts': "import { run } from '../engine/run.js';\nimport '../engine/registry.js';\nrun();",
  'engine/run.ts':
    "import { parse } from 'yaml';\nimport { all } from './registry.js';\nexport const run = () => parse(all);",
  'engine/registry.ts':
    "import { spec as zip } from '../operators/zip.js';\nimport { spec as file } from '../sources/file.js';\nexport const all = [zip, file];",
  'operators/zip.ts': "import { pure } from '../notice/pure.js';\nexport const spec = { pure };",
  'sources/file.ts': 'export const spec = {};',
  'notice/pure.ts': "// console.log('in a comment') and Date.now()\nexport const pure = 'console.log(Date.now())';",
  'test/pure.test.ts': "import t from 'tap';\nimport { pure } from '../notice/pure.js';\nt.ok(pure);",
};

const CONTROLS: readonly { name: string; file: string; text: string; expected: RegExp }[] = [
  {
    name: 'an upward import',
    file: 'notice/pure.ts',
    text: "import { run } from '../engine/run.js';\nexport const pure = run;",
    expected: /^notice\/pure\.ts:1 imports engine\/run\.ts: imports run downward only/,
  },
  {
    name: 'an upward import of a type',
    file: 'notice/pure.ts',
    text: "import type { Run } from '../engine/run.js';\nexport const pure = 1 as unknown as Run;",
    expected: /downward only/,
  },
  {
    name: 'an upward import that is dynamic',
    file: 'notice/pure.ts',
    text: "export const pure = () => import('../engine/run.js');",
    expected: /downward only/,
  },
  {
    name: 'a circle, even of a type',
    file: 'engine/registry.ts',
    text: "import { spec as zip } from '../operators/zip.js';\nimport { spec as file } from '../sources/file.js';\nimport type { Run } from './run.js';\nexport const all = [zip, file] as Run[];",
    expected:
      /^engine\/\S+ imports \S+, and so itself: engine\/(run|registry)\.ts → engine\/(run|registry)\.ts → engine/,
  },
  {
    name: 'a circle through what is loaded later',
    file: 'engine/registry.ts',
    text: "import { spec as zip } from '../operators/zip.js';\nimport { spec as file } from '../sources/file.js';\nexport const all = [zip, file, () => import('./run.js')];",
    expected: /and so itself/,
  },
  {
    name: 'a component that imports another',
    file: 'operators/zip.ts',
    text: "import { spec as file } from '../sources/file.js';\nimport '../notice/pure.js';\nexport const spec = file;",
    expected: /^operators\/zip\.ts:1 .*components do not import one another/,
  },
  {
    name: 'a component that imports the engine',
    file: 'operators/zip.ts',
    text: "import { run } from '../engine/run.js';\nimport '../notice/pure.js';\nexport const spec = run;",
    expected: /engine is above operators/,
  },
  {
    name: 'a component imported beside the registry',
    file: 'engine/run.ts',
    text: "import { spec } from '../operators/zip.js';\nimport 'yaml';\nexport const run = () => spec;",
    expected: /only engine\/registry\.ts imports components/,
  },
  {
    name: 'a package with two homes',
    file: 'notice/pure.ts',
    text: "import { parse } from 'yaml';\nexport const pure = parse;",
    expected: /imports yaml, whose home is engine\/run\.ts/,
  },
  {
    name: 'a file that nobody imports',
    file: 'notice/lost.ts',
    text: 'export const lost = 1;',
    expected: /^notice\/lost\.ts:1 nobody imports this file/,
  },
  {
    name: 'a file that is too long',
    file: 'notice/pure.ts',
    text: `export const pure = 1;\n${'\n'.repeat(300)}`,
    expected: /has 301 lines, 300 at most/,
  },
  {
    name: 'console.log',
    file: 'notice/pure.ts',
    text: "export const pure = 1;\nconsole.log('x');",
    expected: /^notice\/pure\.ts:2 console\. is not used here; log through context\.log/,
  },
  {
    name: 'console.log within a template',
    file: 'notice/pure.ts',
    text: `export const pure = \`a \${console.log(1)} b\`;`,
    expected: /console\./,
  },
  {
    name: 'process.exit outside of cli',
    file: 'notice/pure.ts',
    text: 'export const pure = 1;\nprocess.exit(1);',
    expected: /process\.exit\( is not used here; throw an IovError/,
  },
  {
    name: 'Date.now',
    file: 'notice/pure.ts',
    text: 'export const pure = Date.now();',
    expected: /ask context\.clock\.now\(\)/,
  },
  {
    name: 'Math.random',
    file: 'notice/pure.ts',
    text: 'export const pure = Math.random();',
    expected: /the seeded demo\/random\.ts/,
  },
  {
    name: 'JSON.parse of what a peer sent',
    file: 'notice/pure.ts',
    text: 'export const pure = JSON.parse;\npure("{}");\nJSON.parse("{}");',
    expected: /^notice\/pure\.ts:3 .*parseStrictJson/,
  },
  { name: 'any', file: 'notice/pure.ts', text: 'export const pure = 1 as any;', expected: /use unknown/ },
  {
    name: 'a silenced checker',
    file: 'notice/pure.ts',
    text: '// @ts-ignore\nexport const pure = 1;',
    expected: /mend what the checker found/,
  },
  {
    name: 'a test that sleeps',
    file: 'test/pure.test.ts',
    text: "import t from 'tap';\nsetTimeout(() => t.pass(), 1000);",
    expected: /wait for the event itself/,
  },
  {
    name: 'a test that imports its sleep',
    file: 'test/pure.test.ts',
    text: "import { setTimeout as pause } from 'node:timers/promises';\nimport t from 'tap';\nawait pause(1000);\nt.pass();",
    expected: /^test\/pure\.test\.ts:1 imports node:timers\/promises: wait for the event itself/,
  },
  {
    name: 'a test that imports its sleep when it runs',
    file: 'test/pure.test.ts',
    text: "import t from 'tap';\nconst { setTimeout: pause } = await import('timers/promises');\nawait pause(1000);\nt.pass();",
    expected: /^test\/pure\.test\.ts:2 imports timers\/promises/,
  },
  {
    name: 'a test that runs alone',
    file: 'test/pure.test.ts',
    text: "import t from 'tap';\nt.only('x');",
    expected: /run every test/,
  },
];

t.test('a sound house has no violation', async (t) => {
  t.strictSame(violations(new Map(Object.entries(SOUND))), []);
});

for (const { name, file, text, expected } of CONTROLS) {
  t.test(`the check has teeth: ${name}`, async (t) => {
    const found = violations(new Map(Object.entries({ ...SOUND, [file]: text })));
    t.match(
      found.map((one) => `${one.file}:${one.line} ${one.message}`),
      [expected],
    );
    t.equal(found.length, 1, 'nothing else is found');
  });
}
