import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { commands } from '../../cli/commands.js';
import { faultsWith } from '../support/shippedSite.js';

const PAGE = readFileSync(fileURLToPath(new URL('../../../docs/dashboard.md', import.meta.url)), 'utf8');
const blocks = (language: string) =>
  [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);

t.test('each block of YAML is taken by check; without its token the second would not be', async (t) => {
  const [loopback, network, ...more] = blocks('yaml').map((text) => parse(text));
  t.same(more, []);
  t.same(await faultsWith(t, loopback), []);
  t.same(await faultsWith(t, network), []);
  const { token: _, ...open } = network.dashboard;
  t.match(await faultsWith(t, { dashboard: open }), [/token/]);
});

t.test('each command of the page is one, with options that it has; what they do is in test/cli/live', async (t) => {
  const calls = blocks('sh')
    .join('')
    .matchAll(/^iovpipe ([a-z]+)([^#\n]*)(?:#(.*))?$/gm);
  const names: string[] = [];
  for (const [, name = '', words = '', comment = ''] of calls) {
    names.push(name);
    const { command } = (await commands[name]?.load()) ?? { command: undefined };
    for (const [, option = ''] of `${words}${comment}`.matchAll(/--([a-z]+)/g))
      t.ok(command && Object.hasOwn(command.options, option), `${name} --${option}`);
  }
  t.same(names, ['top', 'tap', 'tap']);
});
