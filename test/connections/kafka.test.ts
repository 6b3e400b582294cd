import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { cleanEnvironment } from '../support/cleanEnvironment.js';
import { kafkaSite } from '../support/kafkaSite.js';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const WITHOUT = new URL('../support/withoutRdkafka.js', import.meta.url).href;

const PIPELINES = `  cards-in:
    source: { kafka: { on: bus, topics: [cards], group: iovpipe } }
    sink: { discard: {} }
`;

/** Runs the command line as if node-rdkafka had not been built. */
function withoutRdkafka(words: readonly string[]): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--import', WITHOUT, MAIN, ...words],
      { env: cleanEnvironment(), timeout: 60_000 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, said: stdout + stderr }),
    );
  });
}

t.test('without node-rdkafka a pipeline file is checked, and asking for Kafka says what to install', async (t) => {
  const path = kafkaSite(t.testdir({}), '127.0.0.1:9', PIPELINES);
  t.same(await withoutRdkafka(['check', path]), { code: 0, said: '' });
  const { code, said } = await withoutRdkafka(['run', path]);
  t.equal(code, 2);
  t.match(said, /npm install node-rdkafka/);
});

t.test('a certificate without its key is refused before anything starts', async (t) => {
  const path = kafkaSite(t.testdir({}), '127.0.0.1:9', PIPELINES);
  writeFileSync(path, readFileSync(path, 'utf8').replace('retryDelayMsMax', 'tls: { cert: PEM }, retryDelayMsMax'));
  const { code, said } = await withoutRdkafka(['check', path]);
  t.equal(code, 1);
  t.match(said, /connections\.bus\.kafka\.tls: expected `cert` and `key` together/);
});
