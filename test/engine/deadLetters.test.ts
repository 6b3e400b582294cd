import t from 'tap';
import type { Lines } from '../../contract/item.js';
import { DeadLetterSource } from '../../engine/deadLetters.js';
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
