import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { Store } from '../../contract/store.js';
import { freePort } from '../../demo/site.js';
import { systemClock } from '../../engine/clock.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { iovpipe } from '../support/cli.js';
import { newArchive, startClickHouse } from '../support/clickhouse.js';
import { kafkaTests } from '../support/kafka.js';
import {
  fromTopic,
  kafkaSite,
  plainFromTopic,
  plainRecords,
  registrations,
  serving,
  storedIn,
} from '../support/kafkaSite.js';
import { until } from '../support/until.js';

const { test } = await kafkaTests(t);
t.setTimeout(600_000);

const replay = (folder: string, ...words: string[]) => iovpipe(['replay', 'pipeline.yaml', ...words], folder);

async function look<Result>(folder: string, what: (store: Store) => Result): Promise<Result> {
  const path = join(folder, 'var', 'archive.db');
  const store = await openSqliteStore({ path, clock: systemClock, log: keptLog(), readOnly: true });
  try {
    return what(store);
  } finally {
    await store.close();
  }
}
const stored = (folder: string) => look(folder, storedIn);

test('a topic replayed twice changes nothing the second time, and a dry run nothing at all', async (t, broker) => {
  const topic = await broker.topic(3);
  const folder = t.testdir({});
  kafkaSite(folder, broker.brokers, plainFromTopic(topic));
  mkdirSync(join(folder, 'var'), { recursive: true });
  await broker.produce(topic, [...plainRecords(0, 100), { value: 'no json' }, ...plainRecords(100, 300)]);
  t.match(await replay(folder, 'records-in', '--topic', topic, '--to', '0'), { code: 0, stdout: /^0 read/ });
  const dry = await replay(folder, 'records-in', '--topic', topic, '--dry-run', '--json');
  t.match(dry, { code: 0, stderr: /301 of 301/ });
  t.match(JSON.parse(dry.stdout), { dryRun: true, read: 301, new: 300, seenBefore: 0, dead: 1 });
  t.equal(await stored(folder), 0);
  t.equal(await look(folder, (store) => store.deadLetters().length), 0);
  const first = await replay(folder, 'records-in', '--topic', topic);
  t.match(first, { code: 0, stdout: '301 read, 300 new, 0 seen before, 1 dead\n' });
  t.equal(await stored(folder), 300);
  const letters = await look(folder, (store) =>
    store.deadLetters().map(({ code, origin }) => [code, origin.split('/')[0]]),
  );
  t.same(letters, [['MESSAGE_NOT_JSON', topic]]);
  const again = await replay(folder, 'records-in', '--topic', topic);
  t.match(again, {
    code: 0,
    stdout: '301 read, 0 new, 300 seen before, 1 dead\nnothing has changed in the archive\n',
  });
  const dryAgain = await replay(folder, 'records-in', '--topic', topic, '--dry-run');
  t.match(dryAgain.stdout, /^dry run: 301 read, 0 new, 300 seen before, 1 dead\nnothing would change/);
  t.equal(await stored(folder), 300);
  t.same(await broker.committed(`g-${topic}`, topic, 3), [-1001, -1001, -1001], 'no group is disturbed');
});

test('what a daemon has archived is seen before, whether signed or known by its place', async (t, broker) => {
  for (const [pipeline, name, messages] of [
    [fromTopic, 'accounts-in', registrations],
    [plainFromTopic, 'records-in', plainRecords],
  ] as const) {
    const topic = await broker.topic(2);
    const folder = t.testdir({});
    const daemon = await serving(t, kafkaSite(folder, broker.brokers, pipeline(topic)));
    await broker.produce(topic, messages(0, 50));
    await until('50 records', () => daemon.stored() === 50, { ms: 60_000 });
    const { stdout, stderr } = await replay(folder, name, '--topic', topic);
    t.match(stdout, '50 read, 0 new, 50 seen before, 0 dead\n', stderr);
    await broker.produce(topic, messages(50, 60));
    await until('60 records', () => daemon.stored() === 60, { ms: 60_000 });
    await daemon.end();
    t.equal(await stored(folder), 60);
  }
});

test('an archive in ClickHouse knows a message by its position', async (t, broker) => {
  const server = await startClickHouse();
  if (!server) {
    t.comment('no ClickHouse here');
    return;
  }
  t.teardown(() => server.stop());
  const topic = await broker.topic(2);
  const folder = t.testdir({});
  // no daemon has been here, and one would begin at the end
  const clickhouse = await newArchive(server, 'var/ledger.db');
  kafkaSite(folder, broker.brokers, plainFromTopic(topic, ', from: latest'), { archive: { clickhouse } });
  const { database } = clickhouse;
  const count = async () => Number(await server.ask(`SELECT uniqExact(position) FROM ${database}.records`));
  const words = ['records-in', '--topic', topic];
  await broker.produce(topic, plainRecords(0, 50));
  t.match(await replay(folder, ...words, '--to', '0'), { code: 0 }, 'the ledger is there');
  t.match(await replay(folder, ...words, '--dry-run'), { stdout: /^dry run: 50 read, 50 new, 0 seen before/ });
  t.equal(await count(), 0);
  t.match(await replay(folder, ...words), { stdout: /^50 read, 50 new, 0 seen before, 0 dead/ });
  await broker.produce(topic, plainRecords(50, 60));
  t.match(await replay(folder, ...words, '--restart'), { stdout: /^60 read, 10 new, 50 seen before, 0 dead/ });
  t.match(await replay(folder, ...words), { stdout: /^60 read, 0 new, 60 seen before, 0 dead/ });
  t.equal(await count(), 60);
  t.equal(
    Number(await server.ask(`SELECT count() FROM ${database}.records`)),
    60,
    'nothing twice, even before a merge',
  );
});

test('bounds are times of the broker or offsets, and partitions may be chosen', async (t, broker) => {
  const topic = await broker.topic(3);
  const folder = t.testdir({});
  kafkaSite(folder, broker.brokers, plainFromTopic(topic));
  const noonMs = Date.parse('2026-11-15T12:00:00+08:00');
  const placed = plainRecords(0, 90).map((message, index) => ({
    ...message,
    partition: index % 3,
    timestamp: noonMs + Math.floor(index / 3) * 60_000,
  }));
  await broker.produce(topic, placed);
  const read = async (...words: string[]) => {
    const { stdout, stderr } = await replay(folder, 'records-in', '--topic', topic, ...words, '--json');
    return (JSON.parse(stdout || `{"read":${JSON.stringify(stderr)}}`) as { read: number }).read;
  };
  t.equal(await read('--from', '2026-11-15T12:10', '--to', '2026-11-15T12:20'), 30);
  t.equal(await read('--from', '2026-11-15T04:10:00.001Z', '--to', '2026-11-15T12:20:00+08:00'), 27);
  t.equal(await read('--from', '5', '--to', '7', '--partitions', '0,2'), 4);
  t.equal(await read('--from', '28', '--partitions', '1-2'), 4);
  t.equal(await read('--from', '2026-11-16T00:00'), 0);
  t.equal(await stored(folder), 30 + 4 + 4, 'each once');
});

test('files are known again by their content: lines, .gz, and a .bin of the notice', async (t, broker) => {
  const folder = t.testdir({});
  const lines = plainRecords(0, 40).map(({ value }) => String(value));
  const pack = `  pack:
    schedule: manual
    source: { file: { path: records.ndjson, resume: false } }
    operators:
      - order: { table: 8 }
      - split: { name: "KH_0002_{cutoff}_F_{seq}" }
      - zip: {}
      - encrypt: { peer: oem }
    sink: { directory: { directory: out } }
`;
  kafkaSite(folder, broker.brokers, plainFromTopic('any') + pack, {
    files: { 'records.ndjson': `${lines.join('\n')}\n` },
  });
  writeFileSync(join(folder, 'copy.ndjson'), readFileSync(join(folder, 'records.ndjson')));
  writeFileSync(join(folder, 'more.ndjson.gz'), gzipSync(`${lines.slice(0, 10).join('\n')}\nno json\n`));
  const words = ['--file', 'records.ndjson', '--file', 'more.ndjson.gz'];
  t.match(await replay(folder, 'records-in', ...words), {
    code: 0,
    stdout: /^51 read, 50 new, 0 seen before, 1 dead\n/,
  });
  t.match(await replay(folder, 'records-in', ...words), { stdout: /^51 read, 0 new, 50 seen before, 1 dead\n/ });
  t.match(await replay(folder, 'records-in', '--file', 'copy.ndjson'), { stdout: /^40 read, 0 new, 40 seen before/ });
  t.match(await iovpipe(['run', 'pipeline.yaml', '--once', 'pack', '--cutoff', '2026111600'], folder), { code: 0 });
  const sealed = 'out/KH_0002_2026111600_F_000001end.bin';
  t.match(await replay(folder, 'records-in', '--file', sealed), { code: 64, stderr: /--peer/ });
  t.match(await replay(folder, 'records-in', '--file', sealed, '--peer', 'oem', '--dry-run'), {
    stdout: /^dry run: 40 read, 40 new/,
  });
  t.match(await replay(folder, 'records-in', '--file', sealed, '--peer', 'oem'), { stdout: /^40 read, 40 new/ });
  t.match(await replay(folder, 'records-in', '--file', sealed, '--peer', 'oem'), {
    stdout: /^40 read, 0 new, 40 seen/,
  });
  t.match(await replay(folder, 'pack', '--file', 'copy.ndjson'), { code: 64, stderr: /numbered files/ });
  t.match(await replay(folder, 'records-in', '--file', 'nowhere.ndjson'), { code: 2, stderr: /nowhere\.ndjson/ });
});

test('a broker that is away is told, with exit 2', async (t) => {
  const folder = t.testdir({});
  const path = kafkaSite(folder, `127.0.0.1:${await freePort()}`, plainFromTopic('any'));
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace('connectTimeoutMs: 1000', 'connectTimeoutMs: 500, requestTimeoutMs: 2000'),
  );
  const begun = performance.now();
  const { code, stderr } = await replay(folder, 'records-in', '--topic', 'any');
  t.equal(code, 2, stderr);
  t.match(stderr, /topic any: expected an answer of 127\.0\.0\.1:\d+ within 2000 ms, got none/);
  t.ok(performance.now() - begun < 60_000);
});

t.test('wrong words are refused before anything is opened', async (t) => {
  const folder = t.testdir({});
  kafkaSite(folder, '127.0.0.1:9', plainFromTopic('any'));
  const wrong: [string[], RegExp][] = [
    [['records-in'], /--topic or --file/],
    [['records-in', '--topic', 'a', '--file', 'b'], /--topic or --file/],
    [['records-in', '--topic', 'a', '--from', 'yesterday'], /--from: expected an offset, a time/],
    [['records-in', '--topic', 'a', '--to', '2026-02-30T00:00'], /--to: expected/],
    [['records-in', '--topic', 'a', '--partitions', '3-1'], /--partitions/],
    [['records-in', '--file', 'a', '--from', '1'], /--from goes with --topic/],
    [['nobody', '--topic', 'a'], /no pipeline is called nobody/],
    [['records-in', '--topic', 'a', '--on', 'nowhere'], /--on: expected a kafka connection \(bus\)/],
  ];
  for (const [words, reason] of wrong)
    t.match(await replay(folder, ...words), { code: 64, stderr: reason }, words.join(' '));
});
