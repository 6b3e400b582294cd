import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { Gate } from '../../dashboard/gate.js';
import { commandsAreThere, pageOf } from '../support/page.js';
import { faultsWith } from '../support/shippedSite.js';

const page = pageOf('docs/dashboard.md');

t.test('each block of YAML is taken by check; without its token the second would not be', async (t) => {
  const [loopback, network, ...more] = page.blocks('yaml').map((text) => parse(text));
  t.same(more, []);
  t.same(await faultsWith(t, loopback), []);
  t.same(await faultsWith(t, network), []);
  const { token: _, ...open } = network.dashboard;
  t.match(await faultsWith(t, { dashboard: open }), [/token/]);
});

t.test('behind the proxy of the page buttons work, for it passes the name on', async (t) => {
  const [proxy = ''] = page.blocks('nginx');
  t.match(proxy, /proxy_pass http:\/\/10\.8\.0\.5:9464;.*proxy_set_header Host \$http_host;/s);
  const gate = new Gate({ host: '10.8.0.5', token: 'a token of some length' });
  const press = (host: string) =>
    gate.judge({
      method: 'POST',
      headers: { host, origin: 'https://iovpipe.example' }, // a browser that says no more
      socket: {},
    } as IncomingMessage);
  t.equal(press('iovpipe.example'), 'unknown', 'it has but to give the token');
  t.equal(press('10.8.0.5:9464'), 'stranger', 'without that line');
});

t.test('alert rules ask for an increase of counters only: a gauge that falls would seem to start anew', async (t) => {
  const path = fileURLToPath(new URL('../../../packaging/prometheus/alerts.yaml', import.meta.url));
  const asked = [...readFileSync(path, 'utf8').matchAll(/\b(increase|rate|delta)\((\w+)/g)];
  t.ok(asked.length > 1);
  for (const [, how = '', metric = ''] of asked) t.equal(metric.endsWith('_total'), how !== 'delta', metric);
});

t.test('each command of the page is one, with options that it has; what they do is in test/cli/live', async (t) => {
  t.same(await commandsAreThere(t, page), ['top', 'tap', 'tap', 'audit']);
});
