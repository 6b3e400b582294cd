import { posix } from 'node:path';
import { bare, withoutComments } from './sourceText.js';

/** Something in the source that the house does not allow, and what to do instead. */
export interface Violation {
  file: string;
  line: number;
  message: string;
}

/** Folders by floor; imports run downward only (design.md, "The house"). */
export const FLOORS: readonly (readonly string[])[] = [
  ['contract'],
  ['crypto'],
  ['notice'],
  ['files'],
  ['stores', 'workers', 'connections'],
  ['sources', 'operators', 'sinks'],
  ['engine'],
  ['cli', 'demo', 'dashboard'],
  ['bench', 'test'],
];
/** Folders of one floor that do not know one another. */
const APART = ['stores', 'workers', 'connections'];
const COMPONENTS = ['sources', 'operators', 'sinks'];
const REGISTRY = 'engine/registry.ts';
/** Where a process, a worker or a tool begins; test files are found by their name. */
const ENTRIES = [
  'cli/main.ts',
  'bench/main.ts',
  'bench/tasks',
  'workers/pack.ts',
  'stores/sqlite/checkpointer.ts',
  'engine/generate.ts',
];
const LINES_MAX = 300;
/** Tables and codes are data, and tests are lists of cases: their length is that of their subject. */
const AS_LONG_AS_IT_TAKES = ['notice/tables', 'notice/codes', 'test'];

interface Ban {
  pattern: RegExp;
  instead: string;
  /** Files and folders where it is at home. */
  homes: readonly string[];
}

const BANS: readonly Ban[] = [
  { pattern: /\bconsole\s*\./g, instead: 'log through context.log, or print() of cli/command.ts', homes: [] },
  { pattern: /\bprocess\.exit\s*\(/g, instead: 'throw an IovError, or return an exit code', homes: ['cli', 'bench'] },
  { pattern: /\bDate\.now\s*\(/g, instead: 'ask context.clock.now()', homes: ['engine/clock.ts', 'bench', 'test'] },
  {
    pattern: /\bMath\.random\s*\(/g,
    instead: 'use node:crypto, or the seeded demo/random.ts',
    homes: [],
  },
  {
    pattern: /\bAbortSignal\.timeout\b/g,
    instead: 'take timeLimit of contract/timeLimit.ts: Node may collect the signal before its time',
    homes: [],
  },
  {
    pattern: /\bJSON\.parse\s*\(/g,
    instead: 'parse what others sent with parseStrictJson of notice/strictJson.ts',
    // The others read what we wrote ourselves.
    homes: [
      'notice/strictJson.ts',
      'notice/shape.ts',
      'stores',
      'operators/split.ts',
      'cli/version.ts',
      'dashboard/client.ts',
      'demo',
      'bench',
      'test',
    ],
  },
  { pattern: /\bas\s+any\b|:\s*any\b|<any>/g, instead: 'name the type, or use unknown', homes: [] },
  { pattern: /\beval\s*\(|\bnew\s+Function\s*\(/g, instead: 'write the code out', homes: [] },
  {
    pattern: /\b__dirname\b|\brequire\s*\(/g,
    instead: 'use import and import.meta.url',
    homes: [],
  },
];
/** Waiting by the clock makes a test slow or wrong. */
const WAIT = 'wait for the event itself';
const PATIENT = ['test/support'];
/** They name what is not allowed. */
const OF_ITSELF = ['test/support/architecture.ts', 'test/architecture.test.ts'];
const TIMERS = /^(?:node:)?timers(?:\/promises)?$/;
const TEST_BANS: readonly Ban[] = [
  {
    pattern: /(?<![.])\bsetTimeout\s*\(/g,
    instead: WAIT,
    homes: PATIENT,
  },
  { pattern: /\.only\s*\(|\b(?:skip|todo):\s*true\b/g, instead: 'run every test', homes: [] },
];
const COMMENT_BANS: readonly Ban[] = [
  {
    pattern: /@ts-(?:ignore|expect-error|nocheck)|biome-ignore|eslint-disable/g,
    instead: 'mend what the checker found',
    homes: [],
  },
];

interface Import {
  file: string;
  line: number;
  specifier: string;
  typeOnly: boolean;
}

/**
 * Reads the whole source as text and tells what breaks the rules of the house.
 * @param files TypeScript sources by path from the project's root
 */
export function violations(files: ReadonlyMap<string, string>): Violation[] {
  const imports = [...files].flatMap(([file, text]) => importsOf(file, text));
  return [
    ...imports.flatMap(misdirected),
    ...circles(imports),
    ...strayPackages(imports),
    ...imports.flatMap(sleeping),
    ...unimported(files, imports),
    ...[...files].flatMap(([file, text]) => tooLong(file, text)),
    ...[...files].flatMap(([file, text]) => banned(file, text)),
  ];
}

const IMPORT =
  /\b(?:import|export)\s+(?<type>type\s)?(?:[^'";]*?\sfrom\s+)?['"](?<from>[^'"]+)['"]|\bimport\s*\(\s*['"](?<dynamic>[^'"]+)['"]\s*\)|\bnew URL\(\s*['"](?<url>\.[^'"]+\.js)['"]/g;

function importsOf(file: string, text: string): Import[] {
  const code = withoutComments(text);
  return [...code.matchAll(IMPORT)].map(({ groups = {}, index }) => ({
    file,
    line: lineAt(code, index),
    specifier: groups.from ?? groups.dynamic ?? groups.url ?? '',
    typeOnly: groups.type !== undefined,
  }));
}

/** The source file behind a relative import; undefined for packages. */
function targetOf({ file, specifier }: Import): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');
}

const folderOf = (file: string) => file.split('/')[0] ?? '';
const floorOf = (file: string) => FLOORS.findIndex((folders) => folders.includes(folderOf(file)));
const staysOnFloor = (one: Import) => floorOf(targetOf(one) ?? '') === floorOf(one.file);
const isIn = (file: string, homes: readonly string[]) =>
  homes.some((home) => file === home || file.startsWith(`${home}/`));

function misdirected(one: Import): Violation[] {
  const target = targetOf(one);
  if (target === undefined || floorOf(target) < 0) return [];
  const { file, line } = one;
  const say = (message: string) => [{ file, line, message: `imports ${target}: ${message}` }];
  const [from, to] = [folderOf(file), folderOf(target)];
  const above = floorOf(file) - floorOf(target);
  if (above < 0) return say(`imports run downward only, and ${to} is above ${from}; move what both need further down`);
  if (from === 'test' || from === 'bench') return [];
  if (COMPONENTS.includes(to) && file !== REGISTRY) {
    return say(
      COMPONENTS.includes(from)
        ? 'components do not import one another; move what both need into notice, stores or connections'
        : `only ${REGISTRY} imports components; ask it for their specs`,
    );
  }
  return above === 0 && from !== to && APART.includes(from)
    ? say(`${from} and ${to} are neighbours; move what both need further down`)
    : [];
}

/**
 * An import that leads back to where it stands, by whatever way on its floor: one over several floors runs upward somewhere,
 * which is told. Types and what is loaded later count as well.
 */
function circles(imports: readonly Import[]): Violation[] {
  const ways = new Map<string, Import[]>();
  for (const one of imports.filter(staysOnFloor)) ways.set(one.file, [...(ways.get(one.file) ?? []), one]);
  const found: Violation[] = [];
  const done = new Set<string>();
  const follow = (file: string, path: readonly string[]) => {
    for (const one of ways.get(file) ?? []) {
      const target = targetOf(one) ?? '';
      if (path.includes(target)) {
        const circle = [...path.slice(path.indexOf(target)), target].join(' → ');
        found.push({
          file,
          line: one.line,
          message: `imports ${target}, and so itself: ${circle}; part what both need`,
        });
      } else if (!done.has(target)) follow(target, [...path, target]);
    }
    done.add(file);
  };
  for (const file of ways.keys()) if (!done.has(file)) follow(file, [file]);
  return found;
}

/** A package has one home, so that it can be replaced in one place. */
function strayPackages(imports: readonly Import[]): Violation[] {
  const homes = new Map<string, string>();
  const found: Violation[] = [];
  for (const one of imports) {
    const { file, line, specifier, typeOnly } = one;
    const isPackage = !specifier.startsWith('.') && !specifier.startsWith('node:');
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    if (!isPackage || typeOnly || isIn(file, ['test', 'bench'])) continue;
    const home = homes.get(name) ?? file;
    homes.set(name, home);
    if (home !== file)
      found.push({ file, line, message: `imports ${name}, whose home is ${home}; import that file instead` });
  }
  return found;
}

/** A specifier stands in a string, which a search for banned calls does not see. */
function sleeping({ file, line, specifier }: Import): Violation[] {
  if (!isIn(file, ['test']) || isIn(file, [...PATIENT, ...OF_ITSELF]) || !TIMERS.test(specifier)) return [];
  return [{ file, line, message: `imports ${specifier}: ${WAIT}` }];
}

function unimported(files: ReadonlyMap<string, string>, imports: readonly Import[]): Violation[] {
  const imported = new Set(imports.map(targetOf));
  return [...files.keys()]
    .filter((file) => !imported.has(file) && !isIn(file, ENTRIES) && !file.endsWith('.test.ts'))
    .map((file) => ({
      file,
      line: 1,
      message: 'nobody imports this file; delete it, or import it where it is needed',
    }));
}

function tooLong(file: string, text: string): Violation[] {
  const lines = text.split('\n').length - 1;
  if (lines <= LINES_MAX || isIn(file, AS_LONG_AS_IT_TAKES)) return [];
  return [{ file, line: LINES_MAX, message: `has ${lines} lines, ${LINES_MAX} at most; give each concern a file` }];
}

function banned(file: string, text: string): Violation[] {
  const code = bare(text);
  const inCode = [...BANS, ...(isIn(file, ['test']) ? TEST_BANS : [])].flatMap((ban) => hits(file, code, ban));
  // These stand in comments, so the text is read as it is; but for the file that names them.
  return OF_ITSELF.includes(file) ? inCode : [...inCode, ...COMMENT_BANS.flatMap((ban) => hits(file, text, ban))];
}

function hits(file: string, code: string, { pattern, instead, homes }: Ban): Violation[] {
  if (isIn(file, homes)) return [];
  return [...code.matchAll(pattern)].map(({ 0: found, index }) => ({
    file,
    line: lineAt(code, index),
    message: `${found.trim()} is not used here; ${instead}`,
  }));
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
