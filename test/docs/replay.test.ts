import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { generator } from '../../demo/generator.js';
import { writeSite } from '../../demo/site.js';
import { iovpipe } from '../support/cli.js';
import { startKafka } from '../support/kafka.js';
import { accountMessage, maker } from '../support/messages.js';
import { pageOf } from '../support/page.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const { blocks } = pageOf('docs/replay.md');
const SHIPPED = readFileSync(join(ROOT, 'pipelines/replay.yaml'), 'utf8');
const SEALED = 'KH_0002_2026111600_P_000001';

/** Each line of the shell blocks: the words behind `iovpipe`. */
const commands = blocks('sh').flatMap((text) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.split(' ').slice(1)),
);
/** What the page shows as printed. */
const [printed] = blocks('');

/** Makes the `.bin` that the page speaks of. */
const PACK = `  pack:
    schedule: manual
    source: { file: { path: cards.ndjson, resume: false } }
    operators:
      - order: { table: 12 }
      - split: { name: "KH_0002_{cutoff}_P_{seq}" }
      - zip: {}
      - encrypt: { peer: regulator }
    sink: { directory: { directory: . } }
`;

const kafka = await startKafka();
if (kafka) t.teardown(() => kafka.stop());
t.setTimeout(600_000);

t.test('every command of the page works on the shipped pipelines', { skip: kafka ? false : 'no Kafka' }, async (t) => {
  if (!kafka) return;
  t.equal(commands.length, 5);
  const source = generator(2022);
  const noonMs = Date.parse('2026-11-15T12:00:00+08:00');
  const registrations = Array.from({ length: 300 }, (_, index) => {
    const { requestId, operType, detail } = source.registration(index);
    return {
      value: JSON.stringify(accountMessage(requestId, { OperType: operType }, detail)),
      timestamp: noonMs + index,
    };
  });
  await kafka.topic(4, 'registrations');
  await kafka.produce('registrations', [...registrations, { value: 'no json', timestamp: noonMs }]);
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => `${JSON.stringify(source.card(from + index))}\n`).join('');
  const bus = `kafka: { brokers: ["${kafka.brokers}"] }`;
  const folder = t.testdir({});
  const regulator = { ...maker, platformId: 'MIIT', codes: [] };
  writeSite({
    folder,
    pipeline: SHIPPED.replace('../peers.yaml', 'peers.yaml').replace(/kafka:\n(?: {6}.*\n)+/, `${bus}\n`) + PACK,
    peers: { oem: maker, regulator },
    secrets: {},
    files: { 'cards.ndjson': lines(0, 100) },
  });
  writeFileSync(join(folder, 'more.ndjson.gz'), gzipSync(lines(100, 200)));
  const packed = await iovpipe(['run', 'pipeline.yaml', '--once', 'pack', '--cutoff', '2026111600'], folder);
  t.equal(packed.code, 0, packed.stderr);
  renameSync(join(folder, `${SEALED}end.bin`), join(folder, `${SEALED}.bin`));
  t.equal((await iovpipe(['status'], folder)).code, 0);
  for (const words of commands) {
    const { code, stdout, stderr } = await iovpipe(words, folder);
    t.equal(code, 0, `${words.join(' ')}: ${stderr}`);
    t.match(stdout, /^(dry run: )?\d+ read, \d+ new, \d+ seen before, \d dead\n/);
  }
  const again = await iovpipe(commands[1] ?? [], folder);
  t.equal(again.stdout, printed, 'and says what the page shows');
  const { records } = JSON.parse((await iovpipe(['status', '--json'], folder)).stdout) as {
    records: { count: number }[];
  };
  t.same(
    records.map(({ count }) => count),
    [200],
    'cards and registrations have met',
  );
});
