import fs from 'node:fs';
import { utimes, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import t, { type Test } from 'tap';
import type { Source } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import type { JsonObject } from '../../contract/tags.js';
import { spec } from '../../sources/file.js';
import { bareContext } from '../support/bareContext.js';
import { archivedThroughBreaks } from '../support/brokenOff.js';
import { drive, keepingSink } from '../support/drive.js';
import { optionsOf } from '../support/options.js';
import { newRecord, testStore } from '../support/testStore.js';
import { until } from '../support/until.js';

const numbered = (count: number) =>
  Array.from({ length: count }, (_, number) => JSON.stringify({ ICCID: `card ${number + 1}` }));

async function trial(t: Test, lines: string[], options: Parameters<typeof testStore>[1] = {}) {
  const directory = t.testdir({ 'cards.ndjson': lines.map((line) => `${line}\n`).join('') });
  const opened = await testStore(t, { ...options, path: `${directory}/archive.db` });
  const context = bareContext({ directory, store: opened.store, log: opened.log });
  const source = (options: object = {}) =>
    spec.create(optionsOf(spec, { path: 'cards.ndjson', ...options }), context) as Source;
  return { ...opened, directory, context, source, file: `${directory}/cards.ndjson` };
}

async function itemsOf(opened: Source): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of opened.read(new AbortController().signal)) items.push(item);
  return items;
}

/** A disk that turns until it is released. */
function heldFlush(t: Test): { release(): void } {
  const real = fs.fdatasync;
  const held: (() => void)[] = [];
  fs.fdatasync = ((fd: number, done: (error: NodeJS.ErrnoException | null) => void) =>
    void held.push(() => real(fd, done))) as typeof fs.fdatasync;
  syncBuiltinESMExports();
  const release = () => {
    fs.fdatasync = real;
    syncBuiltinESMExports();
    for (const flush of held.splice(0)) flush();
  };
  t.teardown(release);
  return { release };
}

const numbersOf = (items: Item[]) => items.map(({ origin }) => Number(origin.split(':')[1]));

t.test('each line is an item with its number, its tags, its text, and no more', async (t) => {
  const message = { RequestID: 'R1', Code: 'LSV1', OperType: '1', ICCID: 'c1', x: 1 };
  const { source } = await trial(t, [JSON.stringify(message), '{"RequestID":5}']);
  const sink = keepingSink();
  await drive(source(), [], sink);
  t.match(sink.items, [
    { value: message, origin: 'cards.ndjson:1', tags: { requestId: 'R1', code: 'LSV1', operType: '1', iccid: 'c1' } },
    { value: { RequestID: 5 }, origin: 'cards.ndjson:2' },
  ]);
  t.same([sink.items.length, sink.items[1]?.tags], [2, {}]);
  t.equal(Buffer.from(sink.items[0]!.raw!).toString(), JSON.stringify(message));
  t.equal(spec.role === 'source' && spec.givesFor?.(optionsOf(spec, { path: 'x', as: 'message' })), 'message');
});

t.test('spoiled lines are dead letters with number, reason and text; the rest goes on', async (t) => {
  const { source, store } = await trial(t, ['{"a":1}', 'spoiled', '{"a":3}', `{"a":"${'x'.repeat(200)}"}`, '{"a":5}']);
  const sink = keepingSink();
  await drive(source({ lineBytesMax: 100 }), [], sink);
  t.same(numbersOf(sink.items), [1, 3, 5]);
  t.match(store.deadLetters(), [
    { origin: 'cards.ndjson:2', code: 'MESSAGE_NOT_JSON' },
    {
      origin: 'cards.ndjson:4',
      code: 'MESSAGE_TOO_LARGE',
      reason: 'a line of 208 bytes, expected 100 bytes at most (lineBytesMax)',
    },
  ]);
  t.equal(Buffer.from(store.deadLetter(1)!.raw!).toString(), 'spoiled');
});

t.test('a number in the name of a file is told to nobody', async (t) => {
  const name = '89860000000000000017.ndjson';
  const directory = t.testdir({ [name]: '{"a":1}\nspoiled\n' });
  const { store, log } = await testStore(t, { path: `${directory}/archive.db` });
  const context = bareContext({ directory, store, log });
  const run = async () => {
    const sink = keepingSink();
    await drive(spec.create(optionsOf(spec, { path: name }), context) as Source, [], sink);
    return sink.items;
  };
  t.match(await run(), [{ origin: /^#[0-9a-f]{8}\.ndjson:1$/ }]);
  t.match(store.deadLetters(), [{ origin: /^#[0-9a-f]{8}\.ndjson:2$/ }]);
  t.same(await run(), [], 'it is known again by its whole name');
  t.notMatch(JSON.stringify([log.lines, store.deadLetters()]), '8986');
});

t.test('a file that was read to its end gives nothing more, until it changes', async (t) => {
  const { source, file } = await trial(t, numbered(5));
  const read = async (options?: object) => {
    const sink = keepingSink();
    await drive(source(options), [], sink);
    return numbersOf(sink.items);
  };
  t.same(await read(), [1, 2, 3, 4, 5]);
  t.same(await read(), []);
  t.same(await read({ resume: false }), [1, 2, 3, 4, 5]);
  await utimes(file, 1, 1);
  t.same(await read(), [1, 2, 3, 4, 5]);
  await writeFile(file, '{}\n{}\n');
  t.same(await read(), [1, 2]);
});

t.test('a stop leaves the rest for the next run; with `resume: false` it breaks the run', async (t) => {
  const { source, store } = await trial(t, numbered(3000));
  const stop = new AbortController();
  const first = keepingSink(() => {
    if (first.items.length === 1200) stop.abort();
  });
  await drive(source(), [], first, stop.signal);
  const second = keepingSink();
  await drive(source(), [], second);
  t.ok(first.items.length >= 1200 && first.items.length < 1400, `stopped after ${first.items.length}`);
  t.same(
    [...numbersOf(first.items), ...numbersOf(second.items)],
    Array.from({ length: 3000 }, (_, index) => index + 1),
  );
  t.match(store.position('test', 'cards.ndjson'), { line: 3000 });
  await t.rejects(drive(source({ resume: false }), [], keepingSink(), AbortSignal.abort()), { code: 'STOPPED' });
});

t.test('the position is that of the lowest line on its way, in whatever order they settle', async (t) => {
  const { source, store } = await trial(t, numbered(6));
  const opened = source({ positionEvery: 1 });
  await opened.open?.();
  const items = await itemsOf(opened);
  const settle = async (number: number, how: 'arrived' | IovError) => {
    const receipt = items[number - 1]!.receipt;
    if (how === 'arrived') receipt.arrived();
    else receipt.failed(how);
    await store.commit([]); // the position is stored before this
    return store.position('test', 'cards.ndjson')?.line;
  };
  t.equal(await settle(2, 'arrived'), undefined);
  t.equal(await settle(1, 'arrived'), 2);
  t.equal(await settle(4, new IovError('RECORD_INVALID', 'for good')), 2);
  t.equal(await settle(3, 'arrived'), 4);
  t.equal(await settle(5, new IovError('STORE_FAILED', 'for now')), 4);
  t.equal(await settle(6, 'arrived'), 4, 'what may go well later is read again');
  await t.rejects(Promise.resolve(opened.close?.()), { code: 'STORE_FAILED' });
});

t.test('what is stored while the disk turns for lines before it does not take the position back', async (t) => {
  const { source, store } = await trial(t, numbered(3), { bounds: { commitsPerTransactionMax: 1 } });
  const opened = source();
  await opened.open?.();
  const items = await itemsOf(opened);
  const flush = heldFlush(t);
  const stored = items.map(({ effects }) =>
    store.commit([(transaction) => void transaction.append(newRecord('x')), ...effects]),
  );
  await until('three transactions', () => store.status().records[0]?.count === 3);
  t.match(store.position('test', 'cards.ndjson'), { line: 3 }, 'a kill now leaves three records, and reads none again');
  flush.release();
  await Promise.all(stored);
});

t.test('no more lines are on their way than the bound allows', async (t) => {
  const { source } = await trial(t, [...numbered(50), 'spoiled', 'spoiled', ...numbered(50)]);
  const opened = source({ inFlightMax: 7 });
  await opened.open?.();
  const reading = opened.read(new AbortController().signal)[Symbol.asyncIterator]();
  const pull = async () => (await reading.next()).value as Item | undefined;
  const waiting: (Item | undefined)[] = [];
  for (let number = 0; number < 7; number += 1) waiting.push(await pull());
  let eighth: Item | undefined;
  const pulling = pull().then((item) => {
    eighth = item;
  });
  for (let turn = 0; turn < 50; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
  t.equal(eighth, undefined, 'the eighth waits');
  waiting[3]?.receipt.arrived();
  for (let turn = 0; turn < 50; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
  t.equal(eighth, undefined, 'and still does while the lowest has not settled');
  waiting[0]?.receipt.arrived();
  await pulling;
  t.equal(eighth?.origin, 'cards.ndjson:8');
  for (const item of [...waiting, eighth]) item?.receipt.arrived();
  let read = 8;
  for (let item = await pull(); item; item = await pull()) {
    read += 1;
    item.receipt.arrived();
  }
  t.equal(read, 100);
  await opened.close?.();
});

t.test('records and position are one transaction: broken off anywhere, each line is archived once', async (t) => {
  const count = 2000;
  const { source, store, context } = await trial(
    t,
    numbered(count).map((line, index) => (index % 97 === 5 ? 'spoiled' : line)),
  );
  const { texts, runs } = await archivedThroughBreaks(source, { store, context }, { seed: 35, linesMax: 700 });
  const expected = numbered(count).flatMap((line, index) =>
    index % 97 === 5 ? [] : [(JSON.parse(line) as JsonObject).ICCID as string],
  );
  t.same(texts, expected);
  t.equal(store.status().deadLetters, count - expected.length);
  t.comment(`seed 35: ${runs} runs until the end`);
  t.ok(runs > 3);
});
