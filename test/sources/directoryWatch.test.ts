import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { IovError } from '../../contract/error.js';
import type { PackedFile } from '../../contract/file.js';
import type { Item } from '../../contract/item.js';
import { sm3Hex } from '../../crypto/digest.js';
import { spec } from '../../sources/directoryWatch.js';
import { bareContext, keptLog } from '../support/bareContext.js';
import { sftpBatch } from '../support/dropBox.js';
import { startOpenSsh } from '../support/openssh.js';
import { optionsOf } from '../support/options.js';
import { HOUR_MS, testStore } from '../support/testStore.js';
import { watching } from '../support/watching.js';
import { within } from '../support/within.js';

const POLL_MS = 20;

/** A watched directory with a real ledger; what is started on it again finds what was noted. */
async function place(t: Test, options: object = {}) {
  const { store, clock, path } = await testStore(t);
  const directory = join(path, '../in');
  mkdirSync(directory);
  const log = keptLog();
  const context = { ...bareContext({ directory, store, log }), clock };
  const start = (changes: object = {}) =>
    watching(spec, { directory: '.', pollMs: POLL_MS, ...options, ...changes }, context);
  const put = (name: string, content: string | Buffer) => {
    writeFileSync(join(directory, `${name}.tmp`), content);
    renameSync(join(directory, `${name}.tmp`), join(directory, name));
  };
  const alarms = () => log.lines.filter(({ fields }) => 'alarm' in fields);
  return { directory, store, clock, log, alarms, context, start, put };
}
const names = (items: readonly Item<PackedFile>[]) => items.map(({ value }) => value.name);

const server = await startOpenSsh();
if (server) t.teardown(() => server.stop());
const skip = server ? false : 'no OpenSSH server here (apt-get install openssh-server)';

t.test('the system’s sftp puts NAME.tmp to a real OpenSSH and renames it, and the file comes', { skip }, async (t) => {
  if (!server) return;
  const upload = join(server.directory, 'oem1', 'upload');
  mkdirSync(upload, { recursive: true });
  const { store } = await testStore(t);
  const folder = t.testdir({ 'pictures.bin': 'x'.repeat(3_000_000) });
  const options = { directory: join(server.directory, '{login}', 'upload'), match: ['KH_*.bin'], pollMs: POLL_MS };
  const watch = await watching(spec, options, bareContext({ directory: folder, store }));
  t.teardown(() => watch.stop());
  const login = {
    username: server.username,
    path: join(server.directory, '../user_key'),
    hostKeyLine: readFileSync(join(server.directory, '../host_key.pub'), 'utf8'),
    directory: folder,
  };
  const batch = (lines: string[]) => sftpBatch(server.port, login, [`cd ${upload}`, ...lines]);
  const local = join(folder, 'pictures.bin');
  const { code, output } = await batch([`put ${local} KH_1_LSV1.bin.tmp`, 'rename KH_1_LSV1.bin.tmp KH_1_LSV1.bin']);
  t.equal(code, 0, output);
  const item = await watch.next();
  const name = 'KH_1_LSV1.bin';
  t.match(item, { origin: `oem1/${name}`, value: { name, path: join(upload, name), bytes: 3_000_000 } });
  t.equal(item.value.sm3, sm3Hex('x'.repeat(3_000_000)));
  await batch([`put ${local} HT_1_LSV1.bin`, `put ${local} KH_2_LSV1.bin`]);
  t.equal((await watch.next()).value.name, 'KH_2_LSV1.bin', 'only names that match');
});

t.test('a slow upload is not taken half, even one that goes to its final name at once', { skip }, async (t) => {
  if (!server) return;
  const { directory, start } = await place(t, { pollMs: 3_000 }); // longer than an upload stands still by itself
  const content = Buffer.alloc(1_200_000, 'slow');
  const local = join(directory, '../slow.bin');
  writeFileSync(local, content);
  const watch = await start();
  t.teardown(() => watch.stop());
  const flags = [
    '-F',
    'none',
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'BatchMode=yes',
  ];
  const address = ['-P', String(server.port), '-b', '-', `${server.username}@127.0.0.1`];
  const key = join(server.directory, '../user_key');
  const child = spawn('sftp', [...flags, '-i', key, '-l', '2400', ...address], { stdio: ['pipe', 'ignore', 'ignore'] });
  child.stdin.end(`put ${local} ${directory}/slow.bin\nput ${local} ${directory}/other.bin.tmp\n`);
  const uploaded = once(child, 'exit').then(([code]) => t.equal(code, 0));
  t.match(await watch.next(120_000), { value: { name: 'slow.bin', bytes: content.length, sm3: sm3Hex(content) } });
  await uploaded;
  renameSync(join(directory, 'other.bin.tmp'), join(directory, 'other.bin'));
  t.match(await watch.next(), { value: { name: 'other.bin', sm3: sm3Hex(content) } });
});

t.test('after a restart what was not handled comes again, in order of its time; what was does not', async (t) => {
  for (const handled of ['keep', 'remove']) {
    const { directory, put, start } = await place(t, { handled });
    for (const [at, name] of ['d.bin', 'c.bin', 'b.bin', 'a.bin'].entries()) {
      put(name, name);
      utimesSync(join(directory, name), at + 1, at + 1);
    }
    const first = await start();
    const items = [await first.next(), await first.next(), await first.next(), await first.next()];
    t.same(names(items), ['d.bin', 'c.bin', 'b.bin', 'a.bin'], 'oldest first');
    items[0]?.receipt.arrived();
    items[1]?.receipt.failed(new IovError('FILE_INVALID', 'its reason is in the dead letters'));
    items[2]?.receipt.failed(new IovError('FILE_UNREADABLE', 'disk full: the run breaks'));
    await first.stop();
    const second = await start();
    const again = await second.take(2);
    t.same(names(again), ['a.bin', 'b.bin'], handled);
    for (const { receipt } of again) receipt.arrived();
    await second.stop();
    const kept = handled === 'keep' ? ['a.bin', 'b.bin', 'd.bin'] : [];
    t.same(readdirSync(directory).sort(), [...kept, 'refused']);
    t.match(readdirSync(join(directory, 'refused')), [/^\d{17}_c\.bin$/], 'a failed file is out of the way');
    const third = await start();
    put('e.bin', 'e');
    t.equal((await third.next()).value.name, 'e.bin', 'nothing of it comes a third time');
    await third.stop();
  }
});

t.test('other content under a name comes again, also where it came while the first was under way', async (t) => {
  for (const handled of ['keep', 'remove']) {
    const { directory, put, start } = await place(t, { handled });
    const watch = await start();
    put('a.bin', 'one');
    const first = await watch.next();
    put('a.bin', 'other');
    first.receipt.arrived();
    const second = await watch.next();
    t.equal(second.value.sm3, sm3Hex('other'), handled);
    second.receipt.arrived();
    await watch.stop();
    t.equal(existsSync(join(directory, 'a.bin')), handled === 'keep');
  }
});

t.test('a refused file that its sender has replaced meanwhile is not moved: the other one comes', async (t) => {
  const { directory, put, start } = await place(t);
  const watch = await start();
  put('a.bin', 'wrong');
  const wrong = await watch.next();
  put('a.bin', 'right');
  wrong.receipt.failed(new IovError('FILE_INVALID', 'wrong'));
  t.equal((await watch.next()).value.sm3, sm3Hex('right'));
  await watch.stop();
  t.same(readdirSync(directory), ['a.bin']);
});

t.test('a file that has left, as when it was moved to where it belongs, is handled and forgotten', async (t) => {
  const { directory, put, start, store, log } = await place(t);
  const watch = await start();
  put('a.bin', 'a');
  const item = await watch.next();
  renameSync(item.value.path, join(directory, '../elsewhere'));
  item.receipt.arrived();
  put('b.bin', 'b');
  await watch.next();
  await watch.stop();
  t.equal(store.position('test', 'a.bin'), undefined);
  t.same(log.lines, []);
});

t.test('links, pipes, hidden files, folders and odd names are passed over', async (t) => {
  const { directory, put, start, log } = await place(t);
  writeFileSync(join(directory, '../secret'), 'secret');
  symlinkSync(join(directory, '../secret'), join(directory, 'link.bin'));
  execFileSync('mkfifo', [join(directory, 'pipe.bin')]);
  mkdirSync(join(directory, 'folder.bin'));
  for (const name of ['.hidden.bin', '张三.bin', 'a b.bin', 'half.bin.tmp']) writeFileSync(join(directory, name), 'x');
  const watch = await start();
  put('good.bin', 'x');
  t.equal((await watch.next()).value.name, 'good.bin');
  put('other.bin', 'x');
  t.equal((await watch.next()).value.name, 'other.bin');
  await watch.stop();
  t.match(log.lines, [{ level: 'warn', fields: { files: 2 }, message: /files are passed over/ }]);
  t.equal(log.lines.length, 1, 'told once');
});

t.test('each login has its own folder; a link in place of one leads nowhere', async (t) => {
  const { directory, start, alarms } = await place(t, { directory: '{login}/upload' });
  const put = (login: string) => {
    mkdirSync(join(directory, login, 'upload'), { recursive: true });
    writeFileSync(join(directory, login, 'upload/KH_1_A.bin'), login);
  };
  put('oem1');
  mkdirSync(join(directory, 'oem2'));
  symlinkSync(join(directory, 'oem1/upload'), join(directory, 'oem2/upload'));
  symlinkSync(join(directory, 'oem1'), join(directory, 'oem3'));
  const watch = await start();
  t.equal((await watch.next()).origin, 'oem1/KH_1_A.bin');
  put('oem4');
  t.equal((await watch.next()).origin, 'oem4/KH_1_A.bin');
  await watch.stop();
  t.match(alarms(), [{ fields: { login: 'oem2', code: 'FILE_UNREADABLE', alarm: 'fileUnreadable' } }]);
  t.equal(alarms().length, 1, 'told once');
});

t.test('a .tmp that stays is reported once; one that grows is not', async (t) => {
  const { directory, put, start, clock, alarms } = await place(t);
  for (const name of ['stays.bin.tmp', 'grows.bin.tmp']) writeFileSync(join(directory, name), 'half');
  const watch = await start();
  const looks = async () => {
    put('tick.bin', String(clock.now()));
    utimesSync(join(directory, 'tick.bin'), clock.now() / 1_000, clock.now() / 1_000);
    (await watch.next()).receipt.arrived();
  };
  await looks();
  clock.set(clock.now() + 5 * HOUR_MS);
  writeFileSync(join(directory, 'grows.bin.tmp'), 'more than half');
  await looks();
  t.same(alarms(), [], 'not before its time');
  clock.set(clock.now() + 2 * HOUR_MS);
  await looks();
  clock.set(clock.now() + HOUR_MS);
  await looks();
  await watch.stop();
  const fields = { file: 'stays.bin.tmp', bytes: 4, unchangedMs: 7 * HOUR_MS, alarm: 'staleTmp' };
  t.match(alarms(), [{ level: 'warn', fields }]);
  t.equal(alarms().length, 1);
});

t.test('a file above the bound becomes a dead letter, and holds up nothing', async (t) => {
  const { put, start, store, directory } = await place(t, { fileBytesMax: 10 });
  const watch = await start();
  put('a-large.bin', 'x'.repeat(11));
  put('good.bin', 'x'.repeat(10));
  const item = await watch.next();
  t.equal(item.value.name, 'good.bin');
  await watch.stop();
  const [letter, ...others] = store.deadLetters();
  t.match(letter, {
    origin: 'a-large.bin',
    code: 'FILE_INVALID',
    reason: 'a-large.bin: expected at most 10 bytes, got 11',
  });
  t.same(others, []);
  t.ok(existsSync(join(directory, 'a-large.bin')));
});

t.test('a directory that does not exist is told, and {login} stands for one whole folder', async (t) => {
  const { start } = await place(t, { directory: 'missing' });
  await t.rejects(start(), { code: 'FILE_UNREADABLE', message: /looking at .*missing: ENOENT/ });
  const faults = (directory: string) => spec.check?.(optionsOf(spec, { directory }))?.length;
  t.same(['/in', '/in/{login}', '/in/{login}/up'].map(faults), [0, 0, 0]);
  t.same(['/in/x{login}', '/{login}/{login}', '/in/{login}.d'].map(faults), [1, 1, 1]);
});

t.test('3,000 files come once each, with no more than a few in mind', async (t) => {
  const { directory, start } = await place(t, { waitingMax: 500 });
  for (let at = 0; at < 3_000; at += 1) writeFileSync(join(directory, `${at}.bin`), '');
  const watch = await start({ pollMs: 10 });
  const seen = new Set<string>();
  const all = (async () => {
    while (seen.size < 3_000) {
      const item = await watch.next();
      if (seen.has(item.value.name)) t.fail(`${item.value.name} came twice`);
      seen.add(item.value.name);
      item.receipt.arrived();
    }
  })();
  await within(180_000, 'all files', all);
  await watch.stop();
  t.equal(seen.size, 3_000);
});
