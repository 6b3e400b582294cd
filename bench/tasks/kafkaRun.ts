import { randomUUID } from 'node:crypto';
import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { openLog } from '../../engine/log.js';
import { siteConfig } from '../site.js';

export interface KafkaRun {
  folder: string;
  brokers: string;
  topic: string;
  count: number;
  as: 'bytes' | 'record';
  /** Options of the source and of the sink beside those that are given here. */
  source?: object;
  sink?: object;
  /** SQLite by default. */
  archive?: object;
}

/** The daemon from a topic to the archive, until the last message is durable. */
export async function run({ folder, brokers, topic, count, as, archive, ...bounds }: KafkaRun): Promise<object> {
  const connections = `connections: { bus: { kafka: { brokers: ["${brokers}"] } } }`;
  const source = { ...bounds.source, on: 'bus', topics: [topic], group: `bench-${randomUUID()}`, as };
  const sink = { ...bounds.sink, kind: 'KH', code: '0002' };
  const pipeline = `  accepted:
    source: { kafka: ${JSON.stringify(source)} }
    operators: ${as === 'bytes' ? '[]' : '[{ order: { table: 12 } }]'}
    sink: { archive: ${JSON.stringify(sink)} }
`;
  const config = await siteConfig(folder, {}, connections, pipeline, archive);
  const stop = new AbortController();
  let [settled, started, ended] = [0, 0, 0];
  const observer = () => {
    started ||= performance.now();
    settled += 1;
    if (settled < count) return;
    ended = performance.now();
    stop.abort();
  };
  const engine = await Engine.open(config, { clock: systemClock, log: openLog({ level: 'warn' }), observer });
  await engine.serve(stop.signal, () => undefined);
  const kinds = (await engine.store.totals?.()) ?? engine.store.status().records;
  const records = kinds.reduce((total, { count }) => total + count, 0);
  await engine.close();
  if (records !== count) throw new Error(`${records} of ${count} arrived`);
  return { seconds: (ended - started) / 1000 };
}
