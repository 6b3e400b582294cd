import { createHash } from 'node:crypto';
import { dirname, extname, isAbsolute, relative, resolve } from 'node:path';
import type { Peers } from '../../contract/peer.js';
import { parseTimestamp } from '../../notice/cutoff.js';
import { loadAndCheck } from '../check.js';
import { type CheckedConfig, type CheckedPipeline, givenBy } from '../config.js';
import { conform } from '../conform.js';
import { type ConfigFault, Faults } from '../fault.js';
import { jsonSchema } from '../jsonSchema.js';
import { load } from '../load.js';
import { type Located, locate, type Path } from '../located.js';
import { readBounded, type StandIns } from '../substitute.js';
import { didYouMean } from '../suggest.js';
import { type Given, type StepOptions, type TestFile, TestFileSchema } from './schema.js';

/** Files of tests are called after the pipeline file: `pipeline.test.yaml` beside `pipeline.yaml`. */
const TEST_SUFFIX = '.test.yaml';

const FILE_BYTES_MAX = 256 * 1024;

/** A file of tests that is sound, and the pipeline file that it tests. */
export interface LoadedTests {
  path: string;
  file: TestFile;
  config: CheckedConfig;
  /** Line and column of a value, from 1. */
  placeOf(path: Path): { line: number; column: number };
}

/**
 * Reads a file of tests, and checks it together with the pipeline file beside it. All faults come at once.
 * @param path of the file of tests
 */
export async function loadTests(path: string): Promise<{ loaded?: LoadedTests; faults: ConfigFault[] }> {
  const faults = new Faults(path);
  const root = load(path, faults, { secret: (name) => `\${secret:${name}}`, file: () => undefined });
  if (!root || !conform(jsonSchema(TestFileSchema), root, [], faults)) return { faults: faults.list() };
  const file = root.value as TestFile;
  const pipelinePath = path.slice(0, -TEST_SUFFIX.length) + extname(path);
  const { config, faults: pipelineFaults } = await loadAndCheck(pipelinePath, standIns(file, pipelinePath));
  if (!config) return { faults: [...faults.list(), ...pipelineFaults] };
  for (const [test, { steps }] of file.tests.entries()) {
    for (const [index, step] of steps.entries()) {
      checkStep(step, ['tests', String(test), 'steps', String(index)], { root, config, faults });
    }
  }
  if (!faults.none) return { faults: faults.list() };
  const placeOf = (place: Path) => {
    const { found } = locate(root, place);
    const { source, start } = found.key ?? found.mark;
    return source.position(start);
  };
  return { loaded: { path, file, config, placeOf }, faults: [] };
}

/** What is tested is the pipeline, not the site: it is checked without any secret of the site, and without most of its files. */
function standIns({ secrets, files }: TestFile, pipelinePath: string): StandIns {
  const folder = dirname(resolve(pipelinePath));
  const given = new Map(Object.entries(files).map(([name, content]) => [resolve(folder, name), content]));
  return {
    secret: (name) => secrets[name] ?? createHash('sha256').update(name).digest('hex').slice(0, 32),
    file: (path) => {
      const content = given.get(path);
      if (content !== undefined) return typeof content === 'string' ? content : JSON.stringify(content);
      const isText = !['.yaml', '.yml', '.json'].includes(extname(path));
      return isText && 'problem' in readBounded(path, FILE_BYTES_MAX)
        ? `in place of ${relative(folder, path)}`
        : undefined;
    },
  };
}

interface Around {
  root: Located;
  config: CheckedConfig;
  faults: Faults;
}

function checkStep(step: StepOptions, path: Path, { root, config, faults }: Around): void {
  const say = (place: Path, message: string) => {
    const { found } = locate(root, place);
    faults.add(place.length === path.length ? (found.key ?? found.mark) : found.mark, place, message);
  };
  const pipeline = config.pipelines.find(({ name }) => name === step.run);
  if (!pipeline) {
    const names = config.pipelines.map(({ name }) => name);
    say([...path, 'run'], `expected a pipeline (${names.join(', ')}), got ${step.run}${didYouMean(step.run, names)}`);
    return;
  }
  if (step.at !== undefined && timeOf(step.at) === undefined) say([...path, 'at'], 'expected a time of the calendar');
  if (!step.given && !runsItself(pipeline))
    say([...path, 'run'], `expected given, since the source ${pipeline.source.spec.name} waits for others`);
  for (const [index, given] of (step.given ?? []).entries()) {
    const fault = givenFault(given, pipeline, config.peers);
    if (fault !== undefined) say([...path, 'given', String(index)], fault);
  }
}

/** Its source reads what a test can lay out: the archive, or a file. */
const runsItself = ({ source: { spec } }: CheckedPipeline) => spec.lasts !== 'run';

function givenFault({ message, record, file, content, from }: Given, { source }: CheckedPipeline, peers: Peers) {
  const given = [message && 'message', record && 'record', file && 'file'].filter((kind) => kind !== undefined);
  const { spec } = source;
  const shape = givenBy({ source });
  if (!['message', 'record', 'file'].includes(shape)) return `expected nothing given: ${spec.name} reads the archive`;
  if (given.length !== 1 || given[0] !== shape)
    return `expected ${shape}, which is what ${spec.name} gives, got ${given.join(' and ') || 'none'}`;
  if ((file === undefined) !== (content === undefined)) return 'expected file and content together';
  if (from === undefined) return undefined;
  const names = Object.keys(peers);
  if (!names.includes(from))
    return `expected from one of the peers ${names.join(', ')}, got ${from}${didYouMean(from, names)}`;
  return file !== undefined && !peers[from]?.cipher ? `expected a peer with a cipher, got ${from}` : undefined;
}

/** Milliseconds of a time of the test file. */
export function timeOf(text: string): number | undefined {
  return parseTimestamp(text.replace(/\D/g, '').padEnd(14, '0'));
}

/** Whether a path of `files` lies in the pipeline file's folder, so that a copy of it may be laid out for the test. */
export function isWithin(path: string): boolean {
  return !isAbsolute(path) && !path.split(/[\\/]/).includes('..');
}
