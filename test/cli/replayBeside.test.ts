import { readFileSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { iovpipe } from '../support/cli.js';
import { newArchive, startClickHouse } from '../support/clickhouse.js';
import { startKafka } from '../support/kafka.js';
import { kafkaSite, plainFromTopic, plainRecords, serving } from '../support/kafkaSite.js';
import { vehicle } from '../support/records.js';
import { until } from '../support/until.js';

const [kafka, server] = await Promise.all([startKafka(), startClickHouse()]);
if (kafka) t.teardown(() => kafka.stop());
if (server) t.teardown(() => server.stop());
t.setTimeout(600_000);
const skip = kafka && server ? false : 'no Kafka, or no ClickHouse';

/** A pipeline file between a topic of two partitions and an archive in ClickHouse. */
async function site(t: Test, pipelineOf: (topic: string) => string) {
  if (!kafka || !server) throw new Error('skipped');
  const topic = await kafka.topic(2);
  const folder = t.testdir({});
  const clickhouse = await newArchive(server, 'var/ledger.db');
  const path = kafkaSite(folder, kafka.brokers, pipelineOf(topic), { archive: { clickhouse } });
  const write = (change: (text: string) => string) => writeFileSync(path, change(readFileSync(path, 'utf8')));
  const count = async (what: string) => Number(await server.ask(`SELECT ${what} FROM ${clickhouse.database}.records`));
  const replay = (...words: string[]) =>
    iovpipe(['replay', 'pipeline.yaml', 'records-in', '--topic', topic, ...words], folder);
  return { topic, folder, path, broker: kafka, write, count, replay };
}

/** Lets a daemon work until the group of a topic has committed so many messages. */
async function daemonUntil(t: Test, path: string, topic: string, messages: number) {
  const daemon = await serving(t, path);
  let done = 0;
  const areCommitted = async () => {
    const marks = (await kafka?.committed(`g-${topic}`, topic, 2)) ?? [];
    done = marks.reduce((sum, mark) => sum + Math.max(0, mark), 0);
    return done >= messages;
  };
  await until(`${messages} messages are committed`, areCommitted, { ms: 60_000, instead: () => `${done}` });
  await daemon.end();
}

t.test('a replay leaves to a daemon that lags what that one has not brought yet', { skip }, async (t) => {
  const { topic, path, broker, count, replay } = await site(t, plainFromTopic);
  const group = `g-${topic}`;
  t.match(await replay('--to', '0'), { code: 0 }, 'the ledger is there');
  await broker.produce(topic, plainRecords(0, 20));
  t.match(await replay(), {
    code: 0,
    stdout: `0 read, 0 new, 0 seen before, 0 dead
nothing has changed in the archive
20 more are not replayed: the daemon has still to bring them (group ${group})
`,
  });
  await daemonUntil(t, path, topic, 20);
  await broker.produce(topic, plainRecords(20, 30));
  const beside = await replay('--json');
  t.match(JSON.parse(beside.stdout), { read: 20, new: 0, seenBefore: 20, dead: 0, awaited: 10 }, beside.stderr);
  await daemonUntil(t, path, topic, 30);
  t.equal(await count('uniqExact(position, accepted_at)'), 30, 'each is accepted once, and in one window');
  const after = await replay('--json');
  t.match(JSON.parse(after.stdout), { read: 30, new: 0, seenBefore: 30 }, after.stderr);
  t.notMatch(after.stdout, /awaited/);
});

t.test('a dead letter that was sent again is known to a replay', { skip }, async (t) => {
  const { topic, folder, path, broker, write, count, replay } = await site(t, plainFromTopic);
  write((text) => text.replace('      - order', '      - validate: { table: 8 }\n      - order'));
  const faulty = plainRecords(0, 3).map(({ value }) => ({
    value: JSON.stringify({ ...JSON.parse(String(value)), CustomerType: '99' }),
  }));
  await broker.produce(topic, faulty);
  await daemonUntil(t, path, topic, 3);
  write((text) => text.replace('      - validate: { table: 8 }\n', ''));
  const retried = await iovpipe(['dead', 'retry', '--all', '--json'], folder);
  t.match(JSON.parse(retried.stdout), { retried: 3 }, retried.stderr);
  t.equal(await count('count()'), 3, 'shipped when it ended');
  t.match(await replay(), { stdout: /^3 read, 0 new, 3 seen before, 0 dead/ });
  t.equal(await count('count()'), 3);
});

t.test('records that count as reported are known again too', { skip }, async (t) => {
  const certificates = (topic: string) => `  records-in:
    source: { kafka: { on: bus, topics: [${topic}], group: g-${topic}, from: latest } }
    operators:
      - order: { table: 11 }
    sink: { archive: { kind: CL, code: LSV1, reported: true } }
`;
  const { topic, broker, count, replay } = await site(t, certificates);
  t.match(await replay('--to', '0'), { code: 0 }, 'the ledger is there');
  await broker.produce(topic, [{ value: JSON.stringify(vehicle()) }]);
  t.match(await replay(), { stdout: /^1 read, 1 new, 0 seen before/ });
  t.match(await replay(), { stdout: /^1 read, 0 new, 1 seen before/ });
  t.equal(await count('uniqExact(position, accepted_at)'), 1);
});
