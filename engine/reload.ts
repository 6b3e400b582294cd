import { isDeepStrictEqual } from 'node:util';
import { IovError } from '../contract/error.js';
import { type CheckedConfig, runsByItself } from './config.js';
import { connectionOwner, type Uses } from './uses.js';

/** What differs between the configuration in force and another one, by name, in the order of the file. */
export interface ReloadPlan {
  /** Pipelines that the other file no longer runs by itself. */
  stopped: readonly string[];
  /** Those that differ, or use a connection or a peer that does. */
  restarted: readonly string[];
  started: readonly string[];
  untouched: readonly string[];
  /** Connections to close, once nobody uses them, and to open; one that differs is among both. */
  closed: readonly string[];
  opened: readonly string[];
  retention: boolean;
}

/** What a running engine can change. The rest (archive, outbox and the like) is opened once a process. */
const CHANGEABLE = new Set<string>([
  'file',
  'peers',
  'site',
  'connections',
  'retention',
  'pipelines',
  'drainMs',
  'stuckMs',
]);

/**
 * Compares two configurations. Pure: nothing is stopped or started here.
 * @throws IovError CONFIG_INVALID where they differ in what only a restart changes
 */
export function planReload(before: CheckedConfig, after: CheckedConfig, uses: Uses): ReloadPlan {
  const fixed = differing(before, after).filter((key) => !CHANGEABLE.has(key));
  if (fixed.length > 0)
    throw new IovError(
      'CONFIG_INVALID',
      `${after.file}: ${fixed.join(', ')} changes with a restart only, not by a reload`,
    );
  const peers = new Set(differing(before.peers, after.peers));
  const connections = changedConnections(before, after, uses, peers);
  const runs = ({ pipelines }: CheckedConfig) =>
    new Map(pipelines.filter(runsByItself).map((pipeline) => [pipeline.name, pipeline]));
  const [were, are] = [runs(before), runs(after)];
  const isSiteSame = isDeepStrictEqual(before.site, after.site);
  const isSame = (name: string) =>
    isSiteSame && isDeepStrictEqual(were.get(name), are.get(name)) && !uses.isTouched(name, connections, peers);
  const both = [...are.keys()].filter((name) => were.has(name));
  return {
    stopped: [...were.keys()].filter((name) => !are.has(name)),
    restarted: both.filter((name) => !isSame(name)),
    started: [...are.keys()].filter((name) => !were.has(name)),
    untouched: both.filter(isSame),
    closed: Object.keys(before.connections).filter((name) => connections.has(name)),
    opened: Object.keys(after.connections).filter((name) => connections.has(name)),
    retention: !isSiteSame || !isDeepStrictEqual(before.retention, after.retention),
  };
}

/** Those that differ, came or went, and those that use such a one. */
function changedConnections(
  before: CheckedConfig,
  after: CheckedConfig,
  uses: Uses,
  peers: ReadonlySet<string>,
): ReadonlySet<string> {
  const changed = new Set(differing(before.connections, after.connections));
  for (const name of Object.keys(after.connections))
    if (uses.isTouched(connectionOwner(name), changed, peers)) changed.add(name);
  return changed;
}

/** Keys under which two mappings do not hold the same. Specs are the process's own, and the same on both sides. */
function differing(before: object, after: object): string[] {
  const values = (mapping: object) => new Map<string, unknown>(Object.entries(mapping));
  const [old, now] = [values(before), values(after)];
  return [...new Set([...old.keys(), ...now.keys()])].filter((key) => !isDeepStrictEqual(old.get(key), now.get(key)));
}
