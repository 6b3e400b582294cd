import t from 'tap';
import { systemClock } from '../../engine/clock.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { startKafka } from '../support/kafka.js';
import { fromTopic, kafkaSite, plainFromTopic, plainRecords, registrations, storedIn } from '../support/kafkaSite.js';
import { changesIn, signalAfter } from '../support/killMoment.js';
import { iccidOf } from '../support/messages.js';
import { seededRandom } from '../support/seededRandom.js';
import { until } from '../support/until.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
const KILLS = 6;

const kafka = await startKafka();
if (kafka) t.teardown(() => kafka.stop());
t.setTimeout(840_000);

/** Known again by the RequestID of their platform; or by their place in the topic alone. */
const chains = [
  { name: 'signed messages', pipeline: fromTopic, messages: registrations, key: (number: number) => `R-${number}` },
  { name: 'plain records', pipeline: plainFromTopic, messages: plainRecords, key: iccidOf },
];

for (const { name, pipeline, messages, key } of chains) {
  t.test(
    `kill -9 of a consumer of ${name} loses nothing, and stores nothing twice`,
    { skip: kafka ? false : 'no Kafka' },
    async (t) => {
      if (!kafka) return;
      t.setTimeout(400_000);
      t.comment(`seed ${SEED}`);
      const random = seededRandom(SEED);
      const topic = await kafka.topic(3);
      const folder = t.testdir({});
      const path = kafkaSite(folder, kafka.brokers, pipeline(topic, ', inFlightMax: 200'));
      let sent = 0;
      let isOver = false;
      // the car maker goes on whatever happens here
      const sending = (async () => {
        while (!isOver) {
          await kafka.produce(topic, messages(sent, sent + 50));
          sent += 50;
        }
      })();
      for (let kills = 0; kills < KILLS; kills += 1) {
        const daemon = new IovpipeProcess(['run', path], folder);
        await daemon.ready();
        const killed = await signalAfter(1 + Math.floor(random() * 60), changesIn(`${folder}/var`), daemon);
        if (!killed) throw new Error(`the daemon ended by itself: ${daemon.words}`);
      }
      isOver = true;
      await sending;
      const daemon = new IovpipeProcess(['run', path], folder);
      await daemon.ready();
      const open = () =>
        openSqliteStore({ path: `${folder}/var/archive.db`, clock: systemClock, log: keptLog(), readOnly: true });
      const store = await open();
      await until('all of it', () => storedIn(store) >= sent, {
        ms: 180_000,
        instead: () => `${storedIn(store)} of ${sent}`,
      });
      daemon.signal('SIGTERM');
      t.same(await daemon.ended, { code: 0, signal: null }, 'the last one stops when asked to');
      t.equal(storedIn(store), sent);
      const wrong: number[] = [];
      for (let number = 0; number < sent; number += 1) {
        const archived = (await store.trace(key(number))).filter(({ step }) => step === 'archived');
        if (archived.length !== 1) wrong.push(number);
      }
      t.same(wrong, [], 'each once');
      await store.close();
      const offsets = await kafka.committed(`g-${topic}`, topic, 3);
      t.equal(
        offsets.reduce((sum, offset) => sum + offset, 0),
        sent,
        'and committed',
      );
    },
  );
}
