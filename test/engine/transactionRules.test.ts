import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { loadAndCheck } from '../../engine/check.js';
import { componentsOf } from '../../engine/registry.js';
import { writeSite } from '../support/site.js';

const site = (source: string, operators = '') => `
connections:
  bus: { kafka: { brokers: ["127.0.0.1:9092"] } }
  other: { kafka: { brokers: ["127.0.0.1:9093"] } }
archive: { sqlite: { path: var/archive.db } }
pipelines:
  through:
    source: ${source}
    operators:
${operators}      - order: { table: 8 }
    sink: { kafka: { on: bus, topic: checked, transactions: {} } }
`;
const kafka = (on: string) => `{ kafka: { on: ${on}, topics: [raw], group: g } }`;

async function faultsOf(t: Test, text: string) {
  const folder = t.testdir();
  writeSite(folder, { 'pipeline.yaml': text });
  const { faults } = await loadAndCheck(join(folder, 'pipeline.yaml'));
  return faults.map(({ line, place, message }) => `${line} ${place} ${message}`);
}

t.test('a transaction needs a source on the same connection', async (t) => {
  t.same(await faultsOf(t, site(kafka('bus'))), []);
  const place = '11 through.sink.kafka.transactions';
  const wanted = `${place} expected a source kafka on bus, whose offsets a transaction takes along`;
  t.same(await faultsOf(t, site(kafka('other'))), [`${wanted}, got kafka on other`]);
  t.same(await faultsOf(t, site('{ file: { path: cards.ndjson } }')), [`${wanted}, got file`]);
});

t.test('a transaction cannot take along what operators store', async (t) => {
  const operators = '      - limitCards: { max: 10 }\n      - sample: { rate: 0.1 }\n';
  t.match(await faultsOf(t, site(kafka('bus'), operators)), [
    /expected no operator that stores something, which no transaction takes along, got limitCards, sample$/,
  ]);
});

t.test('operators that store something say so', async (t) => {
  for (const { name, stores = false } of componentsOf('operator')) {
    const file = fileURLToPath(new URL(`../../../operators/${name}.ts`, import.meta.url));
    const does = /effects: \[\.\.\.item\.effects|store\.commit\(/.test(readFileSync(file, 'utf8'));
    t.equal(stores, does, name);
  }
});
