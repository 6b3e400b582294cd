import type { ConnectionSpec, OperatorSpec, SinkSpec, SourceSpec } from '../contract/component.js';
import type { WindowKey } from '../contract/file.js';
import { CipherOptions } from '../contract/peer.js';
import { cipherFaults } from '../crypto/key.js';
import { windowOfTemplate } from '../notice/batch.js';
import { conform } from './conform.js';
import { cronProblem, nextTime } from './cron.js';
import { Faults } from './fault.js';
import { jsonSchema } from './jsonSchema.js';
import { type Located, locate, type Path } from './located.js';
import type { Role } from './registry.js';

/** A component in its place; `located.value` holds its options, `valid` says whether they conform to its schema. */
export interface Step<Name extends Role> {
  spec: { source: SourceSpec; operator: OperatorSpec; sink: SinkSpec; connection: ConnectionSpec }[Name];
  located: Located;
  path: Path;
  valid: boolean;
}

/** A pipeline as it was written; what is unknown has been told already. */
export interface Steps {
  name: string;
  located: Located;
  schedule: Located | undefined;
  source: Step<'source'> | undefined;
  operators: readonly (Step<'operator'> | undefined)[];
  sink: Step<'sink'> | undefined;
}

const SHANGHAI_MS = 8 * 3_600_000;
const DAY_MS = 86_400_000;

/** Rules of one pipeline that no schema can say. */
export function checkPipeline(steps: Steps, faults: Faults): void {
  const path = ['pipelines', steps.name];
  if (steps.source) checkScheduled(steps, steps.source, path, faults);
  const at = steps.schedule?.children.get('at');
  if (at && typeof at.value === 'string' && !at.broken) checkTimes(at.value, at, steps, path, faults);
  for (const operator of steps.operators) {
    if (operator?.spec.name === 'split' && steps.source) checkSplit(operator, steps.source, faults);
  }
}

/** A source that reads a window needs to know when; any other runs by itself. */
function checkScheduled({ schedule, located }: Steps, source: Step<'source'>, path: Path, faults: Faults): void {
  const name = source.spec.name;
  if (source.spec.lasts === 'window' && !schedule) {
    const wanted = `expected schedule (at: "0 0 * * *", or manual), got nothing; ${name} reads a window at a time`;
    faults.add(located.key ?? located.mark, path, wanted);
  }
  if (!schedule || source.spec.lasts === 'window') return;
  if (source.spec.lasts === 'finite' && schedule.value === 'manual') return;
  const [expected, why] =
    source.spec.lasts === 'finite'
      ? ['no schedule, or manual', `${name} runs once to its end`]
      : ['no schedule', `${name} runs until it is stopped`];
  faults.add(schedule.key ?? schedule.mark, [...path, 'schedule'], `expected ${expected}, got one; ${why}`);
}

/** When the archive is purged. */
export function checkRetention(root: Located, faults: Faults): void {
  const at = root.children.get('retention')?.children.get('at');
  if (at && typeof at.value === 'string' && !at.broken) checkPattern(at.value, at, ['retention', 'at'], faults);
}

function checkPattern(pattern: string, at: Located, path: Path, faults: Faults): boolean {
  const problem = cronProblem(pattern);
  if (!problem) return true;
  const expected = 'expected a cron pattern (minute, hour, day of month, month, day of week)';
  faults.add(at.mark, path, `${expected}, got ${JSON.stringify(pattern)}: ${problem}`);
  return false;
}

function checkTimes(pattern: string, at: Located, { schedule }: Steps, path: Path, faults: Faults): void {
  if (!checkPattern(pattern, at, [...path, 'schedule', 'at'], faults)) return;
  const finishBy = schedule?.children.get('finishBy');
  if (!finishBy || typeof finishBy.value !== 'string' || !/^\d\d:\d\d$/.test(finishBy.value)) return;
  const startMinutes = Math.floor(((nextTime(pattern, 0) + SHANGHAI_MS) % DAY_MS) / 60_000);
  const start = [Math.floor(startMinutes / 60), startMinutes % 60]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
  if (finishBy.value > start) return;
  const expected = `expected a time after ${start}, when it starts`;
  faults.add(finishBy.mark, [...path, 'schedule', 'finishBy'], `${expected}, got ${JSON.stringify(finishBy.value)}`);
}

/** A split needs a source that ends, and names of the window that the source reads. */
function checkSplit(split: Step<'operator'>, source: Step<'source'>, faults: Faults): void {
  if (source.spec.lasts === 'run') {
    const needs = `split needs a source that ends, as archive or file, but ${source.spec.name} runs until it is stopped`;
    faults.add(split.located.key ?? split.located.mark, split.path.slice(0, -1), needs);
  }
  // A file's receipts settle when it is delivered, and a source that waits for them to go on would wait for ever.
  if (source.valid && (source.located.value as { resume?: boolean }).resume === true) {
    const expected = 'expected resume: false, since split begins anew after an interruption, got true';
    faults.add(source.located.key ?? source.located.mark, source.path, expected);
  }
  const name = split.located.children.get('name');
  if (!name || typeof name.value !== 'string') return;
  const problem = templateProblem(name.value, source);
  if (problem) faults.add(name.mark, [...split.path, 'name'], `${problem}, got ${JSON.stringify(name.value)}`);
}

function templateProblem(template: string, { spec, located, valid }: Step<'source'>): string | undefined {
  const withCode = template.includes('{code}');
  if (spec.lasts === 'window' && !withCode) return 'expected a name with {code}, since each code has its own files';
  if (spec.lasts !== 'window' && withCode) {
    return `expected the code written out, as KH_0002_{cutoff}_F_{seq}, since ${spec.name} does not say whose records it reads`;
  }
  const window = windowOf(template);
  // What is no name at all split itself tells.
  if (!window || spec.lasts !== 'window' || !valid) return undefined;
  const { kind, window: length } = located.value as { kind: string; window: string };
  if (kind !== window.kind) return `expected a name that begins with ${kind}_, the kind that ${spec.name} reads`;
  const type = length === 'day' ? 'P' : 'F';
  if (type === window.type) return undefined;
  return `expected a name with _${type}_, since a window of ${length} is ${type === 'P' ? 'daily increments' : 'all records'}`;
}

function windowOf(template: string): WindowKey | undefined {
  try {
    return windowOfTemplate(template, { code: '0000', cutoff: '2022111600' });
  } catch {
    return undefined;
  }
}

/** Rules between pipelines, and between connections: no two may want the same address or path. */
export function checkTogether(
  connections: readonly (Step<'connection'> | undefined)[],
  pipelines: readonly Steps[],
  faults: Faults,
): void {
  const addresses = new Map<string, string>();
  for (const step of connections) {
    const listen = step?.located.children.get('listen');
    if (!step || typeof listen?.value !== 'string' || listen.value.endsWith(':0')) continue;
    taken(
      addresses,
      listen.value,
      step.path[1] ?? '',
      listen,
      [...step.path, 'listen'],
      'an address of its own',
      faults,
    );
  }
  const paths = new Map<string, string>();
  for (const { name, source } of pipelines) {
    const path = source?.located.children.get('path');
    const on = source?.located.children.get('on');
    if (!source || typeof path?.value !== 'string' || typeof on?.value !== 'string') continue;
    const key = `${on.value} ${path.value}`;
    taken(paths, key, name, path, [...source.path, 'path'], `a path of its own on ${on.value}`, faults, path.value);
  }
}

function taken(
  owners: Map<string, string>,
  key: string,
  owner: string,
  located: Located,
  path: Path,
  expected: string,
  faults: Faults,
  shown = key,
): void {
  const first = owners.get(key);
  if (first === undefined) owners.set(key, owner);
  else faults.add(located.mark, path, `expected ${expected}, got ${JSON.stringify(shown)}, which ${first} has already`);
}

/** Keys of ciphers have the length that the cipher asks for. */
export function checkCiphers(root: Located, faults: Faults): void {
  for (const [name, peer] of root.children.get('peers')?.children ?? []) {
    const cipher = peer.children.get('cipher');
    const path = ['peers', name, 'cipher'];
    // What the schema says against it has been told.
    if (!cipher || !conform(jsonSchema(CipherOptions), cipher, path, new Faults())) continue;
    for (const { field, rule, value } of cipherFaults(cipher.value as CipherOptions)) {
      const { found } = locate(cipher, field.split('.'));
      if (found.broken) continue;
      faults.add(found.mark, [...path, ...field.split('.')], `expected ${rule}, got ${value ?? 'one'}`);
    }
  }
}
