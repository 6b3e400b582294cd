import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t, { type Test } from 'tap';
import { Receipt } from '../../contract/receipt.js';
import type { JsonObject } from '../../contract/tags.js';
import { generator } from '../../demo/generator.js';
import { freePort } from '../../demo/site.js';
import { systemClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { tableOf } from '../../notice/tables/index.js';
import { keptLog } from '../support/bareContext.js';
import { certificateFiles } from '../support/certificates.js';
import { checkedConfig } from '../support/checkedConfig.js';
import { Collector } from '../support/collector.js';
import { post } from '../support/httpsChannel.js';
import { intakeAt, intakeFiles } from '../support/intake.js';
import { accountMessage } from '../support/messages.js';
import { HeardLog } from '../support/role.js';
import { serve } from '../support/serve.js';
import { writeSite } from '../support/site.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const PEOPLE = 60;
/** Between what the tests below let a collector take, half a second, and what an exporter takes by itself, ten. */
const CLOSED_MS = 8_000;
const made = generator(45);

const pipeline = (tracing: string, port = 0) => `${intakeAt(port)}${tracing}
pipelines:
  accounts-in:
    source: { https: { on: t1, path: /t1/account, request: 7 } }
    operators:
      - authenticate: {}
      - decrypt: { field: EncryptUserInfo, table: 8 }
      - validate: { table: 8 }
      - order: { table: 8 }
    sink: { archive: { kind: KH, code: "0002" } }
  backfill:
    source: { file: { path: old.ndjson } }
    operators:
      - validate: { table: 12 }
      - order: { table: 12 }
    sink: { archive: { kind: KH, code: "0002" } }
`;

const PERSONAL = [8, 12].flatMap((number) => tableOf(number).fields).filter(({ personal }) => personal);

/** Values of personal fields in what was generated, and in what is made of it here. */
function personal(): string[] {
  const records = Array.from({ length: PEOPLE }, (_, index) => [made.registration(index).detail, made.record(index)]);
  const values = records.flat().flatMap((record) => PERSONAL.flatMap(({ name }) => [record[name]].flat()));
  return [...new Set(values.filter((value): value is string => typeof value === 'string' && value.length > 1))];
}

/** Records as their operator has them; every third is spoiled, with what is personal where it does not belong. */
const lines = Array.from({ length: PEOPLE }, (_, index) => {
  const record = made.record(index);
  if (index % 3 === 1) return { ...record, VehicleStatus: record.CustomerName, Code: record.MSISDN };
  return record;
});

/** A site whose engine runs in this process, with a log. */
async function opened(t: Test, tracing: string) {
  const folder = t.testdir();
  const tls = await certificateFiles();
  const port = await freePort();
  writeSite(folder, {
    'pipeline.yaml': pipeline(tracing, port),
    ...intakeFiles(tls),
    'secrets/collector': 'Bearer of good news',
    'old.ndjson': lines.map((line) => JSON.stringify(line)).join('\n'),
  });
  const config = await checkedConfig(join(folder, 'pipeline.yaml'));
  const log = keptLog();
  const engine = await Engine.open(config, { clock: systemClock, log });
  t.teardown(() => engine.close());
  return { engine, log, ca: tls.ca, url: `https://127.0.0.1:${port}/t1/account` };
}

async function collector(t: Test, status?: number): Promise<Collector> {
  const collector = await Collector.open(status);
  t.teardown(() => collector.close());
  return collector;
}

const archived = (engine: Engine) => engine.store.status().records.reduce((sum, { count }) => sum + count, 0);
const aboutCollector = ({ message }: { message: string }) => message.startsWith('the collector');

t.test('without tracing, or with a ratio of 0, nothing is sent and nothing of it is loaded', async (t) => {
  const { url, bodies } = await collector(t);
  for (const tracing of ['', `tracing: { url: "${url}", ratio: 0 }`]) {
    const { engine } = await opened(t, tracing);
    await engine.once('backfill', {});
    await engine.close();
  }
  t.equal(bodies.length, 0);
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  t.notOk(loaded.some((file) => /opentelemetry[/\\](sdk|exporter|otlp)/.test(file)));
});

t.test('each message is a span from its coming to its answer, a child of its caller’s', async (t) => {
  const taken = await collector(t);
  const { engine, ca, url } = await opened(
    t,
    `tracing: { url: "${taken.url}", ratio: 1, headers: { authorization: "\${secret:collector}" } }`,
  );
  const { ready, end } = serve(engine);
  await ready;
  const { detail } = made.registration(0);
  const calls: readonly [JsonObject, Record<string, string>][] = [
    [accountMessage('GOOD-1', {}, detail), { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00' }],
    [accountMessage('BAD-1', {}, { ...detail, AcceptTime: 'yesterday' }), { traceparent: '00-nonsense' }],
    [accountMessage('STRANGER', { Auth: { PlatformID: 'who', SignNature: 'knows' }, Code: detail.ICCID }), {}],
    [accountMessage(`${detail.CustomerName}`, {}, detail), {}],
  ];
  const startMs = Date.now();
  for (const [message, headers] of calls) await post(url, ca, JSON.stringify(message), { headers });
  const endMs = Date.now();
  await end();

  const spans = taken.spans().filter(({ name }) => name === 'accounts-in');
  const common = { 'iovpipe.pipeline': 'accounts-in' };
  t.strictSame(
    spans.map(({ attributes, status }) => ({ attributes, status })),
    [
      { attributes: { ...common, 'iovpipe.request_id': 'GOOD-1', 'iovpipe.code': 'WBA0' }, status: 0 },
      {
        attributes: {
          ...common,
          'iovpipe.request_id': 'BAD-1',
          'iovpipe.code': 'WBA0',
          'error.type': 'RECORD_INVALID',
        },
        status: 2,
      },
      { attributes: { ...common, 'iovpipe.request_id': 'STRANGER', 'error.type': 'UNAUTHORIZED' }, status: 2 },
      { attributes: { ...common, 'iovpipe.code': 'WBA0' }, status: 0 },
    ],
  );
  t.match(spans[0], { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', parentSpanId: '00f067aa0ba902b7' });
  t.notOk(spans[1]?.parentSpanId, 'what is no trace context is none');
  let beforeMs = startMs - 1;
  for (const span of spans) {
    t.ok(beforeMs <= span.startMs && span.startMs < span.endMs && span.endMs <= endMs + 1, 'one after another');
    beforeMs = span.endMs - 1;
  }
  t.equal(taken.headers[0]?.authorization, 'Bearer of good news');
  t.match(taken.bodies[0], /"service\.name".*"iovpipe"/);
});

t.test('nothing personal is in what a collector gets (articles 19, 20)', async (t) => {
  const taken = await collector(t);
  const { engine } = await opened(t, `tracing: { url: "${taken.url}", ratio: 1 }`);
  await engine.once('backfill', {});
  t.equal(archived(engine), PEOPLE - PEOPLE / 3);
  await engine.close();
  const spans = taken.spans();
  t.equal(spans.length, PEOPLE);
  t.equal(spans.filter(({ attributes }) => attributes['error.type'] === 'RECORD_INVALID').length, PEOPLE / 3);
  const all = taken.bodies.join('\n');
  const values = personal();
  t.ok(values.length > 5 * PEOPLE, `${values.length} values`);
  t.same(
    values.filter((value) => all.includes(value)),
    [],
  );
});

t.test('a ratio traces about so many', async (t) => {
  const taken = await collector(t);
  const { engine } = await opened(t, `tracing: { url: "${taken.url}", ratio: 0.5 }`);
  await engine.once('backfill', {});
  await engine.close();
  const { length } = taken.spans();
  t.ok(length > 5 && length < 55, `${length} of ${PEOPLE}`);
});

for (const [name, status] of [
  ['is away', undefined],
  ['is silent', 0],
  ['refuses', 403],
  ['is overloaded', 503],
] as const) {
  t.test(`a collector that ${name} holds nothing up, and is told of once`, async (t) => {
    const url = status === undefined ? `http://127.0.0.1:${await freePort()}/` : (await collector(t, status)).url;
    const { engine, log } = await opened(t, `tracing: { url: "${url}", ratio: 1, timeoutMs: 500, queueMax: 5 }`);
    await within(20_000, 'the pipeline', engine.once('backfill', {}));
    t.equal(archived(engine), PEOPLE - PEOPLE / 3);
    const startMs = performance.now();
    await within(60_000, 'the end', engine.close());
    t.ok(performance.now() - startMs < CLOSED_MS, 'it does not wait for longer than it may');
    // a batch that was under way is given up at the end, and fails a moment later
    await until('it is told of', () => log.lines.some(aboutCollector));
    t.equal(log.lines.filter(aboutCollector).length, 1);
    t.match(log.lines.filter(aboutCollector), [{ level: 'warn', message: /dropped/ }]);
  });
}

t.test('a collector that comes back is told of too, and gets what ends from then on', async (t) => {
  const taken = await collector(t, 403);
  const log = new HeardLog();
  const { Tracing } = await import('../../engine/tracing.js'); // not before the first test
  const tracing = new Tracing({ url: taken.url, ratio: 1, timeoutMs: 10_000, queueMax: 1 }, log);
  t.teardown(() => tracing.close());
  const settled: string[] = [];
  const settle = async (requestId: string) => {
    const receipt = new Receipt(() => settled.push(requestId));
    const items = [{ value: {}, tags: { requestId }, origin: 'here', receipt, effects: [] }];
    for await (const item of tracing.follow('numbers', Readable.from(items))) item.receipt.arrived();
  };
  await settle('LOST');
  await log.says(/dropped/, { reason: 403 });
  taken.status = 200;
  await settle('FOUND');
  await log.says('the collector takes traces again');
  t.same(settled, ['LOST', 'FOUND']);
  t.match(taken.spans().at(-1), { name: 'numbers', attributes: { 'iovpipe.request_id': 'FOUND' } });
  await Promise.all([tracing.close(), tracing.close()]);
});
