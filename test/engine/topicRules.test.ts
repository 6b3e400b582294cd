import { join } from 'node:path';
import t from 'tap';
import { loadAndCheck } from '../../engine/check.js';
import { writeSite } from '../support/site.js';

const site = (archive: string, topics: readonly [string, string], kinds = ['KH', 'KH']) => `
connections:
  bus: { kafka: { brokers: ["127.0.0.1:9092"] } }
archive: ${archive}
pipelines:
  one:
    source: { kafka: { on: bus, topics: ${topics[0]}, group: g1, as: bytes } }
    sink: { archive: { kind: ${kinds[0]}, code: "0002" } }
  two:
    source: { kafka: { on: bus, topics: ${topics[1]}, group: g2, as: bytes } }
    sink: { archive: { kind: ${kinds[1]}, code: "0002" } }
`;
const CLICKHOUSE = '{ clickhouse: { url: "http://127.0.0.1:8123", ledger: var/ledger.db } }';

t.test('two topics of one kind into an archive that knows records by their place are refused', async (t) => {
  const faultsOf = async (text: string) => {
    const folder = t.testdir();
    writeSite(folder, { 'pipeline.yaml': text });
    const { faults } = await loadAndCheck(join(folder, 'pipeline.yaml'));
    return faults.map(({ message }) => message);
  };
  t.match(await faultsOf(site(CLICKHOUSE, ['[accounts]', '[others]'])), [
    /^expected the topic accounts, got others: records of kind KH are known by their place in one topic, that of one$/,
  ]);
  t.same(await faultsOf(site(CLICKHOUSE, ['[accounts]', '[accounts]'])), [], 'the same topic');
  t.same(await faultsOf(site(CLICKHOUSE, ['[accounts]', '[others]'], ['KH', 'CL'])), [], 'another kind');
  t.same(await faultsOf(site(CLICKHOUSE, ['[accounts]', '[others, more]'])), [], 'several topics have no places');
  t.same(
    await faultsOf(site('{ sqlite: { path: var/a.db } }', ['[accounts]', '[others]'])),
    [],
    'SQLite numbers by itself',
  );
});
