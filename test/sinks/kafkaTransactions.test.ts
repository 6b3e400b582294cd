import t, { type Test } from 'tap';
import type { Sink } from '../../contract/component.js';
import type { Item } from '../../contract/item.js';
import { oneLine } from '../../contract/oneLine.js';
import { Receipt } from '../../contract/receipt.js';
import { createCipher } from '../../crypto/cipher.js';
import { DeadLetterSource, waitingLetters } from '../../engine/deadLetters.js';
import { spec } from '../../sinks/kafka.js';
import { bareContext } from '../support/bareContext.js';
import { checkedConfig } from '../support/checkedConfig.js';
import { type Kafka, kafkaTests, type Produced } from '../support/kafka.js';
import { betweenTopics, kafkaSite, plainRecords, serving } from '../support/kafkaSite.js';
import { accountMessage, iccidOf, maker, registration } from '../support/messages.js';
import { optionsOf } from '../support/options.js';
import { until } from '../support/until.js';

const { kafka, test } = await kafkaTests(t);
t.setTimeout(300_000);

const MS = 60_000;
const PARTITIONS = 3;
const TRANSACTIONS = ', transactions: { everyMs: 20, timeoutMs: 2000 }';

/** A car maker who lists the cards of a message. */
const LISTING = {
  ...maker,
  dialect: {
    fields: {},
    signature: 'lower' as const,
    cards: { list: 'CardInfo', fields: ['MSISDN', 'ICCID'], max: 5 },
  },
};

/** No record at all, and one that lacks what it must have. */
const faulty = (count: number): Produced[] =>
  Array.from({ length: count }, (_, index) => ({ value: index % 2 === 0 ? 'no json' : `{"ICCID":"${index}"}` }));

/** Two topics, and daemons that carry records from the first to the second. */
async function between(t: Test, broker: Kafka, given: { source?: string; sink?: string; as?: string } = {}) {
  const [from, to] = [await broker.topic(PARTITIONS), await broker.topic(PARTITIONS)];
  const options = { ...given, sink: `${TRANSACTIONS}${given.sink ?? ''}` };
  const path = (folder: string) =>
    kafkaSite(folder, broker.brokers, betweenTopics(from, to, options), { peer: LISTING });
  const folder = t.testdir({});
  let count = 0;
  const daemon = () => {
    count += 1;
    return serving(t, path(`${folder}/${count}`));
  };
  const cards = async (isolation?: 'read_uncommitted') =>
    (await broker.contents(to, PARTITIONS, isolation)).map(({ key }) => Buffer.from(key ?? '').toString());
  /** Each once, whatever their order. */
  const once = async (numbers: readonly number[], what = 'each once') =>
    t.same((await cards()).sort(), numbers.map(iccidOf).sort(), what);
  /** The group has gone beyond all that there is. */
  const done = async () => {
    const ends = async () => {
      const last = new Map<number, number>();
      for (const { partition, offset } of await broker.contents(from, PARTITIONS)) last.set(partition, offset + 1);
      return Array.from({ length: PARTITIONS }, (_, partition) => last.get(partition) ?? 0);
    };
    const wanted = String(await ends());
    const offsets = async () =>
      (await broker.committed(`g-${from}`, from, PARTITIONS)).map((mark) => Math.max(0, mark));
    let now = '';
    const isThere = async () => {
      now = String(await offsets());
      return now === wanted;
    };
    await until('all is committed', isThere, { ms: MS, instead: () => `${now} of ${wanted}` });
  };
  return { from, to, path, folder, daemon, cards, once, done };
}
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
const lettersOf = (store: Parameters<typeof waitingLetters>[0]) => [...waitingLetters(store)];

test('records arrive once, and their offsets with them; dead letters hold nothing up', async (t, broker) => {
  const { from, daemon, once, done } = await between(t, broker);
  await broker.produce(from, plainRecords(0, 400));
  await broker.produce(from, faulty(10));
  await broker.produce(from, plainRecords(400, 500));
  await broker.produce(from, faulty(6)); // a partition may end with them
  const { engine, end } = await daemon();
  await done();
  await once(numbers(0, 500));
  t.equal(lettersOf(engine.store).length, 16);
  await broker.produce(from, plainRecords(500, 600));
  await broker.produce(from, faulty(2));
  await end();
  const again = await daemon();
  await done();
  await once(numbers(0, 600));
  await again.end();
});

test('a message of which one part is no record arrives with the others', async (t, broker) => {
  const { from, daemon, once, done } = await between(t, broker, { as: 'message' });
  const cipher = createCipher(maker.cipher!);
  const message = (number: number) => {
    const { MSISDN, ICCID, ...common } = registration;
    const CardInfo = [0, 1, 2].map((part) => ({
      MSISDN: part === 1 && number % 2 === 0 ? '' : MSISDN,
      ICCID: iccidOf(3 * number + part),
    }));
    const EncryptUserInfo = cipher.encryptText(JSON.stringify({ ...common, CardInfo }));
    return { value: JSON.stringify(accountMessage(`R-${number}`, { EncryptUserInfo })) };
  };
  await broker.produce(from, numbers(0, 60).map(message));
  const { engine, end } = await daemon();
  await done();
  t.equal(lettersOf(engine.store).length, 30);
  await once(numbers(0, 180).filter((number) => number % 6 !== 1));
  await end();
});

test('a record that is too large is a dead letter, and the others of its transaction arrive', async (t, broker) => {
  const { from, daemon, once, done, cards } = await between(t, broker, { sink: ', messageBytesMax: 2000' });
  const large = { ...registration, ICCID: iccidOf(1_000), CustomerCertAddress: '路'.repeat(1_000) };
  await broker.produce(from, plainRecords(0, 50));
  await broker.produce(from, [{ value: JSON.stringify(large) }]);
  await broker.produce(from, plainRecords(50, 100));
  const { engine, end } = await daemon();
  await done();
  await once(numbers(0, 100));
  t.ok((await cards('read_uncommitted')).length >= 100);
  t.match(lettersOf(engine.store), [{ code: 'MESSAGE_TOO_LARGE' }]);
  await end();
});

test('partitions go from hand to hand under way', async (t, broker) => {
  const { from, daemon, once, done } = await between(t, broker);
  let sent = 0;
  let isOver = false;
  const sending = (async () => {
    for (; !isOver; sent += 50) {
      await broker.produce(from, plainRecords(sent, sent + 50));
      await broker.produce(from, faulty(1));
    }
  })();
  const first = await daemon();
  await until('the first is at work', () => lettersOf(first.engine.store).length > 2, { ms: MS });
  const second = await daemon();
  await until('both are', () => lettersOf(second.engine.store).length > 2, { ms: MS });
  await first.end();
  const third = await daemon();
  await until('another', () => lettersOf(third.engine.store).length > 2, { ms: MS });
  isOver = true;
  await sending;
  await done();
  await once(numbers(0, sent));
  for (const { log } of [first, second, third])
    t.same(
      log.lines.filter(({ level }) => level === 'error'),
      [],
      'nobody had to begin anew',
    );
  await Promise.all([second.end(), third.end()]);
});

test('dead letters that are sent again go as without transactions', async (t, broker) => {
  const { from, path, folder, daemon, done, once } = await between(t, broker);
  const { engine, end } = await daemon();
  await engine.store.commit([
    (transaction) =>
      transaction.addDeadLetter({
        pipeline: 'through',
        origin: `${from}/0/0`,
        code: 'TABLE_INVALID',
        reason: 'mended',
        tags: { iccid: iccidOf(7) },
        raw: Buffer.from(JSON.stringify({ ...registration, ICCID: iccidOf(7) })),
      }),
  ]);
  const config = await checkedConfig(path(`${folder}/1`));
  const ids = lettersOf(engine.store).map(({ id }) => id);
  const source = DeadLetterSource.of({ config, store: engine.store }, 'through', ids);
  await engine.once('through', { source });
  t.equal(source.retried, 1);
  await broker.produce(from, plainRecords(8, 9));
  await done();
  await once([7, 8]);
  await end();
});

t.test('an item with something to store fails, and so does one of another source', async (t) => {
  const committers = new Map();
  const bus = { committers, joined: () => undefined, left: () => undefined };
  const context = bareContext({ directory: '.', connections: { bus: bus as never } });
  const sink = (await spec.create(optionsOf(spec, { on: 'bus', topic: 'to', transactions: {} }), context)) as Sink;
  const item: Omit<Item, 'receipt'> = { value: oneLine(Buffer.from('{}')), tags: {}, origin: 'test', effects: [] };
  const held = new Receipt(
    () => undefined,
    () => undefined,
  );
  await t.rejects(sink.write({ ...item, receipt: held, effects: [() => undefined] }), { code: 'CONFIG_INVALID' });
  await t.rejects(sink.write({ ...item, receipt: new Receipt(() => undefined) }), { code: 'CONFIG_INVALID' });
  const waiting = t.rejects(sink.write({ ...item, receipt: held }), { code: 'STOPPED' });
  await new Promise((resolve) => setImmediate(resolve));
  await sink.close?.();
  await waiting;
  t.equal(committers.size, 0);
});

t.test(
  'a broker that freezes, and one that is killed, double nothing',
  { skip: kafka?.control ? false : 'no Kafka of our own' },
  async (t) => {
    if (!kafka?.control) return;
    const { control } = kafka;
    const { from, daemon, once, done } = await between(t, kafka);
    await kafka.produce(from, plainRecords(0, 100));
    const { log, end } = await daemon();
    await done();
    await kafka.produce(from, plainRecords(100, 3_000));
    await control.signal('SIGSTOP');
    const began = performance.now();
    // longer than a transaction may take
    await until('its time is over', () => performance.now() - began > 6_000);
    await control.signal('SIGCONT');
    await done();
    await once(numbers(0, 3_000), 'frozen');
    await kafka.produce(from, plainRecords(3_000, 6_000));
    await control.kill();
    await until('it says so', () => log.lines.some(({ message }) => message.startsWith('Kafka cannot be used')));
    await control.again();
    await done();
    await once(numbers(0, 6_000), 'killed');
    await end();
  },
);
