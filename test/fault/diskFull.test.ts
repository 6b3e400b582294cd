import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { generator } from '../../demo/generator.js';
import { CarMaker } from '../support/carMaker.js';
import { brokenSequences, deliveredFiles, notOnce } from '../support/deliveredFiles.js';
import { fillArchive } from '../support/filledArchive.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { startOpenSsh } from '../support/openssh.js';
import { AFTER_MIDNIGHT_MS, AFTERNOON_MS, operatorSite } from '../support/operatorSite.js';
import { folderOnSmallDisk, mayMount } from '../support/smallDisk.js';
import { within } from '../support/within.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
const KIB = 1024;

const ssh = await startOpenSsh();
if (ssh) t.teardown(() => ssh.stop());
const skip = !ssh ? 'no OpenSSH' : mayMount() ? false : 'no right to mount a small disk';
if (skip && process.env.CI) t.fail(`under CI this must run: ${skip}`);

t.test('an archive without room answers 604, and takes everything once there is room', { skip }, async (t) => {
  if (!ssh) return;
  t.setTimeout(300_000);
  const upload = join(ssh.directory, 'full-intake');
  mkdirSync(upload);
  const { folder, grow } = folderOnSmallDisk(t, 'var', 2_500);
  const site = await operatorSite({ folder, server: ssh, upload, bytesMax: 200_000 });
  const maker = new CarMaker(site, generator(SEED));
  const daemon = new IovpipeProcess(['run', site.path], site.folder, AFTERNOON_MS);
  await daemon.ready();
  const full = new Promise((resolve) => {
    maker.on('refusal', () => maker.refused >= 20 && resolve(undefined));
  });
  const sending = maker.send(8);
  await full;
  const before = maker.answered.length;
  t.ok(before > 50, `${before} messages fitted`);
  const why = daemon.says(({ code, msg }) => code === 'STORE_FAILED' && /disk.*full/.test(msg));
  t.match(await within(30_000, 'it says why', why), { code: 'STORE_FAILED' });

  grow(64 * KIB);
  await new Promise((resolve) => {
    maker.on('answer', () => maker.answered.length >= before + 100 && resolve(undefined));
  });
  maker.stopAfter();
  await sending;
  daemon.signal('SIGTERM');
  t.same(await daemon.ended, { code: 0, signal: null }, 'the daemon lived through it', { said: daemon.words });
  t.same(maker.wrong, [], 'nothing but success and 604');
  for (const name of ['vehicles-daily', 'vehicles-monthly']) {
    const run = new IovpipeProcess(['run', site.path, '--once', name], site.folder, AFTER_MIDNIGHT_MS);
    t.same(await run.ended, { code: 0, signal: null }, name, { said: run.words });
  }
  const { vehicles } = maker.delivered();
  t.same(notOnce(deliveredFiles(upload, site.regulator), { vehicles }), [], 'each answered vehicle is delivered once');
  t.comment(
    `${before} answered before the disk was full, ${maker.refused} refused, ${maker.answered.length} answered in all`,
  );
});

t.test('an export without room in the outbox says so, and resumes once there is room', { skip }, async (t) => {
  if (!ssh) return;
  t.setTimeout(300_000);
  const upload = join(ssh.directory, 'full-outbox');
  mkdirSync(upload);
  const { folder, grow } = folderOnSmallDisk(t, 'var/outbox', 16);
  const site = await operatorSite({ folder, server: ssh, upload, bytesMax: 400_000 });
  const filled = await fillArchive(join(folder, 'var/archive.db'), AFTERNOON_MS, { seed: SEED, accounts: 1_000 });
  const words = ['run', site.path, '--once', 'accounts-daily'];
  const failed = new IovpipeProcess(words, site.folder, AFTER_MIDNIGHT_MS);
  t.same(await failed.ended, { code: 2, signal: null });
  t.match(failed.said.at(-1)?.msg, /outbox .*: the disk is full; make room/, 'it says what is full and what to do');
  t.ok(failed.said.some(({ code }) => code === 'STORE_FAILED'));

  // with room for two files some may be delivered, and some not
  grow(100);
  const part = new IovpipeProcess(words, site.folder, AFTER_MIDNIGHT_MS);
  await part.ended;
  grow(64 * KIB);
  const resumed = new IovpipeProcess(words, site.folder, AFTER_MIDNIGHT_MS);
  t.same(await resumed.ended, { code: 0, signal: null }, 'it resumes', { said: resumed.words });
  const files = deliveredFiles(upload, site.regulator);
  t.same(brokenSequences(files), []);
  t.same(notOnce(files, { accounts: filled.accounts }, ['P']), []);
  t.comment(`${files.length} files delivered`);
});
