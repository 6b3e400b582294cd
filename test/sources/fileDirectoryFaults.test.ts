import { gzipSync } from 'node:zlib';
import t from 'tap';
import { spec } from '../../sources/file.js';
import { endsWhenStopped, endsWithTheSink, opensAndCloses, readsAtMost } from '../conformance/checks.js';
import { drive, keepingSink } from '../support/drive.js';
import { optionsOf } from '../support/options.js';
import { following, linesOf, locked, originsOf, outgoing } from '../support/outgoing.js';

t.test(
  'spoiled lines are dead letters; a file whose rest cannot be read is one too, and holds up nothing',
  async (t) => {
    const half = gzipSync(linesOf('b', 20_000)).subarray(0, 40_000);
    const { run, store, put } = await outgoing(t, {
      'a.ndjson': '{"n":1}\nspoiled\n{"n":3}\n',
      'b.ndjson.gz': half,
      'c.csv': 'n,n\n1,2\n',
      'd.ndjson': '{"n":4}\n',
    });
    const origins = await run();
    const inHalf = origins.filter((origin) => origin.startsWith('b.ndjson.gz'));
    t.same(origins, ['a.ndjson:1', 'a.ndjson:3', ...inHalf, 'd.ndjson:1']);
    t.ok(inHalf.length > 1_000, `${inHalf.length} lines before the damage`);
    const letters = store.deadLetters();
    t.match(letters, [
      { origin: 'a.ndjson:2', code: 'MESSAGE_NOT_JSON' },
      { origin: 'b.ndjson.gz', code: 'FILE_INVALID', reason: /not a whole \.gz file/ },
      { origin: 'c.csv', code: 'FILE_INVALID', reason: /a header that names each field once/ },
    ]);
    t.same(await run(), [], 'as it is it is not tried again');
    t.equal(store.deadLetters().length, letters.length);
    put('c.csv', 'n,m\n1,2\n');
    t.same(await run(), ['c.csv:2']);
  },
);

t.test(
  'a file that cannot be opened does not stop the others; it is told once, and comes when it can be read',
  async (t) => {
    const number = '89860000000000000017';
    const files = { [`a-${number}.ndjson`]: '{}', 'b.ndjson': '{}' };
    const { source, put, alarms, log } = await outgoing(t, files);
    await locked(`${number}.ndjson`, async () => {
      const sink = keepingSink();
      const once = drive(source(), [], sink);
      await t.rejects(once, { code: 'FILE_UNREADABLE', message: 'outgoing/*: 1 files could not be read' });
      t.same(originsOf(sink.items), ['b.ndjson:1']);
      t.equal(alarms().length, 1);
      const reading = await following(source({ follow: true }));
      for (const name of ['c.ndjson', 'd.ndjson', 'e.ndjson']) {
        put(name, '{}');
        t.same(await reading.take(1), [`${name}:1`]);
      }
      await reading.stop();
    });
    t.equal(alarms().length, 2, 'once a run, however often it is tried');
    t.match(alarms(), [{ fields: { file: /^a-#[0-9a-f]{8}\.ndjson$/, code: 'FILE_UNREADABLE' } }, {}]);
    t.notMatch(JSON.stringify(log.lines), number);
    const reading = await following(source({ follow: true }));
    t.match(await reading.take(1), [/^a-#[0-9a-f]{8}\.ndjson:1$/]);
    await reading.stop();
  },
);

t.test('it keeps what every source promises, with follow and without', async (t) => {
  for (const follow of [true, false]) {
    const place = async () => (await outgoing(t, { 'a.ndjson': linesOf('a', 5), 'b.ndjson': linesOf('b', 30) })).source;
    const now = async () => undefined;
    t.same(await endsWithTheSink((await place())({ follow }), now), []);
    t.same(await endsWhenStopped((await place())({ follow }), now), []);
    t.same(await opensAndCloses(async () => (await place())({ follow })), []);
    t.same(await readsAtMost((await place())({ follow, path: 'outgoing/b*', inFlightMax: 7 }), 7, now), []);
    t.same(await readsAtMost((await place())({ follow }), 5, now), [], 'nor more than one file');
  }
  const { source } = await outgoing(t);
  await t.rejects(source({ path: 'missing/*' }).open!(), { code: 'FILE_UNREADABLE', message: /looking at .*missing/ });
});

t.test('what makes no sense of a directory is a fault', (t) => {
  const faults = (options: object) => spec.check?.(optionsOf(spec, options)).map(({ field }) => field);
  t.same(faults({ path: 'a.ndjson', resume: false }), []);
  t.same(faults({ path: 'out/2022-*.ndjson', follow: true }), []);
  t.same(faults({ path: '*' }), []);
  t.same(faults({ path: 'a.ndjson', follow: true }), ['follow']);
  t.same(faults({ path: 'out*/a.ndjson' }), ['path']);
  t.same(faults({ path: 'out/张*.ndjson' }), ['path']);
  t.same(faults({ path: 'out/*', resume: false }), ['resume']);
  t.end();
});
