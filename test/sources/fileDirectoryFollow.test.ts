import { appendFileSync, existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadAndCheck } from '../../engine/check.js';
import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { checkedConfig } from '../support/checkedConfig.js';
import { drive, keepingSink } from '../support/drive.js';
import { following, linesOf, originsIn, originsOf, outgoing, POLL_MS } from '../support/outgoing.js';
import { HeardLog } from '../support/role.js';
import { serve } from '../support/serve.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const FOLLOW = ', follow: true';

t.test('with follow new files come as they are complete; after a restart nothing comes twice', async (t) => {
  const { source, put, directory } = await outgoing(t, { 'b.ndjson': linesOf('b', 2) });
  const options = { follow: true, path: 'outgoing/*.ndjson' };
  const first = await following(source(options));
  t.same(await first.take(2), originsIn('b', 2));
  put('a.ndjson', linesOf('a', 2));
  t.same(await first.take(2), originsIn('a', 2), 'one whose name comes before those that were read');
  writeFileSync(join(directory, 'c.ndjson.tmp'), linesOf('c', 2));
  put('d.ndjson', linesOf('d', 3));
  t.same(await first.take(2), originsIn('d', 3).slice(0, 2), 'what is .tmp is not complete');
  await first.stop();
  renameSync(join(directory, 'c.ndjson.tmp'), join(directory, 'c.ndjson'));
  const second = await following(source(options));
  t.same(await second.take(3), [...originsIn('c', 2), 'd.ndjson:3']);
  put('a.ndjson', linesOf('a', 1));
  t.same(await second.take(1), originsIn('a', 1), 'other content under a name');
  await second.stop();
});

t.test('a file that grows is read when it has come to rest, whole; others are not held up', async (t) => {
  const { source, put, directory, store } = await outgoing(t, { 'b.ndjson': linesOf('b', 1) });
  const growing = join(directory, 'a.ndjson');
  let lines = 0;
  // half a line stands there at each look
  const write = () => appendFileSync(growing, `${lines++ === 0 ? '' : ':1}\n'}{"n"`);
  write();
  const writing = setInterval(write, POLL_MS / 4);
  t.teardown(() => clearInterval(writing));
  const reading = await following(source({ follow: true }));
  t.same(await reading.take(1), originsIn('b', 1));
  put('c.ndjson', linesOf('c', 1));
  t.same(await reading.take(1), originsIn('c', 1));
  await until('it has grown', () => lines > 4);
  clearInterval(writing);
  appendFileSync(growing, ':1}\n');
  t.same(await reading.take(lines), originsIn('a', lines));
  await reading.stop();
  t.same(store.deadLetters(), []);
});

t.test('without follow a file that still grows is left to the next run, and that is told', async (t) => {
  const { source, run, directory, log } = await outgoing(t, { 'b.ndjson': linesOf('b', 1) });
  const write = () => appendFileSync(join(directory, 'a.ndjson'), '{}\n');
  write();
  const writing = setInterval(write, POLL_MS / 4);
  t.teardown(() => clearInterval(writing));
  const sink = keepingSink();
  await within(60_000, 'the run', drive(source(), [], sink));
  clearInterval(writing);
  t.same(originsOf(sink.items), originsIn('b', 1));
  t.match(log.lines, [{ level: 'warn', fields: { files: 1 }, message: /left to the next run/ }]);
  t.equal((await run())[0], 'a.ndjson:1');
});

/** A site whose only pipeline archives what comes into a directory. */
const site = ({ more = '', schedule = '', split = '' } = {}) => `archive: { sqlite: { path: var/archive.db } }
pipelines:
  accounts-in:
    ${schedule}
    source: { file: { path: outgoing/*.ndjson, pollMs: ${POLL_MS}${more} } }
    operators: [{ order: { table: 8 } }${split}]
    sink: { archive: { kind: KH, code: "0002" } }
`;

t.test('in the daemon it lasts with follow, and a restart sends nothing twice; without it ends', async (t) => {
  const folder = t.testdir({ outgoing: {}, 'pipeline.yaml': site({ more: FOLLOW }), 'once.yaml': site() });
  const put = (name: string, count: number) => writeFileSync(join(folder, 'outgoing', name), linesOf(name, count));
  const start = async (file: string, arrivals: number) => {
    const log = new HeardLog();
    let all: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => {
      all = resolve;
    });
    let left = arrivals;
    const observer = () => void (--left === 0 && all());
    const config = await checkedConfig(join(folder, file));
    const engine = await Engine.open(config, { clock: systemClock, log, observer });
    const { ready, end } = serve(engine);
    await ready;
    return { log, end, arrived, engine, left: () => left };
  };
  const first = await start('pipeline.yaml', 5);
  put('a.ndjson', 3);
  put('b.ndjson', 2);
  await within(60_000, 'five records', first.arrived);
  await first.end();
  put('c.ndjson', 1);
  const second = await start('pipeline.yaml', 1);
  await within(60_000, 'one record', second.arrived);
  t.match(second.engine.store.status().records, [{ kind: 'KH', count: 6 }]);
  await second.end();
  const third = await start('once.yaml', 1);
  await third.log.says('pipeline has ended');
  t.equal(third.left(), 1, 'nothing came');
  await third.end();
  t.ok(existsSync(join(folder, 'outgoing/a.ndjson')));
});

t.test('a pipeline whose source lasts has no schedule and cuts no files', async (t) => {
  const schedule = 'schedule: manual';
  const folder = t.testdir({
    'scheduled.yaml': site({ more: FOLLOW, schedule }),
    'split.yaml': site({ more: FOLLOW, split: ', { split: { name: "KH_0002_{cutoff}_F_{seq}" } }' }),
    'manual.yaml': site({ schedule }),
  });
  const faults = async (file: string) => {
    const { faults } = await loadAndCheck(join(folder, file));
    return faults.map(({ message }) => message).join('\n');
  };
  t.match(await faults('scheduled.yaml'), 'expected no schedule, got one; file runs until it is stopped');
  t.match(await faults('split.yaml'), 'split needs a source that ends, as archive or file, but file runs until it is');
  t.same(await faults('manual.yaml'), '');
});
