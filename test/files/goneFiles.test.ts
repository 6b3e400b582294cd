import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { purge } from '../../engine/retention.js';
import { GoneFiles } from '../../files/goneFiles.js';
import { spec as directoryWatch } from '../../sources/directoryWatch.js';
import { spec as file } from '../../sources/file.js';
import { bareContext } from '../support/bareContext.js';
import { makeKey, startBox } from '../support/dropBox.js';
import { DAY_MS } from '../support/endedService.js';
import { testStore } from '../support/testStore.js';
import { until } from '../support/until.js';
import { watching } from '../support/watching.js';

const POSITION = { offset: 1, line: 0, fingerprint: '1:1' };
const order = { afterServiceDays: 731, directories: [], aside: [], site: { codes: {}, tables: {} }, dryRun: false };

t.test('a purge forgets files that are gone for its term, and none that is there', async (t) => {
  const { store, clock, path } = await testStore(t);
  const directory = join(path, '../in');
  mkdirSync(join(directory, 'oem1'), { recursive: true });
  const context = { ...bareContext({ directory, store }), clock };
  const start = () => watching(directoryWatch, { directory: '{login}', pollMs: 10 }, context);
  const known = () => store.positions('test', { prefix: '', after: '', limit: 10 });
  for (const name of ['a.bin', 'b.bin']) writeFileSync(join(directory, 'oem1', name), name);
  await store.commit([(transaction) => transaction.setPosition('test', 'schedule', POSITION)]);
  const first = await start();
  for (const { receipt } of await first.take(2)) receipt.arrived();
  await first.stop();

  rmSync(join(directory, 'oem1/a.bin'));
  const second = await start();
  void second.next(60_000).catch(() => undefined);
  await until('it is noted', () => known().some(({ isGone }) => isGone));
  await second.stop();
  t.same(known(), [
    { source: 'oem1/a.bin', isGone: true },
    { source: 'oem1/b.bin', isGone: false },
    { source: 'schedule', isGone: false },
  ]);
  clock.set(clock.now() + 700 * DAY_MS);
  t.match(await purge(store, clock, order), { positions: 0 }, 'not before');
  clock.set(clock.now() + 100 * DAY_MS);
  t.match(await purge(store, clock, { ...order, dryRun: true }), { positions: 1 });
  t.match(await purge(store, clock, order), { positions: 1 });
  t.match(store.purges.list(1), [{ positions: 1 }]);
  t.same(
    known().map(({ source }) => source),
    ['oem1/b.bin', 'schedule'],
  );

  writeFileSync(join(directory, 'oem1/c.bin'), 'c');
  const third = await start();
  t.equal((await third.next()).value.name, 'c.bin', 'what is still there does not come again');
  await third.stop();
});

t.test('where a login has a link, or no folder to look at, nobody can tell what is gone', async (t) => {
  const { store, clock, path } = await testStore(t);
  const directory = join(path, '../srv');
  for (const folder of ['oem1/upload', 'oem2']) mkdirSync(join(directory, folder), { recursive: true });
  symlinkSync(join(directory, 'oem1'), join(directory, 'oem3'));
  const names = ['oem1/a.bin', 'oem2/b.bin', 'oem3/c.bin', 'oem4/d.bin'];
  await store.commit(names.map((name) => (transaction) => transaction.setPosition('test', name, POSITION)));
  const options = { directory: '{login}/upload', pollMs: 10 };
  const watch = await watching(directoryWatch, options, { ...bareContext({ directory, store }), clock });
  void watch.next(60_000).catch(() => undefined);
  const gone = () => store.positions('test', { prefix: '', after: '', limit: 10 }).filter(({ isGone }) => isGone);
  await until('it is noted', () => gone().length > 0);
  await watch.stop();
  t.same(
    gone().map(({ source }) => source),
    ['oem1/a.bin', 'oem4/d.bin'],
  );
});

t.test('files of a directory that are gone are noted, under the name that the ledger gives them', async (t) => {
  const { store, clock, path } = await testStore(t);
  const directory = join(path, '..');
  mkdirSync(join(directory, 'outgoing'));
  writeFileSync(join(directory, 'outgoing/a.ndjson'), '{"ICCID":"1"}\n');
  const names = ['outgoing/a.ndjson', 'outgoing/b.ndjson', 'outgoing/below/c.ndjson', 'other/d.ndjson', 'e.ndjson'];
  await store.commit(names.map((name) => (transaction) => transaction.setPosition('test', name, POSITION)));
  const options = { path: 'outgoing/*.ndjson', follow: true, pollMs: 10 };
  const watch = await watching(file, options, { ...bareContext({ directory, store }), clock });
  await watch.next();
  const gone = () => store.positions('test', { prefix: '', after: '', limit: 10 }).filter(({ isGone }) => isGone);
  await until('it is noted', () => gone().length > 0);
  await watch.stop();
  t.same(
    gone().map(({ source }) => source),
    ['outgoing/b.ndjson'],
  );
});

t.test('a drop box knows which of its files are gone; of a login that it has no more nobody can tell', async (t) => {
  const { store, path } = await testStore(t);
  const directory = join(path, '../box');
  const keys = await makeKey(join(path, '..'), 'host');
  mkdirSync(join(directory, 'oem1'), { recursive: true });
  writeFileSync(join(directory, 'oem1/a.bin'), 'a');
  const names = ['oem1/a.bin', 'oem1/b.bin', 'oem2/c.bin', 'schedule'];
  await store.commit(names.map((name) => (transaction) => transaction.setPosition('test', name, POSITION)));
  const options = { directory, hostKey: keys.privateKey, logins: [{ username: 'oem1', publicKey: keys.publicKey }] };
  const box = await startBox({ ...options, staleTmpMs: 20 }, store);
  t.teardown(() => box.stop());
  const gone = () => store.positions('test', { prefix: '', after: '', limit: 10 }).filter(({ isGone }) => isGone);
  await until('it is noted', () => gone().length > 0);
  t.same(gone(), [{ source: 'oem1/b.bin', isGone: true }]);
});

t.test('a look that fails says nothing, nor does one of what it could not look at', async (t) => {
  const { store } = await testStore(t);
  const names = ['a/1', 'a/2', 'b/1', 'c/1'];
  await store.commit(names.map((name) => (transaction) => transaction.setPosition('test', name, POSITION)));
  const gone = () =>
    store
      .positions('test', { prefix: '', after: '', limit: 10 })
      .flatMap(({ source, isGone }) => (isGone ? [source] : []));
  const start = () => new GoneFiles(bareContext({ directory: '.', store }), '', (key) => !key.startsWith('c/'));
  const look = async (files: GoneFiles, ...seen: string[]) => {
    files.beginLook();
    for (const key of seen) files.see(key);
    files.overlook('b/');
    await files.endLook();
  };
  const files = start();
  files.beginLook(); // it broke
  await look(files, 'a/1');
  t.same(gone(), ['a/2']);
  await look(start(), 'a/1', 'a/2');
  t.same(gone(), [], 'it is there again');
  await look(start());
  t.same(gone(), ['a/1', 'a/2']);
  await store.commit([(transaction) => transaction.setPosition('test', 'a/1', POSITION)]);
  t.same(gone(), ['a/2'], 'one that was taken once more is there');
});

t.test('more positions than a look is compared with are gone through look by look', async (t) => {
  const { store } = await testStore(t);
  const names = Array.from({ length: 12_345 }, (_, number) => `f${String(number).padStart(6, '0')}`);
  await store.commit(names.map((name) => (transaction) => transaction.setPosition('test', name, POSITION)));
  const files = new GoneFiles(bareContext({ directory: '.', store }), '', () => true);
  for (let look = 1; look <= 3; look += 1) {
    files.beginLook();
    for (const name of names) if (!name.endsWith('7')) files.see(name);
    await files.endLook();
  }
  const all = store.positions('test', { prefix: '', after: '', limit: 20_000 });
  t.equal(all.filter(({ isGone }) => isGone).length, 1_234);
  t.ok(all.every(({ source, isGone }) => isGone === source.endsWith('7')));
});
