import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { generator } from '../../demo/generator.js';
import { CarMaker } from '../support/carMaker.js';
import { brokenSequences, deliveredFiles, notOnce, partialNames } from '../support/deliveredFiles.js';
import { FaultProxy } from '../support/faultProxy.js';
import { fillArchive, schedulesDone } from '../support/filledArchive.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { startOpenSsh } from '../support/openssh.js';
import { AFTER_MIDNIGHT_MS, AFTERNOON_MS, EXPORTS, operatorSite } from '../support/operatorSite.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);

const ssh = await startOpenSsh();
if (ssh) t.teardown(() => ssh.stop());

t.test(
  'while the regulator is silent the intake goes on, and then the window is delivered',
  { skip: ssh ? false : 'no OpenSSH' },
  async (t) => {
    if (!ssh) return;
    t.setTimeout(300_000);
    const upload = join(ssh.directory, 'stalled');
    mkdirSync(upload);
    const proxy = await FaultProxy.start(ssh);
    t.teardown(() => proxy.stop());
    const site = await operatorSite({
      folder: t.testdir({}),
      server: { ...ssh, port: proxy.port },
      upload,
      bytesMax: 100_000,
      changes: [['connections: 20', 'connections: 4\n      operationTimeoutMs: 5000\n      connectTimeoutMs: 10000']],
    });
    const archive = join(site.folder, 'var/archive.db');
    const filled = await fillArchive(archive, AFTERNOON_MS, { seed: SEED, accounts: 1_000, vehicles: 200 });
    await schedulesDone(archive, EXPORTS, AFTERNOON_MS);

    proxy.on('bytes', (total) => {
      if (total > 50_000) proxy.stalled = true; // in the midst of the first files
    });
    const stalled = new Promise<void>((resolve) => {
      proxy.on('bytes', () => proxy.stalled && resolve());
    });
    const daemon = new IovpipeProcess(['run', site.path], site.folder, AFTER_MIDNIGHT_MS);
    await daemon.ready();
    await stalled;
    // other people than those of the window
    const maker = new CarMaker(site, generator(SEED + 1));
    maker.stopAfter(150);
    await maker.send(8);
    t.equal(maker.answered.length, 300, 'every message was answered while the regulator was silent');
    t.same([maker.wrong, maker.broken, maker.refused], [[], 0, 0]);
    await daemon.says(({ msg }) => /a delivery broke; it is tried again/.test(msg));
    t.notOk(daemon.said.some(({ msg, pipeline }) => msg === 'pipeline has ended' && pipeline === 'accounts-daily'));

    proxy.removeAllListeners('bytes');
    proxy.stalled = false;
    for (const name of EXPORTS)
      await daemon.says((said) => said.msg === 'pipeline has ended' && said.pipeline === name);
    daemon.signal('SIGTERM');
    t.same(await daemon.ended, { code: 0, signal: null }, 'it stops well', { said: daemon.words });
    t.same(partialNames(upload), []);
    const files = deliveredFiles(upload, site.regulator);
    t.same(brokenSequences(files), []);
    t.same(notOnce(files, filled), [], 'the windows hold what was accepted before midnight, once each');
    t.comment(
      `${maker.answered.length} messages answered meanwhile; ${files.length} files delivered, ${proxy.total} connections`,
    );
  },
);
