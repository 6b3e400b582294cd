import t from 'tap';
import { systemClock } from '../../engine/clock.js';
import { waitingLetters } from '../../engine/deadLetters.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { kafkaTests } from '../support/kafka.js';
import { betweenTopics, kafkaSite, plainRecords } from '../support/kafkaSite.js';
import { eventsOf, signalAfter } from '../support/killMoment.js';
import { iccidOf } from '../support/messages.js';
import { seededRandom } from '../support/seededRandom.js';
import { until } from '../support/until.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
const KILLS = 10;
const PARTITIONS = 3;
const MS = 60_000;
const TRANSACTIONS = ', transactions: { everyMs: 20, timeoutMs: 1000 }';

const { test } = await kafkaTests(t);
t.setTimeout(400_000);

test('kill -9 and a frozen process put each record into the topic once', async (t, kafka) => {
  t.comment(`seed ${SEED}`);
  const random = seededRandom(SEED);
  const [from, to] = [await kafka.topic(PARTITIONS), await kafka.topic(PARTITIONS)];
  const pipelines = betweenTopics(from, to, { source: ', handOverMs: 500', sessionMs: 1_000, sink: TRANSACTIONS });
  const folder = t.testdir({});
  const folders = [`${folder}/one`, `${folder}/two`];
  const daemonIn = (folder: string) => {
    const path = kafkaSite(folder, kafka.brokers, pipelines);
    return new IovpipeProcess(['run', path], folder);
  };
  const coming = await kafka.coming(to, PARTITIONS);
  t.teardown(() => coming.close());

  let sent = 0;
  let faulty = 0;
  let isOver = false;
  const sending = (async () => {
    for (; !isOver; sent += 20, faulty += 1) {
      await kafka.produce(from, plainRecords(sent, sent + 20));
      await kafka.produce(from, [{ value: 'no json' }]);
    }
  })();

  // some of these moments are between the first message of a transaction and its end
  for (let kills = 0; kills < KILLS; kills += 1) {
    const daemon = daemonIn(folders[0]!);
    await daemon.ready();
    const killed = await signalAfter(1 + Math.floor(random() * 100), eventsOf(coming, 'message'), daemon);
    if (!killed) throw new Error(`the daemon ended by itself: ${daemon.words}`);
  }

  const count = async (isolation: 'read_committed' | 'read_uncommitted') =>
    (await kafka.contents(to, PARTITIONS, isolation)).length;
  const grown = async (by: number) => {
    const before = await count('read_committed');
    await until('more is committed', async () => (await count('read_committed')) >= before + by, { ms: MS });
  };
  const [frozen, other] = folders.map(daemonIn) as [IovpipeProcess, IovpipeProcess];
  await Promise.all([frozen.ready(), other.ready()]);
  await grown(1);
  frozen.signal('SIGSTOP');
  // beyond its session the other one has all partitions, and what the frozen one left open
  await grown(200);
  const sentThen = sent;
  const isTaken = async () => new Set(await cards()).size >= sentThen;
  const cards = async () => (await kafka.contents(to, PARTITIONS)).map(({ key }) => Buffer.from(key ?? '').toString());
  await until('the other one has it all', isTaken, { ms: MS });
  frozen.signal('SIGCONT');
  await grown(100);
  isOver = true;
  await sending;

  await until('all of it', async () => (await count('read_committed')) >= sent, { ms: MS });
  const ends = async () => {
    const last = Array.from({ length: PARTITIONS }, () => 0);
    for (const { partition, offset } of await kafka.contents(from, PARTITIONS)) last[partition] = offset + 1;
    return String(last);
  };
  const wanted = await ends();
  const committed = async () => String(await kafka.committed(`g-${from}`, from, PARTITIONS));
  await until('and it is committed', async () => (await committed()) === wanted, { ms: MS });
  for (const daemon of [frozen, other]) daemon.signal('SIGTERM');
  t.same(await Promise.all([frozen.ended, other.ended]), Array(2).fill({ code: 0, signal: null }));

  const wrong = new Map<string, number>();
  for (let number = 0; number < sent; number += 1) wrong.set(iccidOf(number), -1);
  for (const card of await cards()) wrong.set(card, (wrong.get(card) ?? 0) + 1);
  t.same(
    [...wrong].filter(([, times]) => times !== 0),
    [],
    'each once',
  );
  t.ok((await count('read_uncommitted')) > sent, 'what was taken back would have come twice');

  const origins = new Set<string>();
  for (const folder of folders) {
    const path = `${folder}/var/archive.db`;
    const store = await openSqliteStore({ path, clock: systemClock, log: keptLog(), readOnly: true });
    for (const { origin } of waitingLetters(store)) origins.add(origin);
    await store.close();
  }
  t.equal(origins.size, faulty, 'each dead letter is kept');
});
