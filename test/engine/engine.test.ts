import { existsSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { SinkSpec } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import { Receipt } from '../../contract/receipt.js';
import { SimulatedClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { keptLog, type LogLine } from '../support/bareContext.js';
import { checkedConfig } from '../support/checkedConfig.js';
import { brokenSequences, deliveredFiles, notOnce } from '../support/deliveredFiles.js';
import { fillArchive, schedulesDone } from '../support/filledArchive.js';
import { AFTERNOON_MS, MIDNIGHT_MS, operatorSite } from '../support/operatorSite.js';
import { serve } from '../support/serve.js';
import { within } from '../support/within.js';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const DAILY = 'accounts-daily';
const NOWHERE = { host: '127.0.0.1', port: 1, username: 'nobody', privateKey: 'none', hostKey: 'any' };

/** The shipped operator, whose files go to a directory of this machine. */
async function site(t: Test, bytesMax = 100_000) {
  const folder = t.testdir({ inbox: {} });
  const changes = [['sftp: { on: regulator, directory: inbox }', 'directory: { directory: inbox }']] as const;
  const made = await operatorSite({ folder, server: NOWHERE, upload: 'inbox', bytesMax, changes });
  return { ...made, inbox: join(folder, 'inbox'), archive: join(folder, 'var/archive.db') };
}

/** Serves until the condition holds; it is looked at whenever a log line comes. */
async function serveUntil(
  t: Test,
  path: string,
  nowMs: number,
  enough: (engine: Engine, lines: readonly LogLine[]) => boolean,
) {
  const config = await checkedConfig(path);
  const clock = new SimulatedClock(nowMs);
  const log = keptLog();
  const engine = await Engine.open(config, { clock, log, drainMs: 5_000 });
  t.teardown(() => engine.close());
  const stop = new AbortController();
  const serving = engine.serve(stop.signal, () => undefined);
  let failed: unknown;
  serving.catch((thrown: unknown) => {
    failed = thrown;
  });
  while (!enough(engine, log.lines)) {
    if (failed) throw failed;
    await new Promise((resolve) => setImmediate(resolve));
  }
  stop.abort();
  await serving;
  await engine.close();
  return log.lines;
}

const doneUpTo = (ms: number) => (engine: Engine) => (engine.store.position(DAILY, 'schedule')?.offset ?? 0) >= ms;

t.test('three missed days give three P windows, each with its own records', async (t) => {
  t.setTimeout(300_000);
  const { archive, path, inbox, regulator } = await site(t);
  const days: string[][] = [];
  for (const day of [0, 1, 2]) {
    const wanted = { seed: 7, accounts: 60, from: day * 60 };
    days.push((await fillArchive(archive, AFTERNOON_MS + day * DAY_MS, wanted)).accounts);
  }
  await schedulesDone(archive, [DAILY], AFTERNOON_MS);
  const lastMs = MIDNIGHT_MS + 2 * DAY_MS;
  await serveUntil(t, path, lastMs + HOUR_MS, doneUpTo(lastMs));
  const files = deliveredFiles(inbox, regulator);
  t.same(brokenSequences(files), []);
  t.same([...new Set(files.map(({ cutoff }) => cutoff))].sort(), ['2026111600', '2026111700', '2026111800']);
  for (const [day, cutoff] of ['2026111600', '2026111700', '2026111800'].entries()) {
    const own = files.filter((file) => file.cutoff === cutoff);
    t.same(notOnce(own, { accounts: days[day]! }, ['P']), [], `${cutoff} holds its day`);
  }
});

t.test('a scheduled export that fails alarms and is tried again until it is delivered', async (t) => {
  t.setTimeout(300_000);
  const { archive, path, inbox, regulator } = await site(t);
  const { accounts } = await fillArchive(archive, AFTERNOON_MS, { seed: 8, accounts: 200 });
  await schedulesDone(archive, [DAILY], AFTERNOON_MS);
  // a file where the directory belongs: nothing can be delivered until somebody has put it away
  rmdirSync(inbox);
  writeFileSync(inbox, '');
  let mended = false;
  const alarmed = (lines: readonly LogLine[]) =>
    lines.filter(({ fields }) => (fields as { alarm?: string }).alarm === 'exportFailed');
  const lines = await serveUntil(t, path, MIDNIGHT_MS + HOUR_MS, (engine, lines) => {
    if (!mended && alarmed(lines).length > 0) {
      rmSync(inbox);
      mended = true;
    }
    return doneUpTo(MIDNIGHT_MS)(engine);
  });
  t.match(alarmed(lines), [{ level: 'error', fields: { pipeline: DAILY } }], 'it said so');
  t.same(notOnce(deliveredFiles(inbox, regulator), { accounts }, ['P']), []);
});

t.test('a schedule that the store has failed raises the alarm and goes on, and a stop ends it', async (t) => {
  const { archive, path } = await site(t);
  await fillArchive(archive, AFTERNOON_MS, { seed: 9, accounts: 5 });
  let failures = 0;
  const lines = await serveUntil(t, path, MIDNIGHT_MS + HOUR_MS, (engine, lines) => {
    if (failures === 0) {
      failures += 1;
      const position = engine.store.position.bind(engine.store);
      engine.store.position = (pipeline, source) => {
        if (pipeline === DAILY) throw new IovError('STORE_FAILED', 'the disk is full');
        return position(pipeline, source);
      };
    }
    return lines.some(({ fields }) => (fields as { alarm?: string }).alarm === 'scheduleFailed');
  });
  t.match(
    lines.filter(({ fields }) => (fields as { alarm?: string }).alarm === 'scheduleFailed'),
    [{ level: 'error', fields: { pipeline: DAILY, code: 'STORE_FAILED' } }],
  );
});

t.test('operators of a run that could not begin are closed all the same', async (t) => {
  const { path } = await site(t);
  const config = await checkedConfig(path);
  const [pipeline] = config.pipelines;
  let closed = 0;
  const spec = {
    ...pipeline!.operators[0]!.spec,
    create: () => ({
      transform: () => [],
      close: () => {
        closed += 1;
      },
    }),
  };
  const source = { open: () => Promise.reject(new Error('the port is in use')), read: async function* () {} };
  const engine = await Engine.open(
    { ...config, pipelines: [{ ...pipeline!, operators: [{ ...pipeline!.operators[0]!, spec }] }] },
    { clock: new SimulatedClock(AFTERNOON_MS), log: keptLog() },
  );
  t.teardown(() => engine.close());
  await t.rejects(engine.once(pipeline!.name, { source }), /in use/);
  t.equal(closed, 1);
});

t.test('a connection that does not close is told, and the rest of the reload happens', async (t) => {
  t.setTimeout(300_000);
  const { path } = await site(t);
  const log = keptLog();
  const engine = await Engine.open(await checkedConfig(path), {
    clock: new SimulatedClock(AFTERNOON_MS),
    log,
    drainMs: 5_000,
  });
  const { ready, end } = serve(engine);
  t.teardown(end);
  await ready;
  const t2 = engine.connection('t2');
  const close = t2.close?.bind(t2);
  t2.close = async () => {
    await close?.();
    throw new Error('no end');
  };
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace('key: ${secret:t2.key}', 'key: ${secret:t2.key}\n      connectionsMax: 100'));
  const plan = await engine.reload(await checkedConfig(path));
  t.match(plan, { closed: ['t2'], restarted: ['commands-in'] });
  t.match(
    log.lines.filter(({ level }) => level === 'error'),
    [{ fields: { alarm: 'closeFailed', connection: 't2' }, message: /closing t2.*no end/ }],
  );
  t.not(engine.connection('t2'), t2, 'the new one is there');
  t.equal((await engine.reload(await checkedConfig(path))).restarted.length, 0, 'and it is what is in force');
  await end();
});

t.test('a connection that does not close keeps nothing else open, and is told', async (t) => {
  const { path } = await site(t);
  const engine = await Engine.open(await checkedConfig(path), {
    clock: new SimulatedClock(AFTERNOON_MS),
    log: keptLog(),
  });
  t.teardown(() => engine.store.close());
  engine.connection('t2').close = () => Promise.reject(new Error('no end'));
  await t.rejects(engine.close(), { message: 'no end' });
  t.throws(() => engine.store.status(), { code: 'STOPPED' });
});

t.test('an engine that cannot be opened leaves nothing open', async (t) => {
  const { archive, path } = await site(t);
  const config = await checkedConfig(path);
  const { t1, ...others } = config.connections;
  const connections = { ...others, t1: { ...t1!, options: { ...t1!.options, cert: 'no certificate' } } };
  const opening = Engine.open({ ...config, connections }, { clock: new SimulatedClock(AFTERNOON_MS), log: keptLog() });
  await t.rejects(opening, { code: 'CONFIG_INVALID', message: /certificate or key/ });
  t.notOk(existsSync(`${archive}-wal`), 'it goes with the last who has the archive open');
});

t.test('what was made for a run whose connection does not open is closed', async (t) => {
  const { path } = await site(t);
  const config = await checkedConfig(path);
  const [pipeline] = config.pipelines;
  const closed: string[] = [];
  const close = (name: string) => async () => void closed.push(name);
  const spec: SinkSpec = {
    ...pipeline!.sink.spec,
    create: async (_, context) => {
      context.connection('t1');
      return { concurrency: 1, write: async () => undefined, close: close('sink') };
    },
  };
  const source = { read: async function* () {}, close: close('source') };
  const engine = await Engine.open(
    { ...config, pipelines: [{ ...pipeline!, sink: { ...pipeline!.sink, spec } }] },
    { clock: new SimulatedClock(AFTERNOON_MS), log: keptLog() },
  );
  t.teardown(() => engine.close());
  engine.connection('t1').open = () => Promise.reject(new Error('the port is in use'));
  await t.rejects(engine.once(pipeline!.name, { source }), /in use/);
  t.same(closed, ['source', 'sink']);
});

t.test('after a reload pipelines that run only when asked for are counted as they are now', async (t) => {
  t.setTimeout(300_000);
  const { path } = await site(t);
  const options = { clock: new SimulatedClock(AFTERNOON_MS), log: keptLog() };
  const engine = await Engine.open(await checkedConfig(path), options);
  const { ready, end } = serve(engine);
  t.teardown(end);
  await ready;
  const { live } = engine;
  const before = new Map(live?.pipelines.map((one) => [one.name, one]));
  const text = readFileSync(path, 'utf8');
  const again = /\n {2}vehicles-full:[\s\S]*?sink: .*\n/.exec(text)?.[0].replace('vehicles-full', 'new-full') ?? '';
  const changed = text
    .replace('{ kind: KH, window: full }', '{ kind: KH, window: month }')
    .replace('{ at: "0 0 16 * *", finishBy: "05:00" }', 'manual')
    .concat(again);
  writeFileSync(path, changed);
  const config = await checkedConfig(path);
  const monthly = config.pipelines.find(({ name, manual }) => manual && name.endsWith('-monthly'))!.name;
  t.same((await engine.reload(config)).stopped, [monthly]);
  t.ok(before.get('vehicles-full'));
  t.equal(live?.of('vehicles-full'), before.get('vehicles-full'), 'one that is as it was goes on');
  t.not(live?.of('accounts-full'), before.get('accounts-full'), 'one that differs counts from nothing');
  t.ok(live?.of('new-full'), 'a new one is counted');
  t.ok(live?.of(monthly), 'and one that no longer runs by itself');
  t.same(
    live?.pipelines.map(({ name }) => name),
    config.pipelines.map(({ name }) => name),
  );
  await end();
});

t.test('an engine that has nothing left to do goes over to no other file: it is about to be closed', async (t) => {
  t.setTimeout(300_000);
  const { path } = await site(t);
  const config = await checkedConfig(path);
  const finite = config.pipelines.filter(({ source }) => source.spec.lasts === 'finite');
  const engine = await Engine.open(
    { ...config, pipelines: finite },
    { clock: new SimulatedClock(AFTERNOON_MS), log: keptLog(), drainMs: 5_000 },
  );
  t.teardown(() => engine.close());
  await engine.serve(new AbortController().signal, () => undefined);
  await t.rejects(engine.reload(config), { code: 'STOPPED' });
});

t.test('a stop that came before a run had begun leaves it no more time than any other', async (t) => {
  const { path } = await site(t);
  const config = await checkedConfig(path);
  const [pipeline] = config.pipelines;
  const spec: SinkSpec = {
    ...pipeline!.sink.spec,
    create: async () => ({ concurrency: 1, write: () => new Promise(() => undefined) }),
  };
  const item = { value: {}, tags: {}, origin: 'test', receipt: new Receipt(() => undefined), effects: [] };
  const source = {
    read: async function* () {
      yield item; // it looks at the stop when it has given this one
    },
  };
  const engine = await Engine.open(
    { ...config, pipelines: [{ ...pipeline!, operators: [], sink: { ...pipeline!.sink, spec } }] },
    { clock: new SimulatedClock(AFTERNOON_MS), log: keptLog(), drainMs: 50 },
  );
  t.teardown(() => engine.close());
  const run = engine.once(pipeline!.name, { source, signal: AbortSignal.abort() });
  await t.rejects(within(60_000, 'the run ends', run), { code: 'STOPPED', message: /still busy 50 ms/ });
});
