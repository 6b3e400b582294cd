import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { IovError } from '../contract/error.js';
import type { DiffLine } from '../engine/diffLines.js';
import { type ConfigFault, formatFault } from '../engine/fault.js';
import { isColoured } from '../engine/isColoured.js';
import type { TestOutcome } from '../engine/yamlTests/run.js';
import { type Command, complain, EXIT, type Given, print, printJson } from './command.js';

/** Equal lines around a difference. */
const CONTEXT_LINES = 3;

interface FileOutcome {
  file: string;
  faults: readonly ConfigFault[];
  tests: TestOutcome[];
}

export const command: Command = {
  usage: 'test [FILE…] [--json]',
  help: [
    'Runs the tests that stand beside a pipeline file: `pipeline.test.yaml` tests `pipeline.yaml`. FILE is either of the two; by',
    'default every *.test.yaml here and in pipelines/. Each test has a folder and an archive of its own and a clock that stands',
    'still; items are given from memory and kept in memory, and everything in between is the real chain: they are checked,',
    'joined, cut into files, zipped and encrypted, and what comes out is decrypted and unzipped for comparison. Secrets of the',
    'site are not read, and nothing is sent. Exit code 2 where an expectation is not met, 1 where a file has faults.',
    '',
    '  --json   every test with what was not met, as JSON on stdout',
  ].join('\n'),
  options: { json: { type: 'boolean' } },
  positionalsMax: 1_000,
  async run(given) {
    const outcomes: FileOutcome[] = [];
    for (const file of filesOf(given)) outcomes.push(await runFile(file, given.values.json === true));
    if (given.values.json) printJson(outcomes);
    else print(summary(outcomes));
    if (outcomes.some(({ faults }) => faults.length > 0)) return EXIT.refused;
    return outcomes.some(({ tests }) => tests.some(({ unmet }) => unmet.length > 0)) ? EXIT.failed : EXIT.done;
  },
};

/** @throws IovError USAGE where there is nothing to run */
function filesOf({ positionals }: Given): string[] {
  const here = ['.', 'pipelines'].flatMap((folder) =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => name.endsWith('.test.yaml'))
          .sort()
          .map((name) => join(folder, name))
      : [],
  );
  const files =
    positionals.length === 0 ? here : positionals.map((path) => path.replace(/(?:\.test)?\.yaml$/, '.test.yaml'));
  if (files.length === 0)
    throw new IovError('USAGE', 'expected tests, but there is no *.test.yaml here or in pipelines/');
  return files;
}

async function runFile(file: string, quiet: boolean): Promise<FileOutcome> {
  const [{ loadTests }, { runTests }] = await Promise.all([
    import('../engine/yamlTests/load.js'),
    import('../engine/yamlTests/run.js'),
  ]);
  const { loaded, faults } = await loadTests(file);
  if (!quiet) print(file);
  if (!loaded) {
    complain(faults.map(formatFault).join('\n\n'));
    return { file, faults, tests: [] };
  }
  const tests: TestOutcome[] = [];
  for await (const test of runTests(loaded)) {
    tests.push(test);
    if (!quiet) print(told(test, file));
  }
  return { file, faults: [], tests };
}

function told({ name, unmet }: TestOutcome, file: string): string {
  if (unmet.length === 0) return `  ${styled('green', 'ok')}   ${name}`;
  const parts = unmet.map(({ line, column, run, what, diff }) =>
    [
      `       ${file}:${line}:${column} ${run}: ${what} (${styled('red', '- expected')}, ${styled('green', '+ came')})`,
      ...shortened(diff).map((text) => `         ${text}`),
    ].join('\n'),
  );
  return [`  ${styled('red', 'FAIL')} ${name}`, ...parts].join('\n');
}

/** The differences with a few lines around each. */
function shortened(diff: readonly DiffLine[]): string[] {
  const isNear = diff.map((_, at) =>
    diff.slice(Math.max(0, at - CONTEXT_LINES), at + CONTEXT_LINES + 1).some(({ mark }) => mark !== ' '),
  );
  return diff.flatMap(({ mark, text }, at) => {
    if (!isNear[at]) return at > 0 && isNear[at - 1] ? ['…'] : [];
    const line = `${mark} ${text}`;
    return [mark === ' ' ? line : styled(mark === '-' ? 'red' : 'green', line)];
  });
}

function summary(outcomes: readonly FileOutcome[]): string {
  const tests = outcomes.flatMap((outcome) => outcome.tests);
  const failed = tests.filter(({ unmet }) => unmet.length > 0).length;
  const faulty = outcomes.filter(({ faults }) => faults.length > 0).length;
  return [
    `${tests.length - failed} passed`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(faulty > 0 ? [`${faulty} files with faults`] : []),
  ].join(', ');
}

const COLOURS = { red: 31, green: 32 };

function styled(colour: keyof typeof COLOURS, text: string): string {
  return isColoured(process.stdout) ? `\x1b[${COLOURS[colour]}m${text}\x1b[0m` : text;
}
