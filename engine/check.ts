import { dirname, resolve } from 'node:path';
import type { ComponentSpec } from '../contract/component.js';
import type { Fault } from '../contract/error.js';
import type { Shape } from '../contract/item.js';
import type { Static } from '../contract/schema.js';
import type { CheckedComponent, CheckedConfig, CheckedPipeline, CheckedRetention } from './config.js';
import { ConfigSchema, type RetentionOptions } from './configSchema.js';
import { conform } from './conform.js';
import { checkDashboard, checkedDashboard } from './dashboardRules.js';
import { checkDialects } from './dialectRules.js';
import { type ConfigFault, Faults } from './fault.js';
import { jsonSchema } from './jsonSchema.js';
import { checkLanes } from './laneRules.js';
import { load } from './load.js';
import { type Located, locate, type Path, placeOf } from './located.js';
import { checkReferences, type Known } from './references.js';
import { component, componentsOf, type Role } from './registry.js';
import { checkCiphers, checkPipeline, checkRetention, checkTogether, type Step, type Steps } from './rules.js';
import { misfits } from './shapes.js';
import type { StandIns } from './substitute.js';
import { didYouMean } from './suggest.js';
import { checkTopics } from './topicRules.js';
import { checkTracing } from './tracingRules.js';
import { checkTransactions } from './transactionRules.js';

/**
 * Reads and checks a pipeline file without touching the world: nothing is opened, no component is created.
 * All faults come at once; `config` is there when there are none.
 * @param path as people gave it, relative to the working directory
 * @param standIns for a test of the file, in place of secrets and files
 */
export async function loadAndCheck(
  path: string,
  standIns?: StandIns,
): Promise<{ config?: CheckedConfig; faults: ConfigFault[] }> {
  const faults = new Faults(path);
  const root = load(path, faults, standIns);
  if (!root) return { faults: faults.list() };
  const found = new Check(root, faults).run();
  if (!faults.none) return { faults: faults.list() };
  return { config: deepFreeze(assemble(resolve(path), root, found)), faults: [] };
}

interface Found {
  connections: readonly (readonly [string, Step<'connection'> | undefined])[];
  pipelines: readonly Steps[];
}

class Check {
  readonly #root: Located;
  readonly #faults: Faults;
  readonly #known: Known;

  constructor(root: Located, faults: Faults) {
    this.#root = root;
    this.#faults = faults;
    this.#known = knownIn(root);
  }

  run(): Found {
    conform(jsonSchema(ConfigSchema), this.#root, [], this.#faults);
    checkReferences(jsonSchema(ConfigSchema), this.#root, [], this.#known, this.#faults);
    checkCiphers(this.#root, this.#faults);
    checkRetention(this.#root, this.#faults);
    checkDashboard(this.#root, this.#faults);
    checkTracing(this.#root, this.#faults);
    const connections = this.#entries('connections').map(
      ([name, located]) => [name, this.#component('connection', located, ['connections', name])] as const,
    );
    const pipelines = this.#entries('pipelines').map(([name, located]) => this.#pipeline(name, located));
    checkTogether(
      connections.map(([, step]) => step),
      pipelines,
      this.#faults,
    );
    checkLanes(connections, pipelines, this.#faults);
    checkTopics(this.#root, pipelines, this.#faults);
    checkTransactions(pipelines, this.#faults);
    checkDialects(this.#root, pipelines, this.#faults);
    return { connections, pipelines };
  }

  #entries(key: string): [string, Located][] {
    return [...(this.#root.children.get(key)?.children ?? [])];
  }

  #pipeline(name: string, located: Located): Steps {
    const at = (key: string) => located.children.get(key);
    const path = ['pipelines', name];
    const source = lasting(this.#component('source', at('source'), [...path, 'source']));
    const sink = this.#component('sink', at('sink'), [...path, 'sink']);
    const operators = [...(at('operators')?.children ?? [])].map(([index, item]) =>
      this.#component('operator', item, [...path, 'operators', index]),
    );
    const links = [...operators, sink];
    const specs = links.map((link) => link?.spec);
    for (const { index, message } of misfits(giverOf(source), specs, componentsOf('operator'))) {
      const link = links[index];
      if (link) this.#faults.add(link.located.key ?? link.located.mark, link.path.slice(0, -1), message);
    }
    const steps = { name, located, schedule: at('schedule'), source, operators, sink };
    checkPipeline(steps, this.#faults);
    return steps;
  }

  /** A component under `{ name: options }`; undefined where there is none or it is unknown. */
  #component<Name extends Role>(role: Name, located: Located | undefined, path: Path): Step<Name> | undefined {
    const [name, given] = [...(located?.children ?? [])][0] ?? [];
    if (name === undefined || !given || !located || located.children.size > 1 || Array.isArray(located.value))
      return undefined;
    const spec = component(role, name);
    if (!spec) {
      this.#unknown(role, name, given, path);
      return undefined;
    }
    // `authenticate:` with nothing behind it asks for every default.
    const options = given.value === null && !given.broken ? { ...given, value: {} } : given;
    const inner = [...path, name];
    const schema = jsonSchema(spec.options);
    const valid = conform(schema, options, inner, this.#faults);
    checkReferences(schema, options, inner, this.#known, this.#faults);
    if (valid) this.#rules(spec.check?.(options.value as never) ?? [], options, inner);
    return { spec, located: options, path: inner, valid };
  }

  #rules(broken: readonly Fault[], options: Located, path: Path): void {
    for (const { field, rule, value } of broken) {
      const steps = field === '' ? [] : field.split('.');
      const { found, exact } = locate(options, steps);
      const mark = exact && steps.length > 0 ? found.mark : (found.key ?? found.mark);
      if (!found.broken)
        this.#faults.add(mark, [...path, ...steps], `expected ${rule}${value === undefined ? '' : `, got ${value}`}`);
    }
  }

  #unknown(role: Role, name: string, given: Located, path: Path): void {
    const names = componentsOf(role).map((spec) => spec.name);
    const elsewhere = (['source', 'operator', 'sink'] as const).find((other) => component(other, name));
    const hint = elsewhere
      ? `, which is ${elsewhere === 'operator' ? 'an' : 'a'} ${elsewhere}`
      : didYouMean(name, names);
    const article = role === 'operator' ? 'an' : 'a';
    const expected = `expected ${article} ${role} (${names.join(', ')})`;
    this.#faults.add(given.key ?? given.mark, path, `${expected}, got ${JSON.stringify(name)}${hint}`);
  }
}

/** A source whose options decide how long it lasts has a spec that says so. */
function lasting(source: Step<'source'> | undefined): Step<'source'> | undefined {
  if (!source?.valid || !source.spec.lastsFor) return source;
  const lasts = source.spec.lastsFor(source.located.value as never);
  return { ...source, spec: { ...source.spec, lasts } };
}

/** What a source gives; undefined where its options decide and are wrong. */
function giverOf(source: Step<'source'> | undefined): { name: string; gives: Shape } | undefined {
  if (!source) return undefined;
  const { spec, located, valid } = source;
  if (!spec.givesFor) return spec;
  return valid ? { name: spec.name, gives: spec.givesFor(located.value as never) } : undefined;
}

function knownIn(root: Located): Known {
  const connections = new Map<string, string | undefined>();
  for (const [name, located] of root.children.get('connections')?.children ?? []) {
    const kind = [...located.children.keys()][0];
    connections.set(name, kind !== undefined && component('connection', kind) ? kind : undefined);
  }
  const located = root.children.get('peers');
  if (located?.broken) return { connections, peers: undefined };
  const peers = [...(located?.children ?? [])].map(
    ([name, peer]) => [name, { cipher: peer.children.has('cipher') }] as const,
  );
  return { connections, peers: new Map(peers) };
}

/** Puts together what conforms to its schemas in every part. */
function assemble(file: string, root: Located, { connections, pipelines }: Found): CheckedConfig {
  const value = root.value as Static<typeof ConfigSchema>;
  const folder = dirname(file);
  const checkedPipelines = pipelines.flatMap((steps) => checkedPipeline(steps) ?? []);
  return {
    file,
    peers: value.peers,
    site: { codes: value.codes, tables: value.tables },
    connections: Object.fromEntries(connections.flatMap(([name, step]) => (step ? [[name, checked(step)]] : []))),
    ...checkedArchive(value.archive, folder),
    ...(value.seal && { seal: value.seal }),
    outbox: resolve(folder, value.outbox),
    drainMs: value.drainMs,
    stuckMs: value.stuckMs,
    ...(value.retention && { retention: checkedRetention(value.retention, folder, checkedPipelines) }),
    ...(value.dashboard && { dashboard: checkedDashboard(value.dashboard) }),
    ...(value.tracing && { tracing: value.tracing }),
    pipelines: checkedPipelines,
  };
}

/** The schema has made sure that it is either of them. */
function checkedArchive(
  { sqlite, clickhouse }: Static<typeof ConfigSchema>['archive'],
  folder: string,
): Pick<CheckedConfig, 'archivePath' | 'clickhouse'> {
  if (!clickhouse) return { archivePath: resolve(folder, sqlite?.path ?? '') };
  const ledger = resolve(folder, clickhouse.ledger);
  return { archivePath: ledger, clickhouse: { ...clickhouse, ledger } };
}

function checkedRetention(
  { at, afterServiceDays, directories }: Static<typeof RetentionOptions>,
  folder: string,
  pipelines: readonly CheckedPipeline[],
): CheckedRetention {
  const paths = directories.map((directory) => resolve(folder, directory));
  const parts = pipelines.flatMap(({ source, operators }) => [source, ...operators]);
  const left = parts.flatMap(({ spec, options }) => spec.leaves?.(options) ?? []);
  const aside = [...new Set(left.map((path) => resolve(folder, path)))];
  return { afterServiceDays, directories: paths, aside, ...(at !== undefined && { at }) };
}

function checkedPipeline({ name, schedule, source, operators, sink }: Steps): CheckedPipeline | undefined {
  if (!source || !sink) return undefined;
  const turn = schedule?.value as CheckedPipeline['schedule'] | 'manual';
  return {
    name,
    ...(turn && turn !== 'manual' && { schedule: turn }),
    manual: turn === 'manual',
    source: checked(source),
    operators: operators.flatMap((operator) => (operator ? [checked(operator)] : [])),
    sink: checked(sink),
  };
}

function checked<Spec extends ComponentSpec>(step: {
  spec: Spec;
  located: Located;
  path: Path;
}): CheckedComponent<Spec> {
  return { spec: step.spec, options: step.located.value as Record<string, unknown>, place: placeOf(step.path) };
}

/** Specs are shared and stay as they are. */
function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const [key, inner] of Object.entries(value)) if (key !== 'spec') deepFreeze(inner);
  return value;
}
