import type { Faults } from './fault.js';
import type { Step, Steps } from './rules.js';

/**
 * Files are shared out by the lanes over which they are delivered: by other lanes, or with only one of both in its place, every
 * machine would deliver everything, or nobody some of it.
 */
export function checkLanes(
  connections: readonly (readonly [name: string, Step<'connection'> | undefined])[],
  pipelines: readonly Steps[],
  faults: Faults,
): void {
  const lanesOf = new Map(connections.map(([name, step]) => [name, optionOf(step, 'lanes')] as const));
  for (const { source, operators, sink } of pipelines) {
    const sharing = operators.find((operator) => operator?.spec.name === 'lanes');
    const split = operators.find((operator) => operator?.spec.name === 'split');
    const shared = sink?.spec.name === 'sftp' ? lanesOf.get(optionOf(sink, 'on') ?? '') : undefined;
    const tell = ({ located, path }: Step<'operator'>, problem: string) =>
      faults.add(located.key ?? located.mark, path, problem);
    if (sharing && source && source.spec.lasts !== 'window')
      tell(sharing, `expected the source archive, which all machines read alike, got ${source.spec.name}`);
    const on = optionOf(sharing, 'on');
    if (sharing && sink && on !== undefined && shared !== on)
      tell(sharing, `expected a sink sftp whose connection has \`lanes: ${on}\`, got ${shared ?? 'one without lanes'}`);
    if (!sharing && split && shared !== undefined)
      tell(split, `expected the operator lanes (on: ${shared}) behind split, since the sink's connection has lanes`);
  }
}

function optionOf(step: Step<'connection' | 'operator' | 'sink'> | undefined, name: string): string | undefined {
  const value: unknown = step?.located.children.get(name)?.value;
  return typeof value === 'string' ? value : undefined;
}
