import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import type { Source } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item, Lines } from '../../contract/item.js';
import type { Store } from '../../contract/store.js';
import type { JsonObject } from '../../contract/tags.js';
import { freePort } from '../../demo/site.js';
import { spec } from '../../sources/kafka.js';
import { bareContext, keptLog } from '../support/bareContext.js';
import { kafkaConnection, kafkaTests } from '../support/kafka.js';
import { fromTopic, kafkaSite, registrations, serving } from '../support/kafkaSite.js';
import { optionsOf } from '../support/options.js';
import { testStore } from '../support/testStore.js';
import { until } from '../support/until.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const { kafka, test } = await kafkaTests(t);
t.setTimeout(300_000);

interface Reading {
  source: Source;
  items: Item[];
  log: ReturnType<typeof keptLog>;
  stop(): Promise<void>;
  broke: Promise<unknown>;
}

/** A source of its own at work; each item is shown to `see`, which may settle it. */
async function reading(
  t: Test,
  topic: string,
  options: object = {},
  more: { see?: (item: Item) => void; store?: Store; group?: string; brokers?: string; connectTimeoutMs?: number } = {},
): Promise<Reading> {
  const { see = (item) => item.receipt.arrived(), store, group = `g-${topic}`, brokers = kafka?.brokers ?? '' } = more;
  const { connectTimeoutMs = 30_000 } = more;
  const log = keptLog();
  const bus = await kafkaConnection(brokers, { retryDelayMsMax: 200, connectTimeoutMs }, log);
  const context = bareContext({ directory: '.', log, connections: { bus }, ...(store && { store }) });
  const given = { on: 'bus', topics: [topic], group, sessionTimeoutMs: 10_000, commitMs: 50, ...options };
  const source = (await spec.create(optionsOf(spec, given), context)) as Source;
  const items: Item[] = [];
  const ending = new AbortController();
  const read = (async () => {
    for await (const item of source.read(ending.signal)) {
      items.push(item);
      see(item);
    }
  })();
  const broke = read.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const stop = async () => {
    ending.abort();
    await broke;
    await source.close?.();
    await bus.close();
  };
  t.teardown(stop);
  return { source, items, log, stop, broke };
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ value: JSON.stringify({ RequestID: `R-${from + index}` }) }));
const idsOf = (items: readonly Item[]) => items.map(({ value }) => String((value as JsonObject).RequestID ?? ''));
const twice = (ids: readonly string[]) => ids.length - new Set(ids).size;

test('messages of a topic are archived, and committed when they are', async (t, {
  brokers,
  topic,
  produce,
  committed,
}) => {
  const name = await topic(3);
  await produce(name, registrations(0, 300));
  const { stored, end, log } = await serving(
    t,
    kafkaSite(t.testdir({}), brokers, fromTopic(name), { connectTimeoutMs: 30_000 }),
  );
  await until('300 records', () => stored() === 300);
  await produce(name, registrations(300, 310));
  await until('those that came later', () => stored() === 310);
  await end();
  const offsets = await committed(`g-${name}`, name, 3);
  t.equal(
    offsets.reduce((sum, offset) => sum + Math.max(0, offset), 0),
    310,
  );
  t.same(
    log.lines.filter(({ level }) => level === 'warn' || level === 'error'),
    [],
  );
});

test('tags come from the value, else from headers; the platform only where nobody else writes', async (t, {
  topic,
  produce,
}) => {
  const name = await topic();
  const headers = { RequestID: 'H', Code: '0001', PlatformID: 'P', Part: '2', Digest: 'd', OperType: 'x'.repeat(300) };
  await produce(name, [
    { value: '{"RequestID":"R","ICCID":"8986"}', headers },
    { value: '{}', headers },
  ]);
  const { items } = await reading(t, name);
  await until('two items', () => items.length === 2);
  t.same(
    items.map(({ tags: { position: _position, acceptedAt: _acceptedAt, ...tags } }) => tags),
    [
      { platformId: `topic ${name} 0/0`, requestId: 'R', code: '0001', iccid: '8986' },
      { platformId: `topic ${name} 0/1`, requestId: 'H', code: '0001' },
    ],
    'what nobody stands for is known by its place, and found by its RequestID',
  );
  t.same(
    items.map(({ tags }) => tags.position),
    [0, 1],
  );
  for (const { tags } of items) t.ok(Math.abs(Date.now() - (tags.acceptedAt ?? 0)) < 60_000, 'the time of the broker');
  t.same(
    items.map(({ origin }) => origin),
    [`${name}/0/0`, `${name}/0/1`],
  );
  const trusting = await reading(t, name, { authenticated: true }, { group: `trusting-${name}` });
  await until('two items', () => trusting.items.length === 2);
  t.match(trusting.items[1]?.tags, { requestId: 'H', platformId: 'P', part: 2, digest: 'd' });
});

test('bytes go on as they are; of several topics nothing has a position', async (t, { topic, produce }) => {
  const [name, other] = [await topic(8, `test-${randomUUID()}`), await topic()];
  const ordered = '{"b":"2","a":"1"}';
  await produce(name, [{ value: ordered, partition: 7, headers: { Code: '0001', PlatformID: 'P', RequestID: 'H' } }]);
  const { items } = await reading(t, name, { as: 'bytes', authenticated: true });
  await until('one item', () => items.length === 1);
  const { value, tags } = items[0]!;
  const [bytes = []] = (value as Lines).read(0, 1) as Uint8Array[];
  t.equal(Buffer.from(bytes).toString(), ordered);
  t.match(tags, { requestId: 'H', platformId: 'P', code: '0001', position: 7 * 2 ** 40 });
  const both = await reading(t, name, { topics: [name, other] }, { group: `both-${name}` });
  await until('one item', () => both.items.length === 1);
  t.equal(both.items[0]?.tags.position, undefined);
});

test('a group without offsets begins where it is told to', async (t, { topic, produce, committed }) => {
  const name = await topic();
  await produce(name, numbered(0, 5));
  const latest = await reading(t, name, { from: 'latest' }, { group: `latest-${name}` });
  const earliest = await reading(t, name);
  await until('the old ones', () => earliest.items.length === 5);
  await until('it is known where it begins', async () => (await committed(`latest-${name}`, name))[0] === 5);
  await produce(name, numbered(5, 6));
  await until('what comes now', () => latest.items.length > 0);
  t.same(idsOf(latest.items), ['R-5']);
});

test('a group that begins at the end goes on there, whatever comes before it is there again', async (t, broker) => {
  const { topic, produce, committed } = broker;
  const name = await topic(2);
  await produce(name, [{ value: '{}', partition: 0 }]);
  const first = await reading(t, name, { from: 'latest' });
  const ends = () => committed(`g-${name}`, name, 2).then(String);
  await until('it is known where it begins', async () => (await ends()) === '1,0');
  await first.stop();
  t.equal(first.items.length, 0);
  const values = numbered(0, 2).map((message, partition) => ({ ...message, partition }));
  await produce(name, values);
  const again = await reading(t, name, { from: 'latest' });
  await until('what came meanwhile', () => again.items.length === 2);
  t.same(idsOf(again.items).sort(), ['R-0', 'R-1']);
});

test('what cannot be read goes to the dead letters, and the rest goes on', async (t, { topic, produce, committed }) => {
  const name = await topic();
  const { store } = await testStore(t);
  const poison = [
    'no json',
    '[1]',
    '{"a":1,"a":2}',
    Buffer.from([0x7b, 0xff, 0x7d]),
    null,
    `{"a":"${'x'.repeat(1_000)}"}`,
  ];
  await produce(name, [...poison.map((value) => ({ value, headers: { RequestID: 'H' } })), ...numbered(0, 3)]);
  const { items, stop, log } = await reading(t, name, { messageBytesMax: 500 }, { store });
  await until('three items', () => items.length === 3);
  await stop();
  const letters = store.deadLetters();
  t.same(
    letters.map(({ origin, code }) => [origin, code]),
    [0, 1, 2, 3, 4, 5].map((offset) => [
      `${name}/0/${offset}`,
      offset === 5 ? 'MESSAGE_TOO_LARGE' : 'MESSAGE_NOT_JSON',
    ]),
  );
  t.same(letters[0]?.tags, { platformId: `topic ${name} 0/0`, requestId: 'H' }, 'with no position');
  t.equal(Buffer.from(store.deadLetter(letters[0]?.id ?? 0)?.raw ?? []).toString(), 'no json', 'as it came');
  t.equal(store.deadLetter(letters[5]?.id ?? 0)?.raw, undefined, 'what is too large is not kept');
  t.same(await committed(`g-${name}`, name), [9]);
  t.notMatch(JSON.stringify(log.lines), /no json/, 'nothing of it is logged');
});

test('the lowest offset that has not arrived is committed, and read again', async (t, {
  topic,
  produce,
  committed,
}) => {
  const name = await topic();
  await produce(name, numbered(0, 10));
  const see = ({ value, receipt }: Item) => {
    const id = (value as JsonObject).RequestID;
    if (id === 'R-6') receipt.failed(new IovError('STORE_FAILED', 'the disk is full'));
    else if (id === 'R-8') receipt.failed(new IovError('RECORD_INVALID', 'kept among the dead letters'));
    else if (id !== 'R-4') receipt.arrived();
  };
  const first = await reading(t, name, {}, { see });
  t.match(await first.broke, { code: 'STORE_FAILED' }, 'what may go well later ends the run');
  await first.stop();
  t.same(await committed(`g-${name}`, name), [4]);
  const again = await reading(t, name);
  await until('the rest', () => again.items.length === 6);
  t.same(idsOf(again.items), ['R-4', 'R-5', 'R-6', 'R-7', 'R-8', 'R-9']);
});

test('a run that failed begins again, and stores nothing twice', async (t, { brokers, topic, produce }) => {
  const name = await topic(2);
  const running = await serving(t, kafkaSite(t.testdir({}), brokers, fromTopic(name)));
  const { store } = running.engine;
  const commit = store.commit.bind(store);
  let commits = 0;
  store.commit = (effects) => {
    commits += 1;
    return commits === 40 ? Promise.reject(new IovError('STORE_FAILED', 'the disk is full')) : commit(effects);
  };
  await produce(name, registrations(0, 200));
  await until('200 records', () => running.stored() >= 200);
  const stored = running.stored();
  await running.end();
  t.equal(stored, 200);
  t.match(
    running.log.lines.filter(({ level }) => level === 'error'),
    [{ fields: { code: 'STORE_FAILED' } }],
  );
});

test('memory stays bounded whatever the backlog', async (t, { topic, produce }) => {
  const name = await topic(2);
  const filler = 'x'.repeat(4_000);
  const values = Array.from({ length: 5_000 }, (_, number) => ({
    value: `{"RequestID":"R-${number}","f":"${filler}"}`,
  }));
  for (let round = 0; round < 10; round += 1) await produce(name, values);
  // rises at first, whatever there is to read; from then on it must not
  const most = { early: 0, late: 0 };
  let count = 0;
  let waiting: Item[] = [];
  const see = (item: Item) => {
    count += 1;
    waiting.push(item);
  };
  const options = { inFlightBytesMax: 8_388_608, prefetchBytesMax: 4_194_304 };
  const { items, stop } = await reading(t, name, options, { see });
  while (count < 50_000) {
    await until('more', () => waiting.length > 1_800 || count === 50_000);
    collectGarbage(); // its rest would count as held
    const when = count < 12_500 ? 'early' : 'late';
    most[when] = Math.max(most[when], process.memoryUsage().rss);
    for (const item of waiting) item.receipt.arrived();
    waiting = [];
    items.length = 0; // the test keeps none
  }
  await stop();
  const grewMb = Math.round((most.late - most.early) / 1e6);
  t.ok(grewMb < 40, `grew by ${grewMb} MB over the last 150 MB of a backlog of 200 MB`);
});

test('partitions go from hand to hand, and nothing is lost or doubled', async (t, { topic, produce, committed }) => {
  const name = await topic(4);
  await produce(name, numbered(0, 2_000));
  // settles a turn later, as a store does
  const see = ({ receipt }: Item) => void setImmediate(() => receipt.arrived());
  const first = await reading(t, name, { inFlightMax: 50 }, { see });
  await until('the first is at work', () => first.items.length > 100);
  const second = await reading(t, name, { inFlightMax: 50 }, { see });
  const count = () => first.items.length + second.items.length;
  let sent = 2_000;
  const more = async () => {
    await produce(name, numbered(sent, sent + 100));
    sent += 100;
    return second.items.length >= 200;
  };
  await until('both have a share', more, { ms: 60_000 });
  await first.stop();
  await produce(name, numbered(sent, sent + 500));
  sent += 500;
  await until('all of it', () => count() >= sent);
  await second.stop();
  const ids = [...idsOf(first.items), ...idsOf(second.items)];
  t.equal(new Set(ids).size, sent);
  t.equal(twice(ids), 0, 'what was under way had time to settle');
  t.ok(second.items.length >= 200, 'both had a share');
  const offsets = await committed(`g-${name}`, name, 4);
  t.equal(
    offsets.reduce((sum, offset) => sum + offset, 0),
    sent,
  );
});

test('what has not settled when partitions go is read by the next owner', async (t, { topic, produce, committed }) => {
  const name = await topic(2);
  await produce(
    name,
    numbered(0, 100).map((message, index) => ({ ...message, partition: index % 2 })),
  );
  const held: Item[] = [];
  let mayArrive = false; // what it reads again may come before or after the others are let go
  const see = (item: Item) => (mayArrive ? item.receipt.arrived() : held.push(item));
  const first = await reading(t, name, { handOverMs: 200 }, { see });
  await until('all are held', () => held.length === 100);
  const second = await reading(t, name);
  await until('the second has its share', () => second.items.length > 0);
  mayArrive = true;
  for (const { receipt } of held) receipt.arrived(); // too late for those that went
  const again = () => new Set([...idsOf(first.items.slice(100)), ...idsOf(second.items)]).size;
  await until('the first reads again what stayed with it', () => again() === 100);
  await first.stop();
  await second.stop();
  t.equal(again(), 100);
  const offsets = await committed(`g-${name}`, name, 2);
  t.equal(
    offsets.reduce((sum, offset) => sum + Math.max(0, offset), 0),
    100,
  );
});

t.test(
  'a broker that freezes and one that is killed are waited for',
  { skip: kafka?.control ? false : 'no Kafka of our own' },
  async (t) => {
    if (!kafka?.control) return;
    const { control } = kafka;
    const name = await kafka.topic(2);
    await kafka.produce(name, numbered(0, 100));
    const { items, log, stop } = await reading(t, name);
    const seen = () => new Set(idsOf(items)).size;
    await until('the first hundred', () => seen() === 100);
    await control.signal('SIGSTOP');
    const frozen = kafka.produce(name, numbered(100, 200)); // waits for it, too
    await control.signal('SIGCONT');
    await frozen;
    await until('the second hundred', () => seen() === 200);
    await control.kill();
    await until('it says so', () => log.lines.some(({ level }) => level === 'warn'));
    await control.again();
    await kafka.produce(name, numbered(200, 300));
    await until('the third hundred', () => seen() === 300, { ms: 60_000, instead: () => JSON.stringify(log.lines) });
    await until('it says so', () => log.lines.some(({ level }) => level === 'info'));
    await stop();
    const told = log.lines.map(({ message }) => message);
    t.same(told, ['Kafka cannot be used; trying on', 'Kafka can be used again'], 'once each');
  },
);

test('a broker that is not there at the start is waited for, told once, and a stop ends it', async (t) => {
  const { log, stop, items } = await reading(
    t,
    'nowhere',
    {},
    { brokers: `127.0.0.1:${await freePort()}`, connectTimeoutMs: 1_000 },
  );
  await until('it says so', () => log.lines.length > 0);
  await stop();
  t.match(log.lines, [{ level: 'warn', fields: { code: 'KAFKA_UNREACHABLE' } }]);
  t.equal(log.lines.length, 1);
  t.equal(items.length, 0);
});

test('a topic that is not there yet is waited for', async (t, { topic, produce }) => {
  const name = `test-${randomUUID()}`;
  const { log, items } = await reading(t, name);
  await until('it says so', () => log.lines.length > 0);
  t.match(log.lines, [{ level: 'warn', fields: { code: 'KAFKA_REFUSED' } }]);
  t.equal(log.lines.length, 1);
  await topic(1, name);
  await produce(name, numbered(0, 1));
  await until('the message', () => items.length === 1, { ms: 60_000 });
});
