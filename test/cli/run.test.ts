import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { iovpipe } from '../support/cli.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { cardRecord } from '../support/records.js';
import { silentServer } from '../support/silentServer.js';
import { type SiteFiles, writeSite } from '../support/site.js';
import { within } from '../support/within.js';

delete process.env.FORCE_COLOR; // as the test runner may have set it

const site = (pipelines: string): SiteFiles => ({
  'pipeline.yaml': `peers: {}\narchive: { sqlite: { path: var/archive.db } }\noutbox: var/outbox\npipelines:\n${pipelines}`,
  'records.ndjson': `${JSON.stringify(cardRecord())}\n`,
});

const BACKFILL = `  backfill:
    schedule: manual
    source: { file: { path: records.ndjson, resume: false } }
    operators:
      - validate: { table: 12 }
      - order: { table: 12 }
      - split: { name: "KH_0002_{cutoff}_F_{seq}" }
      - zip: {}
    sink: { directory: { directory: inbox } }
`;
const COUNT = `  count:
    source: { file: { path: records.ndjson } }
    sink: { discard: {} }
`;

t.test('run --once delivers a window and ends with 0; again, it sends nothing twice', async (t) => {
  const folder = t.testdir();
  writeSite(folder, site(BACKFILL));
  const words = ['run', 'pipeline.yaml', '--once', 'backfill', '--cutoff', '2022111600'];
  const { code, stdout, stderr } = await iovpipe(words, folder);
  t.equal(code, 0, stderr);
  t.equal(stdout, '', 'stdout is left to data');
  t.strictSame(readdirSync(join(folder, 'inbox')), ['KH_0002_2022111600_F_000001end.zip']);
  const lines = stderr.trim().split('\n');
  t.match(
    lines.map((line) => JSON.parse(line).msg),
    ['delivered', 'pipeline has ended'],
  );
  t.notMatch(stderr, cardRecord().CustomerName as string, 'no personal data in the log');
  const again = await iovpipe([...words, '--log', 'silent'], folder);
  t.strictSame(again, { code: 0, stdout: '', stderr: '' });
  const status = JSON.parse((await iovpipe(['status', '--json'], folder)).stdout);
  t.match(status.windows, [
    { cutoff: '2022111600', type: 'F', state: 'delivered', filesDelivered: 1, recordsTotal: 1 },
  ]);
  const trace = await iovpipe(['trace', 'KH_0002_2022111600_F_000001end.zip', '--json'], folder);
  t.match(JSON.parse(trace.stdout), [{ step: 'window' }, { step: 'file' }, { step: 'packed' }, { step: 'delivered' }]);
});

t.test('run --once that cannot deliver ends with 2 and says why', async (t) => {
  const folder = t.testdir();
  writeSite(folder, { ...site(BACKFILL), inbox: 'a file where the directory should be' });
  const { code, stderr } = await iovpipe(['run', '--once', 'backfill', '--log', 'silent'], folder);
  t.equal(code, 2);
  t.match(stderr, /^iovpipe: .*inbox/);
});

t.test('a file whose pipelines all end ends by itself; what failed is a dead letter', async (t) => {
  const folder = t.testdir();
  writeSite(folder, site(COUNT));
  writeFileSync(join(folder, 'records.ndjson'), '{"a":1}\n{"a":\n{"a":3}\n');
  const { code, stderr } = await iovpipe(['run'], folder);
  t.equal(code, 0, stderr);
  const dead = await iovpipe(['dead', '--json'], folder);
  t.match(JSON.parse(dead.stdout), [{ pipeline: 'count', origin: 'records.ndjson:2', code: 'MESSAGE_NOT_JSON' }]);
});

t.test('what run is told wrongly is refused before anything starts', async (t) => {
  const folder = t.testdir();
  writeSite(folder, site(BACKFILL));
  const wrong: [string[], number, RegExp][] = [
    [['--once', 'backfil'], 64, /no pipeline is called backfil; .* has: backfill/],
    [['--once', 'backfill', '--cutoff', '20221116'], 64, /--cutoff: expected an hour as YYYYMMDDHH, got "20221116"/],
    [['--again'], 64, /--cutoff and --again go with --once NAME/],
    [['--log', 'loud'], 64, /--log: expected debug, info, warn, error, silent, got "loud"/],
    [['nowhere.yaml'], 1, /nowhere\.yaml:1:1 expected a pipeline file, got nothing/],
  ];
  for (const [words, expected, message] of wrong) {
    const { code, stderr } = await iovpipe(['run', ...words], folder);
    t.equal(code, expected, words.join(' '));
    t.match(stderr, message);
  }
  t.strictSame(readdirSync(folder).includes('inbox'), false);
});

t.test('the log for people', async (t) => {
  const folder = t.testdir();
  writeSite(folder, site(COUNT));
  const { code, stderr } = await iovpipe(['run', '--log-format', 'pretty'], folder);
  t.equal(code, 0);
  t.match(stderr, /^\d\d:\d\d:\d\d info {2}ready {2}file=\S+$/m);
  process.env.FORCE_COLOR = '1';
  t.teardown(() => delete process.env.FORCE_COLOR);
  t.match((await iovpipe(['run', '--log-format', 'pretty'], folder)).stderr, '\x1b[36minfo');
  t.match(await iovpipe(['run', '--log-format', 'xml'], folder), { code: 64, stderr: /expected json or pretty/ });
});

for (const cards of [false, true]) {
  t.test(`a stop that comes while the archive is opened, and says nothing, is heard; cards: ${cards}`, async (t) => {
    const { called, port } = await silentServer(t);
    const folder = t.testdir();
    const archive = `archive: { clickhouse: { url: "http://127.0.0.1:${port}", ledger: var/ledger.db, cards: ${cards}, requestTimeoutMs: 600000 } }\ndrainMs: 100000\n`;
    const files = site(COUNT);
    writeSite(folder, { ...files, 'pipeline.yaml': files['pipeline.yaml']!.replace(/^archive: .*\n/m, archive) });
    const run = new IovpipeProcess(['run', 'pipeline.yaml'], folder);
    t.teardown(() => run.signal('SIGKILL'));
    await within(60_000, 'a call for the archive', called());
    run.signal('SIGTERM');
    t.same(await within(60_000, 'the end', run.ended), { code: 0, signal: null }, run.words);
  });
}

t.test('a stop ends a start that waits for a server that is not there', async (t) => {
  const folder = t.testdir();
  const clickhouse = '{ url: "http://127.0.0.1:1", ledger: var/ledger.db, cards: true, requestTimeoutMs: 600000 }';
  const files = site(COUNT);
  const archive = `archive: { clickhouse: ${clickhouse} }\ndrainMs: 100000\n`;
  writeSite(folder, { ...files, 'pipeline.yaml': files['pipeline.yaml']!.replace(/^archive: .*\n/m, archive) });
  const run = new IovpipeProcess(['run', 'pipeline.yaml'], folder);
  t.teardown(() => run.signal('SIGKILL'));
  await within(
    60_000,
    'that it waits',
    run.says(({ msg }) => msg.startsWith('the start waits')),
  );
  run.signal('SIGTERM');
  t.same(await within(60_000, 'the end', run.ended), { code: 0, signal: null }, run.words);
});
