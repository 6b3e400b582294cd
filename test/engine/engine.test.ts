import { readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { IovError } from '../../contract/error.js';
import { loadAndCheck } from '../../engine/check.js';
import { SimulatedClock } from '../../engine/clock.js';
import { Engine } from '../../engine/engine.js';
import { formatFault } from '../../engine/fault.js';
import { keptLog, type LogLine } from '../support/bareContext.js';
import { brokenSequences, deliveredFiles, notOnce } from '../support/deliveredFiles.js';
import { fillArchive, schedulesDone } from '../support/filledArchive.js';
import { AFTERNOON_MS, MIDNIGHT_MS, operatorSite } from '../support/operatorSite.js';

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
  const { config, faults } = await loadAndCheck(path);
  if (!config) throw new Error(faults.map(formatFault).join('\n'));
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
  t.setTimeout(60_000);
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
  t.setTimeout(60_000);
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
  const { config } = await loadAndCheck(path);
  const [pipeline] = config!.pipelines;
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
    { ...config!, pipelines: [{ ...pipeline!, operators: [{ ...pipeline!.operators[0]!, spec }] }] },
    { clock: new SimulatedClock(AFTERNOON_MS), log: keptLog() },
  );
  t.teardown(() => engine.close());
  await t.rejects(engine.once(pipeline!.name, { source }), /in use/);
  t.equal(closed, 1);
});

t.test('a connection that does not close is told, and the rest of the reload happens', async (t) => {
  t.setTimeout(60_000);
  const { path } = await site(t);
  const load = async () => (await loadAndCheck(path)).config!;
  const log = keptLog();
  const engine = await Engine.open(await load(), { clock: new SimulatedClock(AFTERNOON_MS), log, drainMs: 5_000 });
  t.teardown(() => engine.close());
  const stop = new AbortController();
  let served: Promise<void> | undefined;
  await new Promise<void>((ready) => {
    served = engine.serve(stop.signal, ready);
  });
  const t2 = engine.connection('t2');
  const close = t2.close?.bind(t2);
  t2.close = async () => {
    await close?.();
    throw new Error('no end');
  };
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace('key: ${secret:t2.key}', 'key: ${secret:t2.key}\n      connectionsMax: 100'));
  const plan = await engine.reload(await load());
  t.match(plan, { closed: ['t2'], restarted: ['commands-in'] });
  t.match(
    log.lines.filter(({ level }) => level === 'error'),
    [{ fields: { alarm: 'closeFailed', connection: 't2' }, message: /closing t2.*no end/ }],
  );
  t.not(engine.connection('t2'), t2, 'the new one is there');
  t.equal((await engine.reload(await load())).restarted.length, 0, 'and it is what is in force');
  stop.abort();
  await served;
});
