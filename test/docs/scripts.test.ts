import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { commands } from '../../cli/commands.js';
import { iovpipe } from '../support/cli.js';
import { SITE, writeSite } from '../support/site.js';
import { newRecord, testStore } from '../support/testStore.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/scripts.md'), 'utf8');
t.setTimeout(300_000);

/** What the page says of each command: the fields before any bracket, by whether they may be absent. */
const ROWS = new Map(
  [...PAGE.matchAll(/^\| `([^`]+)` \| [^|]+ \| (.*) \|$/gm)].map(([, command = '', text = '']) => {
    const fields = [...text.replace(/: each .*|\([^)]*\)/g, '').matchAll(/`(\w+)(\?)?`/g)];
    return [command, fields.map(([, name = '', mark]) => ({ name, optional: mark === '?' }))] as const;
  }),
);

t.test('every command that takes --json is on the page', async (t) => {
  for (const [name, { load }] of Object.entries(commands)) {
    const { command } = await load();
    if (command.options.json) t.match(PAGE, new RegExp(`\`${name}( [a-z-]+)?\``), name);
  }
});

/** Words behind `iovpipe`, by the command on the page. */
const ASKED: Readonly<Record<string, string[]>> = {
  check: ['check', 'faulty.yaml'],
  test: ['test', 'x.yaml'],
  graph: ['graph'],
  status: ['status'],
  trace: ['trace', 'R-17'],
  'dead list': ['dead'],
  'dead retry': ['dead', 'retry', '--all'],
  'sample list': ['sample'],
  cards: ['cards'],
  'purge --dry-run': ['purge', '--dry-run'],
  report: ['report', '--day', '20221116'],
  'audit --sent': ['audit', '--sent'],
  list: ['list'],
  version: ['version'],
};

t.test('each prints what the page says', async (t) => {
  const folder = t.testdir();
  const pipeline = SITE['pipeline.yaml'] ?? '';
  writeSite(folder, { ...SITE, 'pipeline.yaml': `${pipeline}retention: { afterServiceDays: 731 }\n` });
  mkdirSync(join(folder, 'var'), { recursive: true });
  writeFileSync(join(folder, 'faulty.yaml'), 'pipelines: {}\n');
  writeFileSync(
    join(folder, 'x.yaml'),
    'archive: { sqlite: { path: x.db } }\npipelines: { a: { source: { file: { path: a } }, sink: { discard: {} } } }\n',
  );
  writeFileSync(join(folder, 'x.test.yaml'), 'tests: [{ name: x, steps: [{ run: a, given: [] }] }]\n');
  const { store } = await testStore(t, { path: join(folder, 'var/archive.db') });
  await store.commit([
    (transaction) => {
      transaction.append(newRecord('{"a":1}', { requestId: 'R-17', platformId: 'OEM' }));
      transaction.rememberRequest({ platformId: 'OEM', requestId: 'R-17', kind: 'KH', code: '0002' });
      transaction.addDeadLetter({
        pipeline: 'accounts-in',
        origin: 'o',
        code: 'RECORD_INVALID',
        reason: 'r',
        tags: {},
      });
      transaction.addSample({
        pipeline: 'accounts-in',
        requestId: 'R-17',
        code: '0002',
        record: { CustomerName: '张*' },
      });
      transaction.putCardSide('89860012345678901234', 'card', { fields: {}, tags: {} });
    },
  ]);
  await store.close();
  for (const [command, words] of Object.entries(ASKED)) {
    const { stdout, stderr } = await iovpipe([...words, '--json'], folder);
    const value: unknown = JSON.parse(stdout);
    const one = (Array.isArray(value) ? value[0] : value) as object | undefined;
    const found = Object.keys(one ?? {});
    const fields = ROWS.get(command) ?? [];
    t.ok(fields.length > 0, `${command} has a row`);
    t.strictSame(
      fields.filter(({ name, optional }) => !optional && !found.includes(name)),
      [],
      `${command}: ${found} ${stderr}`,
    );
    t.strictSame(
      found.filter((name) => !fields.some((field) => field.name === name)),
      [],
      `${command}: nothing else`,
    );
  }
});
