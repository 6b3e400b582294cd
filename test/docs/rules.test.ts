import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { commands } from '../../cli/commands.js';
import { faultsWith, shippedPipelines } from '../support/shippedSite.js';

const PAGE = readFileSync(fileURLToPath(new URL('../../../docs/rules.md', import.meta.url)), 'utf8');

t.test('each block of YAML is taken by check, where the page says it belongs', async (t) => {
  const [operators, retention, pipeline, ...more] = [...PAGE.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) =>
    parse(text),
  );
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
  const calls = [...PAGE.matchAll(/(?:^ {4}|`)iovpipe ([^`#\n]+)/gm)].map(([, words = '']) =>
    words.trim().split(/\s+/),
  );
  t.ok(calls.length > 5);
  for (const [name = '', ...words] of calls) {
    const entry = commands[name];
    if (!t.ok(entry, name) || !entry) continue;
    const { command } = await entry.load();
    for (const word of words.filter((word) => word.startsWith('--')))
      t.ok(Object.hasOwn(command.options, word.slice(2)), `${name} ${word}`);
  }
});
