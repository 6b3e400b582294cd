import type { Test } from 'tap';
import type { KafkaConnection } from '../../connections/kafkaConnection.js';
import { spec } from '../../connections/lanes.js';
import type { Lanes } from '../../connections/lanesConnection.js';
import { keptLog } from './bareContext.js';
import { type Kafka, kafkaConnection } from './kafka.js';
import { optionsOf } from './options.js';

export const SESSION_MS = 8_000;
/** Not long to wait for, and longer than a busy machine stands still by itself. */
export const LANE_TIMES = {
  sessionTimeoutMs: SESSION_MS,
  renewMs: 200,
  marginMs: 1_000,
  guardMs: 4_000,
  revokeMs: 500,
  takeOverMs: 100,
};

/** Lanes as a pipeline file would have them, open; closed with the test. */
export async function lanesOf(t: Test, broker: Kafka, topic: string, changes: object = {}) {
  const log = keptLog();
  const bus: KafkaConnection = await kafkaConnection(broker.brokers, { retryDelayMsMax: 200, connectTimeoutMs: 1_000 });
  const options = optionsOf(spec, { on: 'bus', topic, group: `g-${topic}`, ...LANE_TIMES, ...changes });
  const context = { log, place: 'connections.lanes', connection: () => bus };
  const lanes = (await spec.create(options, context as never)) as Lanes;
  await lanes.open();
  t.teardown(async () => {
    await lanes.close();
    await bus.close();
  });
  return { lanes, log };
}
