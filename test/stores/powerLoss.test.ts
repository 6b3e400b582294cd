import fs, { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import t from 'tap';
import { SimulatedClock } from '../../engine/clock.js';
import { keptLog } from '../support/bareContext.js';
import { seededRandom } from '../support/seededRandom.js';

const SEED = 2022;
const COMMITS = 400;

/**
 * Power loss, without pulling a plug: each time a flush begins the files are copied, for that is what the disk is sure to hold
 * once the flush has ended. Whatever was answered by then must be found in the copy.
 */
t.test(`what was answered is on the disk, whenever the power fails (seed ${SEED})`, async (t) => {
  const folder = t.testdir({});
  const path = join(folder, 'archive.db');
  const disk = diskOf(path, join(folder, 'images'));
  t.teardown(disk.restore);
  const { openSqliteStore } = await import('../../stores/sqlite/store.js'); // after the flushes are watched
  const open = (at: string) => openSqliteStore({ path: at, clock: new SimulatedClock(0), log: keptLog() });
  const store = await open(path);
  const random = seededRandom(SEED);
  const answered: { id: string; image: string | undefined }[] = [];
  const commit = async (id: string) => {
    await store.commit([(transaction) => transaction.setPosition('p', id, { offset: 1, line: 1, fingerprint: '' })]);
    answered.push({ id, image: disk.durable() });
  };
  const underWay: Promise<void>[] = [];
  for (let index = 0; index < COMMITS; index += 1) {
    underWay.push(commit(`${index}`));
    if (random() < 0.1) await underWay[Math.floor(random() * underWay.length)];
    if (random() < 0.05) store.windowDelivered(0); // a step of the ledger comes in between
  }
  await Promise.all(underWay);
  await store.close();
  t.equal(answered.length, COMMITS);
  t.ok(disk.count() >= 10, `the disk was flushed ${disk.count()} times, in groups`);
  const lost: string[] = [];
  for (const image of new Set(answered.map((each) => each.image))) {
    const known = answered.filter((each) => each.image === image);
    if (image === undefined) lost.push(...known.map(({ id }) => id));
    else {
      const after = await open(join(image, 'archive.db'));
      lost.push(...known.filter(({ id }) => !after.position('p', id)).map(({ id }) => id));
      await after.close();
    }
  }
  t.same(lost, [], 'answered, and not on the disk');
});

/** Watches the flushes of a database and keeps a copy of it as each began. */
function diskOf(path: string, images: string) {
  const real = { fdatasync: fs.fdatasync, fdatasyncSync: fs.fdatasyncSync };
  let count = 0;
  let durable: string | undefined;
  const copy = () => {
    count += 1;
    const image = join(images, `${count}`);
    mkdirSync(image, { recursive: true });
    for (const suffix of ['', '-wal']) {
      if (existsSync(path + suffix)) copyFileSync(path + suffix, join(image, `archive.db${suffix}`));
    }
    return image;
  };
  fs.fdatasync = ((fd: number, done: (error: NodeJS.ErrnoException | null) => void) => {
    const image = copy();
    real.fdatasync(fd, (error) => {
      if (!error) durable = image;
      done(error);
    });
  }) as typeof fs.fdatasync;
  fs.fdatasyncSync = (fd) => {
    const image = copy();
    real.fdatasyncSync(fd);
    durable = image;
  };
  syncBuiltinESMExports();
  return {
    durable: () => durable,
    count: () => count,
    restore: () => {
      Object.assign(fs, real);
      syncBuiltinESMExports();
    },
  };
}
