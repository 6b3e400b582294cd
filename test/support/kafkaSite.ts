import type { Test } from 'tap';
import type { Peer } from '../../contract/peer.js';
import { writeSite } from '../../demo/site.js';
import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { keptLog } from './bareContext.js';
import { checkedConfig } from './checkedConfig.js';
import type { Produced } from './kafka.js';
import { accountMessage, iccidOf, maker, registration } from './messages.js';
import { serve } from './serve.js';

interface KafkaSiteOptions {
  files?: Record<string, string>;
  archive?: object;
  connectTimeoutMs?: number;
  peer?: Peer;
}

/** A folder with a pipeline file between Kafka and the archive, for an engine here or a process of its own. */
export function kafkaSite(
  folder: string,
  brokers: string,
  pipelines: string,
  {
    files = {},
    archive = { sqlite: { path: 'var/archive.db' } },
    connectTimeoutMs = 1000,
    peer = maker,
  }: KafkaSiteOptions = {},
) {
  const pipeline = `timezone: Asia/Shanghai
peers: \${file:peers.yaml}
connections:
  bus: { kafka: { brokers: ["${brokers}"], retryDelayMsMax: 200, connectTimeoutMs: ${connectTimeoutMs} } }
archive: ${JSON.stringify(archive)}
pipelines:
${pipelines}`;
  return writeSite({ folder, pipeline, peers: { oem: peer }, secrets: {}, files });
}

/** Registrations of a car maker's own topic on their way to the archive. */
export const fromTopic = (topic: string, options = '') => `  accounts-in:
    source: { kafka: { on: bus, topics: [${topic}], group: g-${topic}, as: message, commitMs: 50, sessionTimeoutMs: 2000${options} } }
    operators:
      - authenticate: {}
      - decrypt: { field: EncryptUserInfo, table: 8 }
      - order: { table: 8 }
    sink: { archive: { kind: KH, code: "0002" } }
`;

/** Plain records of a topic that nobody has signed. */
export const plainFromTopic = (topic: string, options = '') => `  records-in:
    source: { kafka: { on: bus, topics: [${topic}], group: g-${topic}, commitMs: 50, sessionTimeoutMs: 2000${options} } }
    operators:
      - order: { table: 8 }
    sink: { archive: { kind: KH, code: "0002" } }
`;

/** Plain records of one topic, or messages of a car maker, checked on their way to another one. */
export const betweenTopics = (
  from: string,
  to: string,
  { source = '', sink = '', as = 'record', sessionMs = 2_000 } = {},
) => `  through:
    source: { kafka: { on: bus, topics: [${from}], group: g-${from}, as: ${as}, commitMs: 50, sessionTimeoutMs: ${sessionMs}${source} } }
    operators:
${as === 'message' ? '      - authenticate: {}\n      - decrypt: { field: EncryptUserInfo, table: 8 }\n' : ''}      - validate: { table: 8 }
      - order: { table: 8 }
    sink: { kafka: { on: bus, topic: ${to}${sink} } }
`;

/** Records of table 8, each of a card of its own. */
export function plainRecords(from: number, to: number): Produced[] {
  return Array.from({ length: to - from }, (_, index) => {
    const ICCID = iccidOf(from + index);
    return { value: JSON.stringify({ ...registration, ICCID }), key: ICCID };
  });
}

/** Signed messages of table 7, each with a RequestID and a card of its own. */
export function registrations(from: number, to: number): Produced[] {
  return Array.from({ length: to - from }, (_, index) => {
    const number = from + index;
    const record = { ...registration, ICCID: iccidOf(number) };
    return { value: JSON.stringify(accountMessage(`R-${number}`, {}, record)), key: record.ICCID };
  });
}

/** An engine at work in this process, until it is told to stop. */
export async function serving(t: Test, path: string) {
  const log = keptLog();
  const engine = await Engine.open(await checkedConfig(path), { clock: systemClock, log, drainMs: 10_000 });
  const { end } = serve(engine);
  t.teardown(() => end().catch(() => undefined));
  return { engine, log, end, stored: () => storedIn(engine.store) };
}

export function storedIn(store: Pick<Engine['store'], 'status'>): number {
  return store.status().records.reduce((sum, { count }) => sum + count, 0);
}
