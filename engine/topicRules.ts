import type { Faults } from './fault.js';
import { type Located, textAt } from './located.js';
import type { Steps } from './rules.js';

/** A topic whose records an archive takes by their place. */
interface Feed {
  pipeline: string;
  on: string;
  topic: string;
  group: string;
}

/**
 * An archive in ClickHouse knows a record by its place in its topic: two topics that write the same kind of record would give
 * two records one place, and one of them would be lost. And its time is the broker's: a window that is opened before the
 * records of its last minutes have been archived would never hold them.
 */
export function checkTopics(root: Located, pipelines: readonly Steps[], faults: Faults): void {
  if (!root.children.get('archive')?.children.has('clickhouse')) return;
  const feeds = new Map<unknown, Feed>();
  for (const { name, source, sink } of pipelines) {
    if (source?.spec.name !== 'kafka' || sink?.spec.name !== 'archive') continue;
    const topics = source.located.children.get('topics');
    const topic: unknown = topics?.children.size === 1 ? (topics.value as unknown[])[0] : undefined;
    if (!topics || typeof topic !== 'string') continue; // several topics have no places
    const [on = '', group = ''] = [textAt(source.located, 'on'), textAt(source.located, 'group')];
    const kind: unknown = sink.located.children.get('kind')?.value;
    const feed = feeds.get(kind);
    if (!feed) feeds.set(kind, { pipeline: name, on, topic, group });
    else if (feed.on !== on || feed.topic !== topic) {
      const why = `records of kind ${String(kind)} are known by their place in one topic, that of ${feed.pipeline}`;
      faults.add(topics.mark, [...source.path, 'topics'], `expected the topic ${feed.topic}, got ${topic}: ${why}`);
    }
  }
  for (const { source } of pipelines) {
    if (source?.spec.name !== 'archive') continue;
    const feed = feeds.get(source.located.children.get('kind')?.value);
    const behind = source.located.children.get('behind');
    if (!feed || (behind && waitsFor(behind, feed))) continue;
    const { pipeline, on, topic, group } = feed;
    const wanted = `behind: { on: ${on}, topics: [${topic}], group: ${group} }`;
    const why = `records that ${pipeline} takes from the topic late would be in no window`;
    const at = behind ?? source.located;
    faults.add(at.key ?? at.mark, [...source.path, ...(behind ? ['behind'] : [])], `expected ${wanted}: ${why}`);
  }
}

function waitsFor(behind: Located, { on, topic, group }: Feed): boolean {
  const topics: unknown = behind.children.get('topics')?.value;
  const waits = Array.isArray(topics) && topics.includes(topic);
  return waits && textAt(behind, 'on') === on && textAt(behind, 'group') === group;
}
