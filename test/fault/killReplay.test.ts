import t from 'tap';
import { systemClock } from '../../engine/clock.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { iovpipe } from '../support/cli.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { startKafka } from '../support/kafka.js';
import { kafkaSite, plainFromTopic, plainRecords, storedIn } from '../support/kafkaSite.js';
import { changesIn, signalAfter } from '../support/killMoment.js';
import { seededRandom } from '../support/seededRandom.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
const KILLS = 4;
const RECORDS = 60_000;

const kafka = await startKafka();
if (kafka) t.teardown(() => kafka.stop());
t.setTimeout(480_000);

interface Told {
  read: number;
  new: number;
  seenBefore: number;
  dead: number;
}

t.test('a replay that is killed goes on, and stores nothing twice', { skip: kafka ? false : 'no Kafka' }, async (t) => {
  if (!kafka) return;
  t.comment(`seed ${SEED}`);
  const random = seededRandom(SEED);
  const topic = await kafka.topic(3);
  const folder = t.testdir({});
  const path = kafkaSite(folder, kafka.brokers, plainFromTopic(topic));
  await kafka.produce(topic, plainRecords(0, RECORDS));
  const words = ['replay', path, 'records-in', '--topic', topic, '--to', String(RECORDS)];
  let kills = 0;
  for (let tries = 0; tries < KILLS; tries += 1) {
    const replaying = new IovpipeProcess(words, folder);
    const killed = await signalAfter(20 + Math.floor(random() * 400), changesIn(`${folder}/var`), replaying);
    if (killed) kills += 1;
    else t.comment(`it had ended before kill ${tries + 1}: ${replaying.words}`);
  }
  t.ok(kills > 0, `killed ${kills} times`);
  const stopped = new IovpipeProcess(words, folder);
  const asked = await signalAfter(100, changesIn(`${folder}/var`), stopped, 'SIGTERM');
  t.ok(asked, `it was under way when it was asked to stop: ${stopped.words}`);
  t.match(await stopped.ended, { code: 2, signal: null }, 'asked to stop it notes where it is');
  const last = await iovpipe([...words, '--json'], folder);
  t.equal(last.code, 0, last.stderr);
  const told = JSON.parse(last.stdout) as Told;
  t.equal(told.new + told.seenBefore, told.read);
  t.match(last.stderr, /an earlier replay of the same bounds was broken off/);
  t.ok(told.read < RECORDS, `${told.read} of ${RECORDS} were left`);
  const store = await openSqliteStore({
    path: `${folder}/var/archive.db`,
    clock: systemClock,
    log: keptLog(),
    readOnly: true,
  });
  t.equal(storedIn(store), RECORDS);
  await store.close();
  const again = JSON.parse((await iovpipe([...words, '--json'], folder)).stdout) as Told;
  t.same([again.read, again.new, again.seenBefore, again.dead], [RECORDS, 0, RECORDS, 0], 'nothing the second time');
});
