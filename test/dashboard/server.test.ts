import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import t from 'tap';
import { parse } from 'yaml';
import type { AuditEntry } from '../../stores/audit.js';
import { iovpipe } from '../support/cli.js';
import { registration } from '../support/messages.js';
import { until } from '../support/until.js';
import { TOKEN, watchedOperator } from '../support/watchedOperator.js';
import { within } from '../support/within.js';

const OTHER_CARD = { ...registration, ICCID: '89860012345678905678' };
const ALERTS = new URL('../../../packaging/prometheus/alerts.yaml', import.meta.url);
type Rule = { alert: string; expr: string; annotations: { summary: string; action: string } };
const JSON_TYPE = { 'content-type': 'application/json' };

t.test('the page and its answers: nothing is framed, cached or loaded from elsewhere', async (t) => {
  const { ask, socketPath } = await watchedOperator(t);
  t.equal(statSync(socketPath).mode & 0o777, 0o600);
  const page = await ask('/');
  t.match(page, { status: 200, headers: { 'content-type': /text\/html/ } });
  for (const path of ['/app.js', '/style.css', '/preact.js', '/words.js', '/icon.svg'])
    t.equal((await ask(path)).status, 200, path);
  t.notMatch(page.body, /https?:\/\//, 'nothing comes from elsewhere');
  t.match(page.headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'/);
  t.equal(page.headers['access-control-allow-origin'], undefined);
  t.match(JSON.parse((await ask('/api/pipelines')).body), [
    { name: 'accounts-in' },
    { name: 'cards-in' },
    { name: 'accounts-daily' },
  ]);

  for (const path of ['/../package.json', '/%2e%2e/package.json', '//', '/secrets/token', '/api/dead/1/x'])
    t.equal((await ask(path)).status, 404, path);
  t.match(await ask('/api/status', { method: 'DELETE' }), { status: 405, headers: { allow: 'GET' } });
  t.equal((await ask('/app.js', { method: 'HEAD' })).status, 200);
  t.equal((await ask('/api/live', { method: 'HEAD' })).status, 405, 'no stream without a reader');
  t.match(await ask('/api/dead/1/retry'), { status: 405, headers: { allow: 'POST' } });
  t.match(await ask('/api/dead/1'), { status: 404, body: /no dead letter 1/ });
  t.match(await ask('/api/dead?before=x'), { status: 404, body: /expected after=ID, before=ID/ });
  t.match(await ask('/api/dead?pipeline=no%20name'), { status: 404, body: /expected pipeline=NAME/ });
  t.match(await ask('/api/trace?key='), { status: 404, body: /expected a RequestID/ });
  t.equal((await ask(`/api/trace?key=${'x'.repeat(9_000)}`)).status, 431);
});

t.test('a page of somebody else cannot speak through the browser of a reader', async (t) => {
  const { ask, port } = await watchedOperator(t);
  t.equal((await ask('/api/status', { headers: { host: 'rebound.example' } })).status, 403);
  t.equal((await ask('/api/status', { headers: { host: `localhost:${port}` } })).status, 200);
  const post = (headers: Record<string, string>) =>
    ask('/api/dead/7/retry', { method: 'POST', headers: { ...JSON_TYPE, ...headers } });
  t.equal((await post({ origin: 'https://evil.example' })).status, 403);
  t.equal((await post({ 'sec-fetch-site': 'cross-site' })).status, 403);
  t.match(await post({ origin: `http://127.0.0.1:${port}` }), { status: 200, body: /there is no such letter/ });
  const behindProxy = { origin: 'https://iovpipe.example', 'sec-fetch-site': 'same-origin' };
  t.equal((await post(behindProxy)).status, 200, 'a proxy calls us by another name than the browser does');
  t.equal((await post({ ...behindProxy, 'sec-fetch-site': 'none' })).status, 403);
  const get = (path: string, site: string) => ask(path, { headers: { 'sec-fetch-site': site } });
  t.equal((await get('/api/status', 'cross-site')).status, 403, 'nothing to read either');
  t.equal((await get('/', 'cross-site')).status, 200, 'a link to the page may stand anywhere');
  t.equal((await get('/api/status', 'none')).status, 200);
});

t.test('where a token is asked for, nothing is told without it, and it is not found by trying', async (t) => {
  const { ask } = await watchedOperator(t, { token: true });
  t.match(await ask('/'), { status: 200, body: /type="password"/ });
  t.match(await ask('/api/status'), { status: 401, headers: { 'www-authenticate': 'Bearer' } });
  t.equal((await ask('/metrics')).status, 401);
  t.equal((await ask('/metrics', { headers: { authorization: `Bearer ${TOKEN}` } })).status, 200);
  t.equal((await ask('/metrics', { headers: { authorization: `Bearer ${TOKEN}x` } })).status, 401);
  const login = (token: string) => ask('/login', { method: 'POST', body: new URLSearchParams({ token }).toString() });
  const entered = await login(TOKEN);
  const [cookie = ''] = entered.headers['set-cookie'] ?? [];
  t.match(cookie, /^iovpipe=[0-9a-f]{64}; HttpOnly; SameSite=Strict; Path=\/$/);
  const withCookie = { headers: { cookie: cookie.split(';')[0] ?? '' } };
  t.equal((await ask('/api/status', withCookie)).status, 200);
  t.match(await login('a wrong one, of some length'), {
    status: 303,
    headers: { location: '/?wrong', 'set-cookie': undefined },
  });
  for (let attempt = 0; attempt < 10; attempt += 1) await login('wrong');
  t.equal((await login('wrong')).status, 429, 'no more for a minute');
  t.equal((await ask('/metrics')).status, 429);
  t.equal(
    (await login(TOKEN)).headers['set-cookie']?.[0],
    cookie,
    'the right one is heard: a proxy is one address for all',
  );
  t.equal((await ask('/metrics', { headers: { authorization: `Bearer ${TOKEN}` } })).status, 200);
  t.equal((await ask('/api/status', withCookie)).status, 200, 'who is in stays in');
});

t.test('callers that are slow or send nonsense are cut, and do not keep others out', async (t) => {
  const { ask, port } = await watchedOperator(t);
  const silent = Array.from({ length: 40 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  t.teardown(() => {
    for (const socket of silent) socket.destroy();
  });
  const cut = silent.map((socket) => new Promise((resolve) => socket.resume().once('close', resolve)));
  for (const socket of silent) socket.write('GET / HTTP/1.1\r\nX: ');
  const nonsense = connect(port, '127.0.0.1').on('error', () => {});
  nonsense.write('\x16\x03\x01\x02\x00nonsense\r\n\r\n');
  await within(30_000, 'nonsense is cut', once(nonsense.resume(), 'close'));
  t.equal((await ask('/api/status')).status, 200);
  await within(60_000, 'the slow are cut', Promise.all(cut));
});

t.test('a dead letter is listed, shown masked, and sent again', async (t) => {
  const { ask, send, folder } = await watchedOperator(t);
  t.match((await send('R-1')).body, { OprRst: '1' });
  t.match((await send('R-2', OTHER_CARD)).body, { OprRst: '2' });
  const list = await ask('/api/dead?state=waiting&whose=somebody');
  const [letter] = JSON.parse(list.body);
  t.match(letter, { pipeline: 'accounts-in', code: 'CARD_LIMIT', tags: { requestId: 'R-2' } });
  await ask('/api/dead?state=waiting'); // as the page asks every few seconds: one look
  const shown = await ask(`/api/dead/${letter.id}`);
  t.match(JSON.parse(shown.body), { code: 'CARD_LIMIT', record: { Code: 'WBA0', Auth: 'an object' } });
  t.notMatch(list.body + shown.body, /张三|11010519491231002X|1440012345678/);
  const again = await ask(`/api/dead/${letter.id}/retry`, { method: 'POST', headers: JSON_TYPE });
  t.match(JSON.parse(again.body), { retried: false, code: 'CARD_LIMIT' });
  const trace = JSON.parse((await ask('/api/trace?key=R-1')).body);
  t.match(trace, [{ step: 'accepted' }, { step: 'archived' }]);
  const audit = JSON.parse((await iovpipe(['audit', '--json'], folder)).stdout);
  t.match(
    audit.map(({ who, did, what }: AuditEntry) => [who, did, what]),
    [
      ['dashboard 127.0.0.1', 'trace', 'R-1'],
      ['dashboard 127.0.0.1', 'dead retry', String(letter.id)],
      ['dashboard 127.0.0.1', 'dead show', String(letter.id)],
      ['dashboard 127.0.0.1', 'dead list', 'state=waiting'],
    ],
  );
});

t.test('every metric that the alerts and the Grafana dashboard name is exported', async (t) => {
  const { ask, send } = await watchedOperator(t);
  await send('R-1');
  let body = '';
  const isCounted = async () => {
    ({ body } = await ask('/metrics'));
    return body.includes('iovpipe_arrived_items_total{pipeline="accounts-in"} 1\n'); // counters are looked at once a second
  };
  await until('the item', isCounted);
  const exported = new Set([...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  for (const file of ['prometheus/alerts.yaml', 'grafana/iovpipe.json']) {
    const text = readFileSync(new URL(`../../../packaging/${file}`, import.meta.url), 'utf8');
    const named = new Set(text.match(/\b(?:iovpipe|process|nodejs)_[a-z_]+\b/g));
    t.ok(named.size > 5, file);
    for (const name of named) t.ok(exported.has(name), `${file}: ${name}`);
  }
  const { groups } = parse(readFileSync(ALERTS, 'utf8')) as { groups: { rules: Rule[] }[] };
  for (const { alert, expr, annotations } of groups.flatMap(({ rules }) => rules))
    t.ok(expr && annotations.summary && annotations.action, `${alert} says when, what, and what to do`);
  t.match(body, 'iovpipe_part_items_total{pipeline="accounts-in",part="operators[1].decrypt"} 1\n');
  t.notMatch(body, /R-1|OEM-1|89860012345678901234|张三/, 'nothing personal, and no label without bound');
  const page = readFileSync(new URL('../../../docs/dashboard.md', import.meta.url), 'utf8');
  for (const name of exported) {
    t.match(name, /^[a-z][a-z0-9_]*$/);
    const told = name?.startsWith('iovpipe_part_') ? name.replace('iovpipe_part', '…') : name;
    t.ok(
      !name?.startsWith('iovpipe_') || page.includes(name) || page.includes(`${told}`),
      `docs/dashboard.md tells ${name}`,
    );
  }
});
