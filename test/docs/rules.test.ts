import t from 'tap';
import { parse } from 'yaml';
import { commandsAreThere, pageOf } from '../support/page.js';
import { faultsWith, shippedPipelines } from '../support/shippedSite.js';

const page = pageOf('docs/rules.md');

t.test('each block of YAML is taken by check, where the page says it belongs', async (t) => {
  const [operators, retention, pipeline, ...more] = page.blocks('yaml').map((text) => parse(text));
  t.same(more, []);
  const accounts = shippedPipelines().pipelines?.['accounts-in'];
  // the page shows it up to `join`; what follows is as shipped
  const { operators: shipped } = accounts as { operators: object[] };
  const rest = shipped.slice(shipped.findIndex((operator) => 'join' in operator) + 1);
  const drawn = { ...accounts, operators: [...operators.operators, ...rest] };
  t.same(await faultsWith(t, { pipelines: { 'accounts-in': drawn } }), []);
  t.same(await faultsWith(t, retention), []);
  t.same(await faultsWith(t, { pipelines: pipeline }), []);
  t.match(await faultsWith(t, { retention: { ...retention.retention, afterServiceDays: 30 } }), [/730/], 'control');
});

t.test('each command on the page is one, with options that it has', async (t) => {
  t.ok((await commandsAreThere(t, page)).length > 5);
});
