import { mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import { archivedThroughBreaks } from '../support/brokenOff.js';
import { drive, keepingSink } from '../support/drive.js';
import { linesOf, locked, originsIn, originsOf, outgoing } from '../support/outgoing.js';
import { within } from '../support/within.js';

t.test('files are read in order of their names, whatever their format and time, each once; they stay', async (t) => {
  const files = {
    'd.ndjson.gz': gzipSync('{"n":7}\n\n{"n":8}\n\n'),
    'b.csv': 'n\n3\n4\n',
    'a.ndjson': '{"n":1}\n{"n":2}\n\n',
    'c.json': '[{"n":5},{"n":6}]',
    'empty.ndjson': '',
  };
  const { source, run, directory, put } = await outgoing(t, files);
  utimesSync(join(directory, 'd.ndjson.gz'), 1, 1);
  const sink = keepingSink();
  await drive(source(), [], sink);
  const values = sink.items.map(({ value }) => Number((value as { n: unknown }).n));
  t.same(values, [1, 2, 3, 4, 5, 6, 7, 8]);
  t.same(originsOf(sink.items.slice(-2)), ['d.ndjson.gz:1', 'd.ndjson.gz:3']);
  const closed = await locked('', run); // none of them is opened again
  t.same(closed, [], 'the second run finds nothing new');
  t.same(readdirSync(directory).sort(), Object.keys(files).sort());
  put('aa.ndjson', '{"n":9}');
  t.same(await run(), ['aa.ndjson:1']);
  put('b.csv', 'n\n10\n');
  t.same(await run(), ['b.csv:2'], 'other content under a name that was read is another file');
  t.same(await run({ path: 'outgoing/a.ndjson' }), [], 'the ledger knows it by its path, alone or with others');
});

t.test('only names that match are read; pipes, links, hidden and odd names are not', async (t) => {
  const { run, directory, alarms, log } = await outgoing(t, { 'a.ndjson': '{}', 'a.txt': '{}', '.b.ndjson': '{}' });
  for (const name of ['half.ndjson.tmp', 'a b.ndjson']) writeFileSync(join(directory, name), '{}');
  symlinkSync(join(directory, 'a.ndjson'), join(directory, 'link.ndjson'));
  mkdirSync(join(directory, 'folder.ndjson'));
  mkdirSync(join(directory, 'folder'));
  t.same(await run({ path: 'outgoing/*.ndjson' }), ['a.ndjson:1']);
  t.match(alarms(), [{ level: 'error', fields: { code: 'FILE_UNREADABLE', alarm: 'fileUnreadable' } }, {}]);
  t.same(
    alarms()
      .map(({ fields }) => (fields as { file: string }).file)
      .sort(),
    ['folder.ndjson', 'link.ndjson'],
    'what bears the name of a file and is none is told, once',
  );
  t.equal(log.lines.filter(({ message }) => /are passed over/.test(message)).length, 1);
});

t.test('the order is kept, and each file read once, where more lie there than are kept in mind', async (t) => {
  const names = Array.from({ length: 23 }, (_, index) => `f${String(index).padStart(2, '0')}`);
  const files = Object.fromEntries(names.map((name) => [`${name}.ndjson`, '{}']));
  const { run } = await outgoing(t, files);
  const expected = names.map((name) => `${name}.ndjson:1`);
  t.same(await run({ waitingMax: 3 }), expected);
});

t.test(
  'a stop in the middle of the second of three files leaves its rest and the third for the next run',
  async (t) => {
    const { source, store, run } = await outgoing(t, {
      'a.ndjson': linesOf('a', 1000),
      'b.ndjson': linesOf('b', 1000),
      'c.ndjson': linesOf('c', 1000),
    });
    const stop = new AbortController();
    const first = keepingSink(() => {
      if (first.items.length === 1400) stop.abort();
    });
    await drive(source(), [], first, stop.signal);
    t.ok(first.items.length >= 1400 && first.items.length < 1600, `stopped after ${first.items.length}`);
    t.match(store.position('test', 'outgoing/b.ndjson'), { line: first.items.length - 1000 });
    const second = await run();
    t.same(
      [...originsOf(first.items), ...second],
      [...originsIn('a', 1000), ...originsIn('b', 1000), ...originsIn('c', 1000)],
    );
    t.same(await run(), []);
  },
);

t.test(
  'records and positions are one transaction: broken off anywhere, each line of each file is archived once',
  async (t) => {
    const names = ['a', 'b', 'c'];
    const files = Object.fromEntries(names.map((name) => [`${name}.ndjson`, `${linesOf(name, 400)}spoiled\n`]));
    const { source, store, context } = await outgoing(t, files);
    const { texts, runs } = await archivedThroughBreaks(source, { store, context }, { seed: 36, linesMax: 500 });
    const expected = names.flatMap((name) => Array.from({ length: 400 }, (_, index) => `${name} ${index + 1}`));
    t.same(texts, expected);
    t.equal(store.status().deadLetters, names.length);
    t.comment(`seed 36: ${runs} runs until the end`);
    t.ok(runs > 3);
  },
);

t.test('the next file is begun when all of the one before has been handled, and no earlier', async (t) => {
  const { source, store } = await outgoing(t, { 'a.ndjson': linesOf('a', 2), 'b.ndjson': linesOf('b', 1) });
  const opened = source({ follow: true });
  await opened.open?.();
  const reading = opened.read(new AbortController().signal)[Symbol.asyncIterator]();
  const items = [(await reading.next()).value as Item, (await reading.next()).value as Item];
  let third: Item | undefined;
  const pulling = reading.next().then(({ value }) => {
    third = value as Item;
  });
  items[1]?.receipt.arrived();
  for (let turn = 0; turn < 50; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
  t.equal(third, undefined);
  items[0]?.receipt.arrived();
  await within(60_000, 'the next file', pulling);
  t.equal(third?.origin, 'b.ndjson:1');
  t.match(store.position('test', 'outgoing/a.ndjson'), { line: 2 });
  third?.receipt.arrived();
  await opened.close?.();
});

t.test('what failed for now breaks the run, and comes again with what follows it', async (t) => {
  const { source, run } = await outgoing(t, { 'a.ndjson': linesOf('a', 3), 'b.ndjson': linesOf('b', 1) });
  const breaking = keepingSink((item) => {
    if (item.origin === 'a.ndjson:2') throw new IovError('FILE_UNREADABLE', 'one of another component');
  });
  await t.rejects(drive(source({ follow: true }), [], breaking), { message: 'one of another component' });
  t.same(await run(), ['a.ndjson:2', 'a.ndjson:3', 'b.ndjson:1']);
});
