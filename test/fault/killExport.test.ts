import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  brokenSequences,
  type DeliveredFile,
  deliveredFiles,
  FinalNames,
  notOnce,
  partialNames,
} from '../support/deliveredFiles.js';
import { FaultProxy } from '../support/faultProxy.js';
import { accountRecords, fillArchive } from '../support/filledArchive.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { bytesThrough, changesIn, type Happening, signalAfter } from '../support/killMoment.js';
import { type OpenSsh, startOpenSsh } from '../support/openssh.js';
import { AFTER_MIDNIGHT_MS, AFTERNOON_MS, EXPORTS, type OperatorSite, operatorSite } from '../support/operatorSite.js';
import { seededRandom } from '../support/seededRandom.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
const RUNS_MAX = 200;

const ssh = await startOpenSsh();
if (ssh) t.teardown(() => ssh.stop());
const skip = ssh ? false : 'no OpenSSH';

/** A server behind a proxy that counts what goes to it, and an operator who delivers there. */
async function exportSite(
  t: Test,
  ssh: OpenSsh,
  name: string,
  wanted: Omit<Parameters<typeof operatorSite>[0], 'folder' | 'server' | 'upload'>,
) {
  const upload = join(ssh.directory, name);
  mkdirSync(upload);
  const proxy = await FaultProxy.start(ssh);
  t.teardown(() => proxy.stop());
  const site = await operatorSite({ ...wanted, folder: t.testdir({}), server: { ...ssh, port: proxy.port }, upload });
  const finals = new FinalNames(upload);
  return { upload, site, finals, bytes: bytesThrough(proxy) };
}

/** Runs an export and kills it, at moments that `random` draws, until it has been killed so often and ends well. */
async function killAndResume(
  t: Test,
  wanted: {
    site: OperatorSite;
    finals: FinalNames;
    random: () => number;
    kills: number;
    /** The words of the command line: after so many runs that came to their end, and again after a kill. */
    words(ends: number): readonly string[];
    /** So many runs have to come to their end. */
    ends: number;
    /** What its clock shows, after so many kills. */
    nowMs?(kills: number): number;
    /** What happens while it runs, with how often it may before the kill. */
    moments: readonly { name: string; happening: Happening; most: number }[];
  },
): Promise<Map<string, number>> {
  const { site, finals, random, moments, nowMs = () => AFTER_MIDNIGHT_MS } = wanted;
  const killedAt = new Map<string, number>();
  let [kills, ends] = [0, 0];
  for (let runs = 0; (kills < wanted.kills || ends < wanted.ends) && runs < RUNS_MAX; runs += 1) {
    const running = new IovpipeProcess(['run', site.path, ...wanted.words(ends)], site.folder, nowMs(kills));
    const { name, happening, most } = moments[Math.floor(random() * moments.length)]!;
    const count = kills < wanted.kills ? 1 + Math.floor(random() * most) : Number.POSITIVE_INFINITY;
    const killed = await signalAfter(count, happening, running);
    finals.lookAtAll();
    if (killed) {
      kills += 1;
      killedAt.set(name, (killedAt.get(name) ?? 0) + 1);
    } else {
      ends += 1;
      const { code } = await running.ended;
      if (code !== 0) throw new Error(`${wanted.words(ends - 1).join(' ')} ended with ${code}: ${running.words}`);
    }
  }
  // the last run was killed, perhaps, and nothing may stay half done
  const last = new IovpipeProcess(['run', site.path, ...wanted.words(ends)], site.folder, nowMs(kills));
  t.same(await last.ended, { code: 0, signal: null }, 'the last run ends well', { said: last.words });
  finals.lookAtAll();
  t.equal(kills, wanted.kills, 'it was killed as often as it should be');
  return killedAt;
}

function checkDelivered(t: Test, site: OperatorSite, upload: string, finals: FinalNames): DeliveredFile[] {
  t.same(finals.problems, [], 'a final name never had other content than at first, and never went');
  t.same(partialNames(upload), [], 'no .tmp is left');
  const outbox = join(site.folder, 'var');
  const left = readdirSync(outbox, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(bin|zip|part)$/.test(name),
  );
  t.same(left, [], 'the outbox is empty');
  const files = deliveredFiles(upload, site.regulator);
  t.same(brokenSequences(files), [], 'sequences are whole, each with one end');
  return files;
}

const told = (killedAt: ReadonlyMap<string, number>) =>
  [...killedAt].map(([name, count]) => `${count} at ${name}`).join(', ');

t.test('an export that is killed again and again delivers each record once', { skip }, async (t) => {
  if (!ssh) return;
  t.setTimeout(420_000);
  t.comment(`seed ${SEED}`);
  const { upload, site, finals, bytes } = await exportSite(t, ssh, 'export', { bytesMax: 400_000 });
  const filled = await fillArchive(join(site.folder, 'var/archive.db'), AFTERNOON_MS, {
    seed: SEED,
    accounts: 2_400,
    vehicles: 1_200,
  });
  const killedAt = await killAndResume(t, {
    site,
    finals,
    random: seededRandom(SEED),
    kills: 25,
    ends: EXPORTS.length,
    // when all are delivered they are delivered again, over what is there
    words: (ends) => ['--once', EXPORTS[ends % EXPORTS.length]!, ...(ends < EXPORTS.length ? [] : ['--again'])],
    moments: [
      { name: 'packing', happening: changesIn(join(site.folder, 'var/outbox')), most: 40 },
      { name: 'upload', happening: bytes, most: 200_000 },
      { name: 'rename', happening: changesIn(upload, (name) => finals.lookAt(name)), most: 30 },
      { name: 'ledger', happening: changesIn(join(site.folder, 'var')), most: 80 },
    ],
  });
  const files = checkDelivered(t, site, upload, finals);
  t.same(notOnce(files, filled), [], 'every record is in one P file and in F, once each');
  const records = files.reduce((sum, file) => sum + file.records.length, 0);
  t.comment(`${told(killedAt)}; ${files.length} files with ${records} records; ${finals.looks} looks at final names`);
});

t.test('a file that goes straight to the regulator, killed again and again, too', { skip }, async (t) => {
  if (!ssh) return;
  t.setTimeout(420_000);
  t.comment(`seed ${SEED}`);
  const records = accountRecords(SEED, 0, 2_400);
  const { upload, site, finals, bytes } = await exportSite(t, ssh, 'backfill', {
    shipped: 'pipelines/backfill.yaml',
    bytesMax: 400_000,
    files: { 'records.ndjson': records.map(({ bytes }) => `${Buffer.from(bytes)}\n`).join('') },
  });
  const killedAt = await killAndResume(t, {
    site,
    finals,
    random: seededRandom(SEED + 1),
    kills: 10,
    ends: 2,
    words: () => ['--once', 'backfill'],
    // what was begun keeps its name, though hours go by; what is begun anew is another window
    nowMs: (kills) => AFTER_MIDNIGHT_MS + kills * 3_600_000,
    moments: [
      { name: 'packing', happening: changesIn(join(site.folder, 'var/backfill-outbox')), most: 30 },
      { name: 'upload', happening: bytes, most: 150_000 },
      { name: 'rename', happening: changesIn(upload, (name) => finals.lookAt(name)), most: 20 },
      { name: 'ledger', happening: changesIn(join(site.folder, 'var')), most: 40 },
    ],
  });
  const files = checkDelivered(t, site, upload, finals);
  for (const cutoff of new Set(files.map((file) => file.cutoff))) {
    const accounts = records.map(({ iccid }) => iccid);
    const ofWindow = files.filter((file) => file.cutoff === cutoff);
    t.same(notOnce(ofWindow, { accounts }, ['F']), [], `${cutoff}: every record once`);
  }
  t.comment(
    `${told(killedAt)}; ${files.length} files with ${records.length} records; ${finals.looks} looks at final names`,
  );
});
