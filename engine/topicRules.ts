import type { Faults } from './fault.js';
import type { Located } from './located.js';
import type { Steps } from './rules.js';

/**
 * An archive in ClickHouse knows a record by its place in its topic: two topics that write the same kind of record would give
 * two records one place, and one of them would be lost.
 */
export function checkTopics(root: Located, pipelines: readonly Steps[], faults: Faults): void {
  if (!root.children.get('archive')?.children.has('clickhouse')) return;
  const owners = new Map<unknown, { topic: string; pipeline: string }>();
  for (const { name, source, sink } of pipelines) {
    if (source?.spec.name !== 'kafka' || sink?.spec.name !== 'archive') continue;
    const topics = source.located.children.get('topics');
    const topic: unknown = topics?.children.size === 1 ? (topics.value as unknown[])[0] : undefined;
    if (!topics || typeof topic !== 'string') continue; // several topics have no places
    const cluster: unknown = source.located.children.get('on')?.value;
    const place = `${String(cluster)} ${topic}`;
    const kind: unknown = sink.located.children.get('kind')?.value;
    const owner = owners.get(kind);
    if (!owner) owners.set(kind, { topic: place, pipeline: name });
    else if (owner.topic !== place) {
      const why = `records of kind ${String(kind)} are known by their place in one topic, that of ${owner.pipeline}`;
      faults.add(
        topics.mark,
        [...source.path, 'topics'],
        `expected the topic ${owner.topic.split(' ')[1]}, got ${topic}: ${why}`,
      );
    }
  }
}
