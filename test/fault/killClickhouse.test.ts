import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { iovpipe } from '../support/cli.js';
import { newArchive, startClickHouse } from '../support/clickhouse.js';
import { archiveSite, regulator } from '../support/clickhouseSite.js';
import { brokenSequences, deliveredFiles, notOnce } from '../support/deliveredFiles.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { changesIn, signalAfter } from '../support/killMoment.js';
import { AFTER_MIDNIGHT_MS, AFTERNOON_MS } from '../support/operatorSite.js';
import { seededRandom } from '../support/seededRandom.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
const KILLS = 8;
const ATTEMPTS_MAX = 40;

const server = await startClickHouse();
if (server) t.teardown(() => server.stop());
const skip = server ? false : 'no ClickHouse';
t.setTimeout(800_000);

/** A site of its own, with a ClickHouse archive or with SQLite. */
async function site(t: Test, wanted: { clickHouse: boolean; accounts: number }) {
  const folder = t.testdir({});
  const archive = wanted.clickHouse && server ? await newArchive(server, join(folder, 'var/ledger.db')) : undefined;
  const made = archiveSite(folder, { archive, seed: SEED, accounts: wanted.accounts, bytesMax: 200_000 });
  mkdirSync(join(folder, 'upload'));
  const run = async (name: string, nowMs: number) => {
    const running = new IovpipeProcess(['run', made.path, '--once', name], folder, nowMs);
    t.same(await running.ended, { code: 0, signal: null }, `${name} ends well`, { said: running.words });
  };
  return { folder, ...made, run, files: () => deliveredFiles(join(folder, 'upload'), regulator), archive };
}

t.test('the same chain on SQLite and on ClickHouse delivers the same files with the same text', { skip }, async (t) => {
  t.setTimeout(300_000);
  const delivered: { fileName: string; text: string }[][] = [];
  for (const clickHouse of [false, true]) {
    await t.test(clickHouse ? 'ClickHouse' : 'SQLite', async (t) => {
      const { run, files, folder, path } = await site(t, { clickHouse, accounts: 900 });
      await run('in', AFTERNOON_MS);
      await run('daily', AFTER_MIDNIGHT_MS);
      await run('monthly', AFTER_MIDNIGHT_MS);
      delivered.push(files().map(({ fileName, text }) => ({ fileName, text })));
      const { stdout } = await iovpipe(['status', '--file', path, '--json'], folder);
      const status = JSON.parse(stdout) as {
        records: { count: number }[];
        windows: { state: string; recordsTotal: number }[];
      };
      t.match(status.records, [{ count: 900 }]);
      t.match(status.windows, [
        { state: 'delivered', recordsTotal: 900 },
        { state: 'delivered', recordsTotal: 900 },
      ]);
    });
  }
  const [sqlite, clickHouse] = delivered;
  t.ok((sqlite?.length ?? 0) > 10);
  t.same(clickHouse, sqlite);
});

t.test('kill -9 while records are accepted, shipped and delivered loses none and doubles none', { skip }, async (t) => {
  t.setTimeout(480_000);
  t.comment(`seed ${SEED}`);
  const random = seededRandom(SEED);
  const { folder, path, run, files, accounts, archive } = await site(t, { clickHouse: true, accounts: 3_000 });
  const killed = async (name: string, nowMs: number, most: number) => {
    const running = new IovpipeProcess(['run', path, '--once', name], folder, nowMs);
    return signalAfter(1 + Math.floor(random() * most), changesIn(join(folder, 'var')), running);
  };
  let kills = 0;
  // where this process was busy, runs came to their end before the kill: then there are more of them, and it comes earlier
  for (let attempt = 0; attempt < KILLS || (kills <= KILLS / 2 && attempt < ATTEMPTS_MAX); attempt += 1)
    kills += (await killed('in', AFTERNOON_MS, attempt < KILLS ? 120 : 10)) ? 1 : 0;
  await run('in', AFTERNOON_MS);
  for (const name of ['daily', 'monthly']) {
    for (let attempt = 0; attempt < KILLS / 2; attempt += 1)
      kills += (await killed(name, AFTER_MIDNIGHT_MS, 60)) ? 1 : 0;
    await run(name, AFTER_MIDNIGHT_MS);
  }
  t.ok(kills > KILLS / 2, `killed ${kills} times`);
  t.same(brokenSequences(files()), []);
  t.same(notOnce(files(), { accounts }), [], 'every record is in P and in F, once each');
  const [rows, records] = await Promise.all(
    ['count()', 'uniqExact(position)'].map((what) => server?.ask(`SELECT ${what} FROM ${archive?.database}.records`)),
  );
  t.comment(`${kills} kills; ${rows} rows for ${records} records`);
  t.equal(Number(records), accounts.length);
});
