import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Observer } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import type { Store, WindowRow } from '../../contract/store.js';
import { timeLimit } from '../../contract/timeLimit.js';
import { parseStrictJson } from '../../notice/strictJson.js';
import { SimulatedClock } from '../clock.js';
import type { CheckedConfig } from '../config.js';
import type { DiffLine } from '../diffLines.js';
import { Engine } from '../engine.js';
import { openLog } from '../log.js';
import { difference, inPart } from './compare.js';
import { bytesOf } from './content.js';
import { type Delivered, withMemoryEnds } from './ends.js';
import { isWithin, type LoadedTests, timeOf } from './load.js';
import type { Expected, StepOptions } from './schema.js';

/** What the clock says until a step says otherwise. */
const FIRST_MS = Date.parse('2026-11-15T12:00:00+08:00');
const LETTERS_MAX = 1_000;
/** A chain that does not end by then is stopped, and has failed. */
const STEP_MS_MAX = 60_000;

/** One expectation that was not met, and where it stands. */
export interface Unmet {
  line: number;
  column: number;
  /** The pipeline that ran. */
  run: string;
  /** `files`, `failed`, … */
  what: keyof Expected;
  diff: DiffLine[];
}

export interface TestOutcome {
  name: string;
  unmet: Unmet[];
}

/** What a step has brought about, in the words of `expect`. */
type Came = { [Name in keyof Required<Expected>]: unknown };

/** Runs the tests of a file, one after another, each in a folder and with an archive of its own. */
export async function* runTests(tests: LoadedTests): AsyncGenerator<TestOutcome> {
  for (const [index, { name, steps }] of tests.file.tests.entries()) {
    const folder = await mkdtemp(join(tmpdir(), 'iovpipe-test-'));
    try {
      await layOut(tests.file.files, join(folder, 'site'));
      const unmet = await runSteps(steps, ['tests', String(index), 'steps'], tests, folder);
      yield { name, unmet };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function layOut(files: Readonly<Record<string, unknown>>, site: string): Promise<void> {
  await mkdir(site);
  for (const [name, content] of Object.entries(files)) {
    if (!isWithin(name)) continue; // only included
    const path = join(site, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === 'string' ? bytesOf(content) : JSON.stringify(content));
  }
}

/** Later steps are not run once one has gone otherwise than expected: what they would tell follows from it. */
async function runSteps(steps: readonly StepOptions[], path: readonly string[], tests: LoadedTests, folder: string) {
  const clock = new SimulatedClock(FIRST_MS);
  for (const [index, step] of steps.entries()) {
    clock.set((step.at !== undefined && timeOf(step.at)) || clock.now());
    const came = await runStep(step, tests.config, {
      clock,
      folder: join(folder, String(index + 1)),
      site: join(folder, 'site'),
    });
    const unmet: Unmet[] = [];
    for (const what of Object.keys(came) as (keyof Expected)[]) {
      const expected = step.expect[what] ?? (what === 'failed' ? [] : undefined);
      if (expected === undefined) continue;
      const isInPart = what === 'failed' || what === 'deadLetters' || what === 'due';
      const diff = difference(isInPart ? inPart(expected as object[]) : expected, came[what]);
      if (diff) unmet.push({ ...tests.placeOf([...path, String(index), 'expect', what]), run: step.run, what, diff });
    }
    if (unmet.length > 0) return unmet;
  }
  return [];
}

async function runStep(
  { run, given, cutoff }: StepOptions,
  config: CheckedConfig,
  { clock, folder, site }: { clock: SimulatedClock; folder: string; site: string },
): Promise<Came> {
  await mkdir(folder);
  const delivered: Delivered = { sent: [], files: {} };
  const failed: Failure[] = [];
  const { tracing: _tracing, clickhouse: _clickhouse, ...rest } = config; // they lead out of here
  const own: CheckedConfig = {
    ...rest,
    file: join(site, basename(config.file)),
    archivePath: join(site, 'iovpipe-test.db'),
    outbox: join(folder, 'outbox'),
    connections: {},
    pipelines: config.pipelines
      .filter(({ name }) => name === run)
      .map((pipeline) =>
        withMemoryEnds(pipeline, config, {
          folder,
          given,
          delivered,
          failed: (error, index) => failed.push(failureOf(error, index)),
        }),
      ),
  };
  // where a source of the site itself runs nobody else learns of it
  const observer: Observer = ({ error }) => void (error && !given && failed.push(failureOf(error)));
  const engine = await Engine.open(own, { clock, log: openLog({ level: 'silent' }), observer });
  try {
    const { store } = engine;
    const before = await archivedIn(store);
    const lastLetter = store.deadLetters({ limit: LETTERS_MAX }).at(-1)?.id ?? 0;
    const signal = timeLimit(STEP_MS_MAX);
    await engine.once(run, { signal, ...(cutoff !== undefined && { cutoff }) }).catch((thrown: unknown) => {
      if (failed.length === 0) failed.push(failureOf(IovError.from(thrown)));
    });
    if (signal.aborted) failed.push(failureOf(new IovError('STOPPED', `${run}: did not end within ${STEP_MS_MAX} ms`)));
    const letters = store.deadLetters({ afterId: lastLetter, limit: LETTERS_MAX });
    return {
      ...delivered,
      archived: [...(await archivedIn(store))].flatMap(([key, records]) => records.slice(before.get(key)?.length ?? 0)),
      failed: failed.sort((one, other) => (one.given ?? 0) - (other.given ?? 0)), // they fail as they go
      deadLetters: letters.map(({ code, origin, reason }) => ({ code, origin, reason })),
      due: dueIn(store),
    };
  } finally {
    await engine.close();
  }
}

interface Failure {
  given?: number;
  code: string;
  answer: string;
  fields?: string[];
  message: string;
}

function failureOf(error: IovError, given?: number): Failure {
  const fields = error.faults.map(({ field }) => field);
  return {
    ...(given !== undefined && { given }),
    code: error.code,
    answer: error.failureCause ?? '604',
    ...(fields.length > 0 && { fields }),
    message: error.message,
  };
}

/** Every record of the archive, by kind and code. */
async function archivedIn(store: Store): Promise<Map<string, object[]>> {
  const found = new Map<string, object[]>();
  for (const { kind, code } of store.status().records) {
    const all: WindowRow = { ...EVERYTHING, kind: kind as WindowRow['kind'], code };
    const records: object[] = [];
    for await (const bytes of store.records(all, 0, all.toPosition))
      records.push({ kind, code, record: parseStrictJson(bytes) });
    found.set(`${kind}_${code}`, records);
  }
  return found;
}

/** No window of the ledger: a look at all that is there. */
const EVERYTHING: Omit<WindowRow, 'kind' | 'code'> = {
  id: 0,
  cutoff: '',
  type: 'F',
  fromPosition: 0,
  toPosition: Number.MAX_SAFE_INTEGER,
  pipeline: '',
  state: 'open',
  plannedAt: 0,
  options: '',
};

function dueIn(store: Store): object[] {
  const states = ['open', 'asked', 'delivered', 'failed'] as const;
  return (['KH', 'HT'] as const)
    .flatMap((content) => states.flatMap((state) => store.dueFiles({ content, state, limit: LETTERS_MAX })))
    .sort((one, other) => one.id - other.id)
    .map(({ name, code, iccid, state, reason }) => ({
      name,
      code,
      iccid,
      state,
      ...(reason !== undefined && { reason }),
    }));
}
