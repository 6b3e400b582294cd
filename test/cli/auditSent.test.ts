import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Store, StoredRequest } from '../../contract/store.js';
import { SimulatedClock } from '../../engine/clock.js';
import { auditPath } from '../../stores/audit.js';
import { openClickHouseStore } from '../../stores/clickhouse/open.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { iovpipe } from '../support/cli.js';
import { archiveAt } from '../support/clickhouse.js';
import { changedSite, SITE, writeSite } from '../support/site.js';
import { DAY_16_MS } from '../support/testStore.js';

t.setTimeout(300_000);

/** Two platforms on two days: the clock is set to the time of each request. */
const SENT: readonly [at: number, request: Omit<StoredRequest, 'acceptedAt'>][] = [
  [DAY_16_MS - 5_000, { platformId: 'OEM', requestId: 'R-1', kind: 'KH', code: 'LSV1' }],
  [DAY_16_MS - 1_000, { platformId: 'OEM', requestId: 'R-2', kind: 'KH', code: 'LSV1' }],
  [DAY_16_MS, { platformId: 'OEM', requestId: 'R-3', kind: 'CL', code: 'LSV1' }],
  [DAY_16_MS + 1_000, { platformId: 'MIIT for LSV1', requestId: 'C-1', kind: 'command', code: 'LSV1' }],
];

async function fill(store: Store, clock: SimulatedClock): Promise<void> {
  for (const [at, request] of SENT) {
    clock.set(at);
    await store.commit([(transaction) => transaction.rememberRequest(request)]);
  }
  await store.close();
}

async function filledSite(t: Test): Promise<string> {
  const folder = t.testdir({ var: {} });
  writeSite(folder, SITE);
  const clock = new SimulatedClock(DAY_16_MS - 10_000);
  await fill(await openSqliteStore({ path: join(folder, 'var', 'archive.db'), clock, log: keptLog() }), clock);
  return folder;
}

t.test('audit --sent tells who sent what, the latest day first', async (t) => {
  const folder = await filledSite(t);
  const { code, stdout, stderr } = await iovpipe(['audit', '--sent'], folder);
  t.same([code, stderr], [0, '']);
  t.strictSame(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/)),
    [
      ['day', 'platform', 'kind', 'code', 'accepted', 'first', 'last'],
      ['20221116', 'MIIT', 'command', 'LSV1', '1', '2022-11-16 00:00:01', '2022-11-16 00:00:01'],
      ['20221116', 'OEM', 'CL', 'LSV1', '1', '2022-11-16 00:00:00', '2022-11-16 00:00:00'],
      ['20221115', 'OEM', 'KH', 'LSV1', '2', '2022-11-15 23:59:55', '2022-11-15 23:59:59'],
    ],
  );
  const asked = async (...words: string[]) =>
    JSON.parse((await iovpipe(['audit', '--sent', '--json', ...words], folder)).stdout);
  const of15 = {
    day: '20221115',
    platformId: 'OEM',
    kind: 'KH',
    code: 'LSV1',
    requests: 2,
    firstAt: DAY_16_MS - 5_000,
    lastAt: DAY_16_MS - 1_000,
  };
  t.strictSame(await asked('--day', '20221115'), [of15]);
  t.strictSame((await asked('--peer', 'OEM')).length, 2);
  t.strictSame(await asked('--peer', 'OEM', '--day', '20221115', '--archive', 'var/archive.db'), [of15]);
  t.strictSame(await asked('--peer', 'NOBODY'), []);
  t.equal((await iovpipe(['audit', '--sent', '--day', '20221114'], folder)).stdout, 'nothing was accepted\n');
  t.notOk(existsSync(auditPath(join(folder, 'var', 'archive.db'))), 'it shows nobody, and is not noted');
});

t.test('beside ClickHouse the ledger knows, whether the server answers or not', async (t) => {
  const folder = t.testdir({ var: {} });
  const url = 'http://127.0.0.1:1';
  writeSite(
    folder,
    changedSite(
      'pipeline.yaml',
      'sqlite: { path: var/archive.db }',
      `clickhouse: { url: "${url}", ledger: var/ledger.db }`,
    ),
  );
  const clock = new SimulatedClock(DAY_16_MS - 10_000);
  const options = archiveAt(url, join(folder, 'var', 'ledger.db'));
  await fill(await openClickHouseStore({ ...options, clock, log: keptLog(), ships: false }), clock);
  const { code, stdout } = await iovpipe(['audit', '--sent', '--day', '20221116', '--json'], folder);
  t.equal(code, 0);
  t.match(JSON.parse(stdout), [
    { platformId: 'MIIT', requests: 1 },
    { platformId: 'OEM', requests: 1 },
  ]);
});

t.test('wrong words are a wrong use', async (t) => {
  const folder = await filledSite(t);
  const refused: readonly [words: string[], expected: RegExp][] = [
    [['--day', '20221115'], /--day goes with --sent/],
    [['--peer', 'OEM', '--verify'], /--peer goes with --sent/],
    [['--sent', '--verify'], /--verify or --sent, not both/],
    [['--sent', '--day', '2022-11-15'], /--day: expected a day as YYYYMMDD, got "2022-11-15"/],
    [['--sent', '--day', '20221131'], /--day: expected a day/],
    [['--sent', 'OEM'], /at most 0 words/],
  ];
  for (const [words, expected] of refused) {
    t.match(await iovpipe(['audit', ...words], folder), { code: 64, stdout: '', stderr: expected }, words.join(' '));
  }
});
