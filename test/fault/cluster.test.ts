import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { newArchive, startClickHouse } from '../support/clickhouse.js';
import { Cluster, ConnectionCount, faultsOfWindow, isDelivered, smallRecords } from '../support/cluster.js';
import { FinalNames, partialNames } from '../support/deliveredFiles.js';
import { FaultProxy } from '../support/faultProxy.js';
import type { IovpipeProcess, Said } from '../support/iovpipeProcess.js';
import { startKafka } from '../support/kafka.js';
import { changesIn } from '../support/killMoment.js';
import { startOpenSsh } from '../support/openssh.js';
import { seededRandom } from '../support/seededRandom.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
/** 2,000,000 for the long form. */
const RECORDS = Number(process.env.IOVPIPE_CLUSTER_RECORDS ?? 60_000);
const LONG = RECORDS > 200_000;
const RECORD_BYTES = 300;
/** About so many files, however many records. */
const FILES = 200;
const LANES = 20;
/** Of a file, sent at once. */
const PIECE_BYTES = 33_000;
const MS = LONG ? 1_800_000 : 360_000;

const kafka = await startKafka();
if (kafka) t.teardown(() => kafka.stop());
const clickHouse = await startClickHouse();
if (clickHouse) t.teardown(() => clickHouse.stop());
const ssh = await startOpenSsh();
if (ssh) t.teardown(() => ssh.stop());
const skip = kafka && clickHouse && ssh ? false : 'no Kafka, ClickHouse or OpenSSH';

t.setTimeout(2 * MS);

t.test('three daemons deliver a window while one is killed and others are frozen', { skip }, async (t) => {
  if (!kafka || !clickHouse || !ssh) return;
  t.setTimeout(MS);
  t.comment(`seed ${SEED}`);
  const random = seededRandom(SEED);
  const folder = t.testdir({ daemons: {} });
  const upload = join(ssh.directory, 'window');
  mkdirSync(upload);
  const archive = await newArchive(clickHouse, join(folder, 'admin.db'));
  const bytesMax = Math.ceil((RECORDS * (RECORD_BYTES + 1)) / FILES);
  const cluster = await Cluster.create({ kafka, archive, upload, lanes: LANES, bytesMax, lifetimeMs: MS });
  for (let from = 0; from < RECORDS; from += 50_000)
    await cluster.accept(smallRecords(from, Math.min(RECORDS, from + 50_000), RECORD_BYTES));
  const count = new ConnectionCount(ssh.port);
  t.teardown(() => count.stop());
  const finals = new FinalNames(upload);
  const leave = changesIn(upload, (name) => {
    if (!LONG) finals.lookAt(name);
  })(() => undefined);
  t.teardown(leave);

  const paths = ['a', 'b', 'c'].map((name) => cluster.site(join(folder, 'daemons', name), ssh));
  cluster.dayEndsIn(8_000);
  const daemons = paths.map((path) => cluster.start(path));
  const again = (which: number) => {
    daemons[which] = cluster.start(paths[which]!);
  };
  await within(MS, 'all are up', Promise.all(daemons.map((daemon) => daemon.ready())));

  const filesThere = (share: number) =>
    until('files', () => readdirSync(upload).filter((name) => !name.endsWith('.tmp')).length >= share * FILES, {
      ms: MS,
      instead: () => words(daemons),
    });
  const order = [0, 1, 2].sort(() => random() - 0.5);
  const [killed = 0, dozing = 0, frozen = 0] = order;

  await filesThere(0.05 + 0.1 * random());
  daemons[killed]!.signal('SIGKILL');
  t.same(await daemons[killed]!.ended, { code: null, signal: 'SIGKILL' }, 'one is killed');
  paths[killed] = cluster.site(join(folder, 'daemons', 'new'), ssh); // its disk is lost as well: a new machine joins
  again(killed);

  await filesThere(0.2 + 0.1 * random());
  daemons[dozing]!.signal('SIGSTOP');
  const wakesAt = performance.now() + 600;
  await until('it has dozed', () => performance.now() > wakesAt);
  daemons[dozing]!.signal('SIGCONT');

  await filesThere(0.35 + 0.1 * random());
  daemons[frozen]!.signal('SIGSTOP');
  t.same(
    await within(MS, 'the guard', daemons[frozen]!.ended),
    { code: null, signal: 'SIGKILL' },
    'one that stands still for longer than its guard allows is killed',
  );
  again(frozen);

  await within(MS, 'the window', Promise.all(daemons.map((daemon) => daemon.says(isDelivered)))).catch((error) => {
    throw new Error(`${error}\n${words(daemons)}`);
  });
  for (const daemon of daemons) daemon.signal('SIGTERM');
  t.same(
    await within(MS, 'the end', Promise.all(daemons.map(({ ended }) => ended))),
    daemons.map(() => ({ code: 0, signal: null })),
    'all stop when asked to; the one that dozed has lived on',
  );
  count.stop();
  leave();
  if (!LONG) finals.lookAtAll();

  t.ok(count.most <= LANES, `at most ${LANES} connections, counted ${count.looks} times: ${count.most}`);
  t.ok(count.most > LANES / 2, 'and the lanes were used');
  t.same(finals.problems, [], 'a final name never had other content than at first, and never went');
  t.same(partialNames(upload), [], 'no .tmp is left');
  t.same(faultsOfWindow(upload, cluster.regulator, RECORDS), [], 'every record once, in a whole sequence with one end');
  t.comment(`${readdirSync(upload).length} files, ${RECORDS} records, most connections ${count.most}`);
});

t.test(
  'a process that sleeps with its guard uploads nothing when it wakes: its lanes are others’',
  { skip },
  async (t) => {
    if (!kafka || !clickHouse || !ssh) return;
    t.setTimeout(MS);
    const folder = t.testdir({ daemons: {} });
    const upload = join(ssh.directory, 'asleep');
    mkdirSync(upload);
    const archive = await newArchive(clickHouse, join(folder, 'admin.db'));
    const times = { revokeMs: 100, takeOverMs: 3_000 }; // so long there is time to look, after lanes have come
    const cluster = await Cluster.create({ kafka, archive, upload, lanes: 6, bytesMax: 10_000, lifetimeMs: MS, times });
    const proxy = await FaultProxy.start(ssh);
    t.teardown(() => proxy.stop());
    const records = 20_000;
    await cluster.accept(smallRecords(0, records, RECORD_BYTES));
    cluster.dayEndsIn(8_000);
    const sleeper = cluster.start(cluster.site(join(folder, 'daemons', 'sleeper'), { ...ssh, port: proxy.port }));
    const other = cluster.start(cluster.site(join(folder, 'daemons', 'other'), ssh));
    await within(MS, 'both are up', Promise.all([sleeper.ready(), other.ready()]));
    await within(
      MS,
      'it uploads',
      sleeper.says(({ msg }) => msg === 'delivered'),
    );

    const told = other.said.length;
    sleeper.signalAll('SIGSTOP');
    const hasAll = ({ lanes }: Said) => (lanes as number[] | undefined)?.length === 6;
    await within(MS, 'the other has all lanes', other.says(hasAll, told));
    const before = proxy.bytes;
    const rejoined = sleeper.said.length;
    sleeper.signalAll('SIGCONT');
    // what had arrived before it fell asleep it may still note, but it sends nothing until it has lanes again, and a while longer
    const hasLanes = ({ msg }: Said) => msg === 'lanes assigned';
    await within(MS, 'lanes again', sleeper.says(hasLanes, rejoined));
    const sent = proxy.bytes - before;
    t.ok(sent <= PIECE_BYTES, `nothing more is sent, but what was on its way into the kernel: ${sent} bytes`);
    await until('what it found open is closed', () => proxy.open === 0, { instead: () => `${proxy.open} are open` });
    await within(MS, 'the window', Promise.all([sleeper, other].map((daemon) => daemon.says(isDelivered))));
    for (const daemon of [sleeper, other]) daemon.signal('SIGTERM');
    t.same(
      await within(MS, 'the end', Promise.all([sleeper.ended, other.ended])),
      [sleeper, other].map(() => ({ code: 0, signal: null })),
      'it lives on: what held it had held its guard as well',
    );
    t.same(faultsOfWindow(upload, cluster.regulator, records), [], 'every record once, in a whole sequence');
  },
);

const words = (daemons: readonly IovpipeProcess[]) => daemons.map((daemon) => daemon.words).join('\n---\n');
