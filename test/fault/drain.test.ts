import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { generator } from '../../demo/generator.js';
import { CarMaker } from '../support/carMaker.js';
import { brokenSequences, deliveredFiles, FinalNames, notOnce, partialNames } from '../support/deliveredFiles.js';
import { FaultProxy } from '../support/faultProxy.js';
import { fillArchive, schedulesBehind, schedulesDone } from '../support/filledArchive.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { bytesThrough, changesIn, eventsOf, signalAfter, stopAfter } from '../support/killMoment.js';
import { startOpenSsh } from '../support/openssh.js';
import { AFTER_MIDNIGHT_MS, AFTERNOON_MS, EXPORTS, MIDNIGHT_MS, operatorSite } from '../support/operatorSite.js';
import { seededRandom } from '../support/seededRandom.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
/** The daemon has a minute to settle what is under way; here nothing takes so long. */
const PROMPT_MS = 30_000;

const ssh = await startOpenSsh();
if (ssh) t.teardown(() => ssh.stop());
const skip = ssh ? false : 'no OpenSSH';

t.test('SIGTERM in the midst of the intake loses nothing that was answered', { skip }, async (t) => {
  if (!ssh) return;
  t.setTimeout(300_000);
  const upload = join(ssh.directory, 'drain-intake');
  mkdirSync(upload);
  const site = await operatorSite({ folder: t.testdir({}), server: ssh, upload, bytesMax: 200_000 });
  const maker = new CarMaker(site, generator(SEED));
  const random = seededRandom(SEED);
  let sending: Promise<void> | undefined;
  for (let stops = 0; stops < 3; stops += 1) {
    const daemon = new IovpipeProcess(['run', site.path], site.folder, AFTERNOON_MS);
    maker.wait(daemon.ready());
    sending ??= maker.send(16);
    const answers = 40 + Math.floor(random() * 100);
    const tookMs = await stopAfter(answers, eventsOf(maker, 'answer'), daemon);
    t.same(await daemon.ended, { code: 0, signal: null }, `stopped after ${answers} answers`, { said: daemon.words });
    t.ok(tookMs !== undefined && tookMs < PROMPT_MS, `promptly: ${tookMs} ms`);
  }
  maker.stopAfter();
  const daemon = new IovpipeProcess(['run', site.path], site.folder, AFTERNOON_MS);
  maker.wait(daemon.ready());
  await Promise.race([sending, daemon.ended]);
  maker.giveUp();
  daemon.signal('SIGTERM');
  t.same(await daemon.ended, { code: 0, signal: null });
  t.same(maker.wrong, []);
  for (const name of ['vehicles-daily', 'vehicles-monthly']) {
    const run = new IovpipeProcess(['run', site.path, '--once', name], site.folder, AFTER_MIDNIGHT_MS);
    t.same(await run.ended, { code: 0, signal: null }, name, { said: run.words });
  }
  const { vehicles } = maker.delivered();
  t.same(notOnce(deliveredFiles(upload, site.regulator), { vehicles }), [], 'each vehicle once in P and in F');
  t.comment(`3 stops; ${maker.answered.length} answered, ${maker.broken} attempts broken, ${maker.refused} refused`);
});

/** A daemon that finds its exports due, with a window that is read in many small stretches. */
async function exporting(t: Test, ssh: NonNullable<Awaited<ReturnType<typeof startOpenSsh>>>, name: string) {
  const upload = join(ssh.directory, name);
  mkdirSync(upload);
  const proxy = await FaultProxy.start(ssh);
  t.teardown(() => proxy.stop());
  const site = await operatorSite({
    folder: t.testdir({}),
    server: { ...ssh, port: proxy.port },
    upload,
    bytesMax: 50_000,
    changes: [
      ['kind: KH, window:', 'kind: KH, stretchRecordsMax: 30, window:'],
      ['connections: 20', 'connections: 2'],
    ],
  });
  const archive = join(site.folder, 'var/archive.db');
  const filled = await fillArchive(archive, AFTERNOON_MS, { seed: SEED, accounts: 1_200, vehicles: 300 });
  await schedulesDone(archive, EXPORTS, AFTERNOON_MS);
  return { upload, proxy, site, archive, filled, finals: new FinalNames(upload) };
}

t.test('SIGTERM in the midst of the exports: the next start resumes them', { skip }, async (t) => {
  if (!ssh) return;
  t.setTimeout(300_000);
  const { upload, proxy, site, archive, filled, finals } = await exporting(t, ssh, 'drain-export');
  const random = seededRandom(SEED);
  let stops = 0;
  let behind: string[] = [...EXPORTS];
  for (; behind.length > 0 && stops < 4; stops += 1) {
    const daemon = new IovpipeProcess(['run', site.path], site.folder, AFTER_MIDNIGHT_MS);
    const watching = changesIn(upload, (name) => finals.lookAt(name))(() => undefined);
    const bytes = 1 + Math.floor(random() * 60_000);
    const tookMs = await stopAfter(bytes, bytesThrough(proxy), daemon);
    watching();
    t.ok(tookMs !== undefined, `stopped after ${bytes} bytes`);
    t.same(await daemon.ended, { code: 0, signal: null }, 'it stops well', { said: daemon.words });
    t.ok((tookMs ?? 0) < PROMPT_MS, `promptly: ${tookMs} ms`, { said: daemon.words });
    t.same(
      daemon.said.filter(({ alarm }) => alarm),
      [],
      'a stop is no alarm',
    );
    finals.lookAtAll();
    behind = await schedulesBehind(archive, EXPORTS, MIDNIGHT_MS);
  }
  t.ok(stops > 1, `there was something to resume after ${stops - 1} stops`);
  const last = new IovpipeProcess(['run', site.path], site.folder, AFTER_MIDNIGHT_MS);
  for (const name of behind) await last.says((said) => said.msg === 'pipeline has ended' && said.pipeline === name);
  last.signal('SIGTERM');
  t.same(await last.ended, { code: 0, signal: null });
  finals.lookAtAll();
  t.same(finals.problems, []);
  t.same(partialNames(upload), []);
  const files = deliveredFiles(upload, site.regulator);
  t.same(brokenSequences(files), []);
  t.same(notOnce(files, filled), []);
  t.comment(`${stops} stops; ${files.length} files delivered`);
});

t.test(
  'SIGTERM in the midst of one export: it says that it is not done, and run again it resumes',
  { skip },
  async (t) => {
    if (!ssh) return;
    t.setTimeout(300_000);
    const { upload, proxy, site, filled } = await exporting(t, ssh, 'drain-once');
    const words = ['run', site.path, '--once', 'accounts-daily'];
    const stopped = new IovpipeProcess(words, site.folder, AFTER_MIDNIGHT_MS);
    t.ok(await signalAfter(20_000, bytesThrough(proxy), stopped, 'SIGTERM'));
    t.same(await stopped.ended, { code: 2, signal: null }, 'not everything is delivered');
    const resumed = new IovpipeProcess(words, site.folder, AFTER_MIDNIGHT_MS);
    t.same(await resumed.ended, { code: 0, signal: null }, 'all is delivered', { said: resumed.words });
    const files = deliveredFiles(upload, site.regulator);
    t.same(brokenSequences(files), []);
    t.same(notOnce(files, { accounts: filled.accounts }, ['P']), []);
  },
);

t.test('a second signal ends a daemon that waits for a silent regulator', { skip }, async (t) => {
  if (!ssh) return;
  t.setTimeout(300_000);
  const { proxy, site } = await exporting(t, ssh, 'drain-twice');
  proxy.stalled = true;
  const maker = new CarMaker(site, generator(SEED + 1));
  const connected = new Promise((resolve) => proxy.once('connected', resolve));
  const daemon = new IovpipeProcess(['run', site.path], site.folder, AFTER_MIDNIGHT_MS);
  await daemon.ready();
  await connected;
  const refused = new Promise((resolve) => maker.once('refusal', resolve));
  maker.once('answer', () => daemon.signal('SIGTERM'));
  const sending = maker.send(1);
  await refused;
  const began = performance.now();
  maker.giveUp();
  daemon.signal('SIGTERM');
  t.same(await daemon.ended, { code: 2, signal: null });
  t.ok(performance.now() - began < PROMPT_MS, 'it did not wait for its drain time');
  await sending;
});
