import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { Source, SourceSpec } from '../../contract/component.js';
import { component, componentsOf } from '../../engine/registry.js';
import { withReadStream } from '../support/readStream.js';
import * as broken from './broken/sources.js';
import {
  endsWhenStopped,
  endsWithTheSink,
  opensAndCloses,
  readBeforeSlowSink,
  readsAtMost,
  valuesOf,
} from './checks.js';
import { brokerHere, type World, world } from './world.js';

const broker = await brokerHere();
if (broker) t.teardown(() => broker.stop());
/** All of them, but for Kafka's where there is no broker; under CI there is one. */
const sources = componentsOf('source').filter(({ name }) => name !== 'kafka' || broker);

/** A source with so many items to read; those of callers come once the listener is up. */
async function supplied(place: World, spec: SourceSpec, count: number, options: object = {}) {
  const isCalled = spec.name === 'https';
  if (!isCalled) await place.supply(spec, count);
  const source = (await place.create(spec, options)) as Source;
  const ready = async () => {
    if (!isCalled) return;
    await place.listen();
    await place.supply(spec, count);
  };
  return [source, ready] as const;
}
const now = async () => undefined;
/** Items between a source and its sink: 16 in the source's stream, 16 in the one that leaves the stages. */
const BUFFERED = 16 + 16;
const ARCHIVE = { kind: 'KH', window: 'full' };

for (const spec of sources) {
  t.test(`${spec.name} is destroyed when the sink breaks the run`, async (t) => {
    for (const count of [1, 5]) {
      const [source, ready] = await supplied(await world(t), spec, count);
      t.strictSame(await endsWithTheSink(source, ready), [], `with ${count} items`);
    }
  });

  t.test(`${spec.name} ends when it is asked to stop, with nothing new`, async (t) => {
    const [source, ready] = await supplied(await world(t), spec, 5);
    t.strictSame(await endsWhenStopped(source, ready), []);
  });

  t.test(`${spec.name} closes before it was read from, and twice`, async (t) => {
    const place = await world(t);
    await place.supply(spec, 0);
    t.strictSame(await opensAndCloses(async () => (await place.create(spec)) as Source), []);
  });
}

t.test('what a source may have under way is what its bound says, exactly', async (t) => {
  const bounded: [string, object, number][] = [
    ['file', { inFlightMax: 7 }, 7],
    ['https', { inFlightMax: 3 }, 3],
    ['https', { inFlightBytesMax: 1 }, 1],
    ['kafka', { inFlightMax: 7 }, 7],
    ['kafka', { inFlightBytesMax: 1 }, 1],
    ['kafka', { inFlightBytesMax: 100 }, 5], // of 20 bytes each
  ];
  for (const [name, options, bound] of bounded.filter(([name]) => name !== 'kafka' || broker)) {
    const [source, ready] = await supplied(await world(t), component('source', name)!, 30, options);
    t.strictSame(await readsAtMost(source, bound, ready), [], `${name} ${JSON.stringify(options)}`);
  }
});

t.test('a slow sink bounds what is read from any source, exactly alike', async (t) => {
  for (const atSink of [1, 4, 9]) {
    const { source, given } = broken.endless();
    const read = await readBeforeSlowSink(source, now, { concurrency: atSink });
    t.equal(read, BUFFERED + atSink, `with ${atSink} writes under way`);
    t.equal(given(), read, 'the source counts the same');
  }
  for (const spec of sources) {
    const options = spec.name === 'archive' ? { ...ARCHIVE, stretchRecordsMax: 1 } : {};
    const [source, ready] = await supplied(await world(t), spec, 60, options);
    const read = await readBeforeSlowSink(source, ready, { atLeast: BUFFERED + 1 });
    t.equal(read, BUFFERED + 1, spec.name);
  }
  const greedy = broken.readsAhead();
  await readBeforeSlowSink(greedy.source, now);
  t.ok(greedy.given() > BUFFERED + 1, 'the check has teeth: a source that reads ahead has taken more than it gave');
});

/** Runs with every file read a byte at a time. */
function byteByByte<Result>(work: () => Promise<Result>): Promise<Result> {
  return withReadStream(
    (open) => (path, options) =>
      open(path, { ...(typeof options === 'string' ? { encoding: options } : options), highWaterMark: 1 }),
    work,
  );
}

const RECORDS = [{ a: '张三', b: ['车'] }, { a: '"{\\', c: '' }, { a: '李四\u{1f697}' }];
const LINES = `${RECORDS.map((record) => JSON.stringify(record)).join('\n')}\r\n`;
const CSV = 'a,b\n"张,三",车\n李四,"x\ny"\n';

t.test('file survives one-byte chunks, whatever the format', async (t) => {
  const place = await world(t);
  const files: [string, string | Buffer, object[]][] = [
    ['x.ndjson', LINES, RECORDS],
    ['x.ndjson.gz', gzipSync(LINES), RECORDS],
    ['x.json', JSON.stringify(RECORDS), RECORDS],
    [
      'x.csv',
      CSV,
      [
        { a: '张,三', b: '车' },
        { a: '李四', b: 'x\ny' },
      ],
    ],
  ];
  for (const [path, content, expected] of files) {
    writeFileSync(join(place.folder, path), content);
    const source = (await place.create(component('source', 'file')!, { path })) as Source;
    t.strictSame(await byteByByte(() => valuesOf(source)), expected, path);
  }
});

t.test('the checks have teeth', async (t) => {
  const { folder } = await world(t);
  t.match(await opensAndCloses(async () => broken.closesOpenOnly()), [/^closed before it was opened: close/]);
  t.match(await opensAndCloses(async () => broken.closesOnce()), [/^closed before/, /^opened and closed twice: close/]);
  t.match(await endsWithTheSink(broken.waitsForEver(), now, { overMs: 500 }), [/reading goes on/]);
  t.match(await endsWhenStopped(broken.hearsNoStop(), now), ['gave 49 more items after it was asked to stop']);
  t.match(await readsAtMost(broken.readsOn(), 7, now), ['read 20 items while none had settled, expected 7']);
  const path = join(folder, 'lines.ndjson');
  writeFileSync(path, LINES);
  const naive = broken.takesChunksForLines(path);
  t.strictSame(await valuesOf(naive), RECORDS, 'in large chunks it seems right');
  await t.rejects(byteByByte(() => valuesOf(naive)));
});
