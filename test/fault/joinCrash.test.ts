import t, { type Test } from 'tap';
import { originOf, readMessage } from '../../connections/kafkaMessage.js';
import type { Message } from '../../connections/rdkafka.js';
import type { Kernel, Sink } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import { oneLine } from '../../contract/oneLine.js';
import { Receipt } from '../../contract/receipt.js';
import type { Store, WindowRow } from '../../contract/store.js';
import { SimulatedClock } from '../../engine/clock.js';
import { cutoffOf } from '../../notice/cutoff.js';
import { spec as join } from '../../operators/join.js';
import { spec as archive } from '../../sinks/archive.js';
import { spec as kafkaSink } from '../../sinks/kafka.js';
import { bareContext } from '../support/bareContext.js';
import { clickHouseStore, newArchive, startClickHouse } from '../support/clickhouse.js';
import { type Kafka, kafkaConnection, startKafka } from '../support/kafka.js';
import { optionsOf } from '../support/options.js';
import { card, registration } from '../support/records.js';
import { DAY_16_MS, HOUR_MS, testStore } from '../support/testStore.js';

const kafka = await startKafka();
if (kafka) t.teardown(() => kafka.stop());
t.setTimeout(240_000);

const REQUESTS = ['R-1', 'R-2', 'R-3'];

/** The machine that joins, as pipelines/cluster-join.yaml has it, with its state in `store`. */
async function joining(t: Test, broker: Kafka, store: Store, topic: string) {
  const bus = await kafkaConnection(broker.brokers);
  const context = bareContext({ directory: t.testdirName, store, connections: { bus } });
  const side = async (options: object) => (await join.create(optionsOf(join, options), context)) as Kernel;
  const sides = { registrations: await side({ cards: 'ICCID' }), cards: await side({ registrations: 'ICCID' }) };
  const sink = (await kafkaSink.create(optionsOf(kafkaSink, { on: 'bus', topic }), context)) as Sink;
  t.teardown(async () => {
    await sink.close?.();
    await bus.close();
  });
  /** @returns how each receipt of what came out of it settled */
  return async (name: 'registrations' | 'cards', message: Message): Promise<void> => {
    const reading = {
      as: 'record',
      authenticated: name === 'registrations',
      messageBytesMax: 1e6,
      positions: true,
    } as const;
    await new Promise<void>((resolve) => {
      const receipt = new Receipt(() => resolve());
      const item: Item = { ...readMessage(message, reading), origin: originOf(message), receipt, effects: [] };
      void Promise.resolve(sides[name].transform(item)).then(async (items) => {
        for (const made of items as Item[]) {
          await sink.write({ ...made, value: oneLine(Buffer.from(JSON.stringify(made.value))) }).then(
            () => made.receipt.arrived(),
            (thrown: unknown) => made.receipt.failed(IovError.from(thrown)),
          );
        }
      });
    });
  };
}

const message = (topic: string, offset: number, value: object, headers: Record<string, string> = {}): Message => {
  const bytes = Buffer.from(JSON.stringify(value));
  const pairs = Object.entries(headers).map(([name, text]) => ({ [name]: Buffer.from(text) }));
  return {
    topic,
    partition: 0,
    offset,
    value: bytes,
    size: bytes.length,
    timestamp: DAY_16_MS - HOUR_MS,
    headers: pairs,
  };
};
const registered = (index: number) =>
  message(
    'registrations',
    index,
    { ...registration(), CustomerName: `N${index}` },
    {
      RequestID: REQUESTS[index] ?? '',
      PlatformID: 'OEM-1',
    },
  );

/** Three registrations wait; their card comes, and the machine dies before it has noted that what it made has been sent. */
async function madeTwice(t: Test, broker: Kafka): Promise<Message[]> {
  const topic = await broker.topic(1);
  const { store } = await testStore(t);
  const alive = await joining(t, broker, store, topic);
  for (const index of [0, 1]) await alive('registrations', registered(index));
  const dying = new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'commit') return async () => Promise.reject(new IovError('STOPPED', 'killed'));
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  await (await joining(t, broker, dying, topic))('cards', message('cards', 5, card()));
  const again = await joining(t, broker, store, topic);
  await again('registrations', registered(2)); // while it was down another one came
  await again('cards', message('cards', 5, card()));
  return broker.contents(topic);
}

async function archived(t: Test, store: Store, messages: readonly Message[]): Promise<void> {
  const context = bareContext({ directory: t.testdirName, store });
  const sink = (await archive.create(optionsOf(archive, { kind: 'KH', code: '0002' }), context)) as Sink;
  const reading = { as: 'bytes', authenticated: true, messageBytesMax: 1e6, positions: true } as const;
  for (const sent of messages) {
    const { value, tags } = readMessage({ ...sent, timestamp: DAY_16_MS - HOUR_MS }, reading);
    await sink.write({ value, tags, origin: originOf(sent), effects: [], receipt: new Receipt(() => undefined) });
  }
}

async function countOf(store: Store, window: WindowRow): Promise<number> {
  let count = 0;
  for await (const { sizes } of store.stretches(window, 100)) count += sizes.length;
  return count;
}

const key = { kind: 'KH', code: '0002', cutoff: cutoffOf(DAY_16_MS), type: 'P' } as const;

t.test(
  'what a join made before it was killed, and makes again, is archived once',
  { skip: kafka ? false : 'no Kafka' },
  async (t) => {
    if (!kafka) return;
    const messages = await madeTwice(t, kafka);
    t.equal(messages.length, 2 + 3, 'some are in the topic twice');
    for (const { headers = [] } of messages) {
      const [sender] = headers.flatMap(({ PlatformID }) => PlatformID ?? []);
      t.equal(String(sender), 'topic cards 0/5 for OEM-1', 'its header names no card and no person');
    }

    await t.test('in SQLite', async (t) => {
      const { store, clock } = await testStore(t);
      await archived(t, store, messages);
      clock.set(DAY_16_MS + HOUR_MS);
      t.equal(await countOf(store, await store.openWindow(key, DAY_16_MS, 'daily')), 3);
      for (const id of REQUESTS)
        t.equal(
          (await store.trace(id)).filter(({ step }) => step === 'archived').length,
          1,
          'a request finds its record',
        );
    });

    const server = await startClickHouse();
    if (!server) return t.comment('no ClickHouse here');
    t.teardown(() => server.stop());
    await t.test('in ClickHouse', async (t) => {
      const options = await newArchive(server, `${t.testdir({})}/ledger.db`);
      const clock = new SimulatedClock(DAY_16_MS + HOUR_MS);
      const { store } = await clickHouseStore(t, options, { clock });
      await archived(t, store, messages);
      t.equal(await countOf(store, await store.openWindow(key, DAY_16_MS, 'daily')), 3);
      for (const id of REQUESTS) {
        const steps = await store.trace(id);
        const [first, ...again] = steps.filter(({ step }) => step === 'archived').map(({ text }) => text);
        t.notMatch(first, /had come before/, 'a request finds its record');
        for (const text of again) t.match(text, /it had come before, and counts once$/);
        t.equal(steps.filter(({ step }) => step === 'window').length, 1, 'which stands in one window');
      }
    });
  },
);
