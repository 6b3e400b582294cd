import t from 'tap';
import type { Sink } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item, Lines } from '../../contract/item.js';
import { DeadLetterSource } from '../../engine/deadLetters.js';
import { spec as archive } from '../../sinks/archive.js';
import { bareContext } from '../support/bareContext.js';
import { optionsOf } from '../support/options.js';
import { testStore } from '../support/testStore.js';

t.test('a letter comes as its source would have given it: an object, or the bytes of a record', async (t) => {
  const { store } = await testStore(t);
  const raw = Buffer.from('{"ICCID": "8986…"}');
  const letter = { pipeline: 'p', origin: 'topic/0/1', code: 'RECORD_INVALID', reason: 'wrong', tags: {}, raw };
  await store.commit([(transaction) => transaction.addDeadLetter(letter)]);
  const [waiting] = store.deadLetters();
  const read = async (shape: 'record' | 'bytes') => {
    const source = new DeadLetterSource(store, [waiting?.id ?? 0], shape);
    for await (const { value } of source.read(new AbortController().signal)) return value;
    return undefined;
  };
  t.same(await read('record'), { ICCID: '8986…' });
  const lines = (await read('bytes')) as Lines;
  t.equal(lines.count, 1);
  const bytes: Uint8Array[] = [];
  for await (const piece of lines.read(0, 1)) bytes.push(piece);
  t.same(Buffer.concat(bytes), raw, 'as they came, spaces and all');
});

t.test('a letter that two send at once, as from a terminal and the dashboard, is stored once', async (t) => {
  const { store } = await testStore(t);
  const letter = { pipeline: 'p', origin: 'cards.ndjson:7', code: 'RECORD_INVALID', reason: 'wrong', tags: {} };
  await store.commit([(transaction) => transaction.addDeadLetter({ ...letter, raw: Buffer.from('{}') })]);
  const sink = (await archive.create(
    optionsOf(archive, { kind: 'KH', code: '0002' }),
    bareContext({ directory: '.', store }),
  )) as Sink;
  const sources = [new DeadLetterSource(store, [1], 'bytes'), new DeadLetterSource(store, [1], 'bytes')];
  const given = sources.map((source) => source.read(new AbortController().signal));
  const items = await Promise.all(given.map(async (reading) => (await reading.next()).value as Item));
  const send = (item: Item) =>
    sink.write(item).then(
      () => item.receipt.arrived(),
      (thrown: unknown) => item.receipt.failed(IovError.from(thrown)),
    );
  for (const item of items) await send(item);
  for (const source of sources) await source.close();
  t.same(store.status().records[0]?.count, 1);
  t.equal(store.deadLetter(1)?.state, 'retried');
  t.same([sources[0]?.retried, sources[1]?.retried], [1, 0]);
  t.match(sources[1]?.failed, [{ id: 1, reason: 'it has been sent again already' }]);
});
