import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newArchive, startClickHouse } from '../test/support/clickhouse.js';
import { type Kafka, startKafka } from '../test/support/kafka.js';
import { shippedPipelines } from '../test/support/shippedSite.js';
import { measure, writtenOut } from './measure.js';
import { encodedRecords } from './records.js';
import { mbPerSecond, type Row } from './report.js';
import type { KafkaRun } from './tasks/kafkaRun.js';

const PARTITIONS = 4;

/** What is held at once on the way into ClickHouse: as in the file that is shipped for many machines. */
const shipped = shippedPipelines('pipelines/cluster.yaml') as unknown as {
  archive: { clickhouse: { batchBytesMax: number } };
  pipelines: { 'accounts-archive': { source: { kafka: object }; sink: { archive: object } } };
};
const { batchBytesMax } = shipped.archive.clickhouse;
const { source, sink } = shipped.pipelines['accounts-archive'];
const bounds = { source: source.kafka, sink: sink.archive };

interface Read {
  seconds: number;
  bytes: number;
}

/**
 * A topic of table-12 records into the archive, from the first message to the last, beside a bare consumer that parses the same
 * messages; real servers on the same machine. `kafka`: records ordered before they were produced. `kafka-parsed`: parsed and
 * ordered here. `kafka-clickhouse`: as the first, into ClickHouse.
 */
export async function kafkaBench(count: number): Promise<Row[]> {
  const [kafka, clickHouse] = [await startKafka(), await startClickHouse()];
  try {
    if (!kafka || !clickHouse) throw new Error('needs Kafka and ClickHouse');
    const topic = await filledTopic(kafka, count);
    writtenOut();
    const given = { brokers: kafka.brokers, topic, count };
    const floor = await measure<Read>('kafkaFloor', given);
    const clickhouse = await newArchive(clickHouse, 'ledger.db', { batchDelayMs: 200, batchBytesMax });
    return [
      await row('kafka', { ...given, as: 'bytes' }, floor),
      await row('kafka-parsed', { ...given, as: 'record' }, floor),
      await row('kafka-clickhouse', { ...given, ...bounds, as: 'bytes', archive: { clickhouse } }, floor),
    ];
  } finally {
    await kafka?.stop();
    await clickHouse?.stop();
  }
}

type Given = Omit<KafkaRun, 'folder'>;

async function row(bench: string, given: Given, floor: Read): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-bench-'));
  try {
    const { count, archive } = given;
    const { seconds, peakBytes } = await measure<{ seconds: number }>('kafkaRun', { ...given, folder });
    const rate = (of: number) => `${mbPerSecond(floor.bytes, of)}, ${Math.round(count / of)}/s`;
    return {
      bench,
      scale: `${count} messages → ${archive ? 'ClickHouse' : 'SQLite'}`,
      figure: rate(seconds),
      floor: rate(floor.seconds),
      ratio: floor.seconds / seconds,
      peakBytes,
      broken: [],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function filledTopic(kafka: Kafka, count: number): Promise<string> {
  const topic = await kafka.topic(PARTITIONS);
  const records = encodedRecords();
  for (let sent = 0; sent < count; sent += records.length) {
    const values = records.slice(0, count - sent);
    await kafka.produce(
      topic,
      values.map((value, index) => ({ value, partition: index % PARTITIONS })),
    );
  }
  return topic;
}
