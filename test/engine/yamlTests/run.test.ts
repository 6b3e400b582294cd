import { join } from 'node:path';
import t from 'tap';
import { loadTests } from '../../../engine/yamlTests/load.js';
import { runTests } from '../../../engine/yamlTests/run.js';
import { Collector } from '../../support/collector.js';
import { writeSite } from '../../support/site.js';

t.test('what is tested is traced nowhere', async (t) => {
  const collector = await Collector.open();
  t.teardown(() => collector.close());
  const folder = t.testdir();
  writeSite(folder, {
    'pipeline.yaml': `archive: { sqlite: { path: var/archive.db } }
tracing: { url: "${collector.url}", ratio: 1 }
pipelines:
  count: { source: { file: { path: a.ndjson } }, sink: { discard: {} } }
`,
    'pipeline.test.yaml': 'tests: [{ name: counts, steps: [{ run: count, given: [{ record: { a: 1 } }] }] }]\n',
  });
  const { loaded, faults } = await loadTests(join(folder, 'pipeline.test.yaml'));
  t.same(faults, []);
  const outcomes = [];
  for await (const outcome of runTests(loaded!)) outcomes.push(outcome);
  t.same(outcomes, [{ name: 'counts', unmet: [] }]);
  t.same(collector.bodies, [], 'its spans would have been sent by then');
});

t.test('a window whose archive others feed is tested as on one machine alone', async (t) => {
  const folder = t.testdir();
  writeSite(folder, {
    'pipeline.yaml': `archive: { sqlite: { path: var/archive.db } }
connections: { bus: { kafka: { brokers: ["127.0.0.1:9092"] } } }
pipelines:
  daily:
    schedule: { at: "0 0 * * *" }
    source: { archive: { kind: KH, window: day, behind: { on: bus, topics: [accounts], group: archive } } }
    sink: { discard: {} }
`,
    'pipeline.test.yaml': 'tests: [{ name: an empty day, steps: [{ run: daily, at: 2026-11-16 00:05 }] }]\n',
  });
  const { loaded, faults } = await loadTests(join(folder, 'pipeline.test.yaml'));
  t.same(faults, []);
  const outcomes = [];
  for await (const outcome of runTests(loaded!)) outcomes.push(outcome);
  t.same(outcomes, [{ name: 'an empty day', unmet: [] }]);
});
