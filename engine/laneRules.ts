import type { Faults } from './fault.js';
import { textAt } from './located.js';
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
  const lanesOf = new Map(connections.map(([name, step]) => [name, textAt(step?.located, 'lanes')] as const));
  for (const { source, operators, sink } of pipelines) {
    const sharing = operators.find((operator) => operator?.spec.name === 'lanes');
    const split = operators.find((operator) => operator?.spec.name === 'split');
    const shared = sink?.spec.name === 'sftp' ? lanesOf.get(textAt(sink.located, 'on') ?? '') : undefined;
    const tell = ({ located, path }: Step<'operator'>, problem: string) =>
      faults.add(located.key ?? located.mark, path, problem);
    if (sharing && source && source.spec.lasts !== 'window')
      tell(sharing, `expected the source archive, which all machines read alike, got ${source.spec.name}`);
    const on = textAt(sharing?.located, 'on');
    if (sharing && sink && on !== undefined && shared !== on)
      tell(sharing, `expected a sink sftp whose connection has \`lanes: ${on}\`, got ${shared ?? 'one without lanes'}`);
    if (!sharing && split && shared !== undefined)
      tell(split, `expected the operator lanes (on: ${shared}) behind split, since the sink's connection has lanes`);
  }
}
