import { join } from 'node:path';
import t from 'tap';
import type { Log } from '../../contract/context.js';
import { SimulatedClock } from '../../engine/clock.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { iovpipe } from '../support/cli.js';
import { SITE, writeSite } from '../support/site.js';

const NOON = Date.parse('2022-11-15T12:00:00+08:00');
const MIDNIGHT = Date.parse('2022-11-16T00:00:00+08:00');
const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** A site whose archive holds one record, a window planned over it, and a dead letter. */
async function archived(folder: string): Promise<void> {
  writeSite(folder, SITE);
  const clock = new SimulatedClock(NOON);
  const store = await openSqliteStore({ path: join(folder, 'var', 'archive.db'), clock, log: silent });
  await store.commit([
    (transaction) => {
      transaction.rememberRequest({ platformId: 'OEM', requestId: 'R-17', kind: 'account', code: 'LSV1' });
      transaction.append({
        kind: 'KH',
        code: '0002',
        requestId: 'R-17',
        platformId: 'OEM',
        bytes: Buffer.from('{"CustomerName":"张三"}'),
      });
      transaction.addDeadLetter({
        pipeline: 'cards-in',
        origin: 'cards.ndjson:12',
        code: 'RECORD_INVALID',
        reason: 'the record does not keep to table 12',
        tags: { requestId: 'R-18' },
        raw: Buffer.from('{"CustomerName":"李四"}'),
      });
    },
  ]);
  clock.set(MIDNIGHT + 1);
  store.openWindow({ kind: 'KH', code: '0002', cutoff: '2022111600', type: 'P' }, MIDNIGHT, 'accounts-daily');
  await store.close();
}

t.test('status, trace and dead look into the archive that the pipeline file names', async (t) => {
  const folder = t.testdir({ var: {} });
  await archived(folder);

  const status = await iovpipe(['status'], folder);
  t.equal(status.stderr, '');
  t.match(status.stdout, /^records: 1\n/);
  t.match(status.stdout, /KH_0002_2022111600_P +open +1 +0\/0 +accounts-daily/);
  t.match(status.stdout, 'dead letters: 1');
  t.match(JSON.parse((await iovpipe(['status', '--json'], folder)).stdout), { deadLetters: 1 });

  const trace = await iovpipe(['trace', 'R-17'], folder);
  t.equal(trace.code, 0);
  t.match(trace.stdout, /^2022-11-15 12:00:00 {2}accepted/);
  t.match(trace.stdout, 'KH_0002_2022111600_P');
  const unknown = await iovpipe(['trace', 'R-99'], folder);
  t.equal(unknown.code, 1);
  t.match(unknown.stderr, 'nothing is known of that key');

  const dead = await iovpipe(['dead'], folder);
  t.match(dead.stdout, /cards-in +cards\.ndjson:12 +RECORD_INVALID +the record does not keep to table 12/);
  const id = /^ +(\d+) /m.exec(dead.stdout)?.[1] ?? '';
  const letter = await iovpipe(['dead', 'show', id], folder);
  t.equal(letter.code, 0);
  t.match(letter.stdout, /^reason +the record does not keep to table 12$/m);
  t.equal((await iovpipe(['dead', 'show', '999'], folder)).code, 1);
  t.match((await iovpipe(['dead', '--pipeline', 'other'], folder)).stdout, 'no dead letters');

  for (const { stdout, stderr } of [status, trace, dead, letter]) {
    t.notMatch(stdout + stderr, /张三|李四/, 'no personal data on the screen');
  }
});

t.test('--archive does without a pipeline file; without an archive there is a clear error', async (t) => {
  const sites = t.testdir({ full: { var: {} }, empty: {} });
  const folder = join(sites, 'full');
  const other = join(sites, 'empty');
  await archived(folder);
  const { code, stdout } = await iovpipe(['status', '--archive', join(folder, 'var', 'archive.db')], other);
  t.equal(code, 0);
  t.match(stdout, 'records: ');
  const none = await iovpipe(['status', '--archive', 'none.db'], other);
  t.equal(none.code, 2);
  t.match(none.stderr, /^iovpipe: .*none\.db/);
  const faulty = await iovpipe(['status'], other);
  t.equal(faulty.code, 1);
  t.match(faulty.stderr, '--archive PATH does without it');
});
