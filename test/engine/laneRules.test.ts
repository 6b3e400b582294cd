import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { loadAndCheck } from '../../engine/check.js';
import { writeSite } from '../support/site.js';

const SHIPPED = readFileSync(fileURLToPath(new URL('../../../pipelines/cluster.yaml', import.meta.url)), 'utf8');
const SECRET = '0123456789abcdef0123456789abcdef\n';
const PEERS = `oem: { platformId: P, password: "\${secret:k}", codes: [LSV1], cipher: { key: "\${secret:k}" } }
regulator: { platformId: Q, password: "\${secret:k}", cipher: { key: "\${secret:k}" } }
`;

/** What is wrong with the shipped cluster once something in it is another. */
async function faultsOf(t: Test, from: string | RegExp, to: string): Promise<string[]> {
  const folder = t.testdir();
  const changed = SHIPPED.replace(from, to);
  t.not(changed, SHIPPED, 'it is another');
  const secrets = ['t1.key', 'sftp.key', 'kafka.password', 'clickhouse.password', 'k'].map(
    (name) => [`secrets/${name}`, SECRET] as const,
  );
  const text = changed.replace('../peers.yaml', 'peers.yaml');
  writeSite(folder, { 'cluster.yaml': text, 'peers.yaml': PEERS, 't1.crt': 'x', ...Object.fromEntries(secrets) });
  const { faults } = await loadAndCheck(join(folder, 'cluster.yaml'));
  return faults.map(({ place, message }) => `${place}: ${message}`);
}

t.test('files are shared out by the lanes over which they go', async (t) => {
  t.match(await faultsOf(t, / {6}- lanes: \{ on: lanes \}.*\n/, ''), [
    /accounts-daily\.operators\[0\]\.split: expected the operator lanes \(on: lanes\) behind split/,
  ]);
  const without = await faultsOf(t, /\n {6}lanes: lanes .*\n/, '\n');
  t.equal(without.length, 4);
  t.match(without, [/accounts-daily\.operators\[1\]\.lanes: expected a sink sftp whose connection has `lanes: lanes`/]);
  t.match(
    await faultsOf(t, 'sink: { sftp: { on: regulator, directory: /upload } }', 'sink: { directory: { path: out } }'),
    [/accounts-daily\.operators\[1\]\.lanes: expected a sink sftp .*, got one without lanes/],
  );
});

t.test('only windows of the archive are read alike everywhere', async (t) => {
  const archive = /source:\n {6}archive:\n {8}kind: KH\n {8}window: day\n {8}behind: .*\n/;
  const faults = await faultsOf(t, archive, 'source: { file: { path: records.ndjson, resume: false } }\n');
  t.match(
    faults.filter((fault) => fault.includes('.lanes')),
    [/expected the source archive, .* got file/],
  );
});
