import { join } from 'node:path';
import t, { type Test } from 'tap';
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

const daily = (behind: string) => `${site(CLICKHOUSE, ['[accounts]', '[vehicles]'], ['KH', 'CL'])}
  daily:
    schedule: { at: "0 0 * * *" }
    source: { archive: { kind: KH, window: day${behind} } }
    operators:
      - split: { name: "KH_{code}_{cutoff}_P_{seq}" }
      - zip: {}
    sink: { directory: { directory: out } }
`;

async function faultsOf(t: Test, text: string): Promise<string[]> {
  const folder = t.testdir();
  writeSite(folder, { 'pipeline.yaml': text });
  const { faults } = await loadAndCheck(join(folder, 'pipeline.yaml'));
  return faults.map(({ message }) => message);
}

t.test('a window that does not wait for the topic it is fed from is refused', async (t) => {
  const wanted = /^expected behind: { on: bus, topics: \[accounts\], group: g1 }: records that one takes/;
  t.match(await faultsOf(t, daily('')), [wanted]);
  t.match(await faultsOf(t, daily(', behind: { on: bus, topics: [vehicles], group: g2 }')), [wanted]);
  t.same(await faultsOf(t, daily(', behind: { on: bus, topics: [accounts], group: g1 }')), []);
  const embedded = daily('').replace(CLICKHOUSE, '{ sqlite: { path: var/a.db } }');
  t.same(await faultsOf(t, embedded), [], 'SQLite goes by the time at which it took them itself');
});

t.test('two topics of one kind into an archive that knows records by their place are refused', async (t) => {
  t.match(await faultsOf(t, site(CLICKHOUSE, ['[accounts]', '[others]'])), [
    /^expected the topic accounts, got others: records of kind KH are known by their place in one topic, that of one$/,
  ]);
  t.same(await faultsOf(t, site(CLICKHOUSE, ['[accounts]', '[accounts]'])), [], 'the same topic');
  t.same(await faultsOf(t, site(CLICKHOUSE, ['[accounts]', '[others]'], ['KH', 'CL'])), [], 'another kind');
  t.same(await faultsOf(t, site(CLICKHOUSE, ['[accounts]', '[others, more]'])), [], 'several topics have no places');
  t.same(
    await faultsOf(t, site('{ sqlite: { path: var/a.db } }', ['[accounts]', '[others]'])),
    [],
    'SQLite numbers by itself',
  );
});
