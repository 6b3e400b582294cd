import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { IovError } from '../../contract/error.js';
import { sm3Hex } from '../../crypto/digest.js';
import { spec as directoryWatch } from '../../sources/directoryWatch.js';
import { bareContext, keptLog } from '../support/bareContext.js';
import { type Keys, makeKey, positions, type RunningBox, sftpBatch, startBox } from '../support/dropBox.js';
import { type LocalFile, outbox, sftpClient } from '../support/sftpClient.js';
import { testStore } from '../support/testStore.js';
import { until } from '../support/until.js';
import { watching } from '../support/watching.js';

const _SEED = 42;
const keyDirectory = t.testdir();
const [hostKey, oemKey, _otherKey] = (await Promise.all(
  ['host', 'oem', 'other'].map((name) => makeKey(keyDirectory, name)),
)) as [Keys, Keys, Keys];
const { signal } = new AbortController();
const logins = [
  { username: 'oem1', publicKey: oemKey.publicKey },
  { username: 'oem2', password: 'a password' },
];
const box = (root: string, options: object = {}, store = positions(), log = keptLog()) =>
  startBox({ hostKey: hostKey.privateKey, directory: root, logins, ...options }, store, log);
const oem1 = (running: RunningBox) => ({
  host: '127.0.0.1',
  port: running.source.port,
  username: 'oem1',
  privateKey: oemKey.privateKey,
  hostKey: hostKey.fingerprint,
});
const batch = (running: RunningBox, directory: string, lines: string[], key = oemKey) =>
  sftpBatch(
    running.source.port,
    { username: 'oem1', path: key.path, hostKeyLine: hostKey.publicKey, directory },
    lines,
  );
const silent = { onUploading: async () => undefined, signal };

t.test('the system’s sftp puts NAME.tmp and renames it, and the file comes as an item', async (t) => {
  const root = t.testdir({ out: { 'photo.bin': 'x'.repeat(100_000) }, in: {} });
  const running = await box(join(root, 'in'));
  t.teardown(() => running.stop());
  const name = 'KH_1_WBA0.bin';
  const { code, output } = await batch(running, root, [
    `put ${join(root, 'out/photo.bin')} ${name}.tmp`,
    `rename ${name}.tmp ${name}`,
    'ls -l',
  ]);
  t.equal(code, 0, output);
  t.match(output, /100000 .* KH_1_WBA0\.bin/);
  const item = await running.next();
  t.match(item, { origin: `sftp oem1/${name}`, value: { name, bytes: 100_000, sm3: sm3Hex('x'.repeat(100_000)) } });
  t.equal(item.value.path, join(root, 'in/oem1', name));
});

t.test('nothing can be read, replaced, linked, escaped from, or named at once', async (t) => {
  const root = t.testdir({
    'secret.txt': 'secret',
    in: { oem2: { 'theirs.bin': 'x' }, oem1: { 'mine.bin': 'mine', 'half.tmp': 'half' } },
  });
  await symlink(join(root, 'secret.txt'), join(root, 'in/oem1/link.bin'));
  await symlink(join(root, 'secret.txt'), join(root, 'in/oem1/link.tmp'));
  const running = await box(join(root, 'in'));
  t.teardown(() => running.stop());
  const local = join(root, 'secret.txt');
  const refused = [
    'get mine.bin',
    'get half.tmp',
    'get link.bin',
    'get /etc/passwd',
    'get ../oem2/theirs.bin',
    'get ../../secret.txt',
    'ls ..//oem2',
    'ls /etc',
    'cd ../oem2',
    'cd /etc',
    `put ${local} final.bin`,
    `put ${local} ../oem2/x.tmp`,
    `put ${local} link.tmp`,
    `put ${local} .hidden.tmp`,
    'rm mine.bin',
    'rm ../oem2/theirs.bin',
    'rename mine.bin other.bin',
    'rename half.tmp ../oem2/half',
    'rename half.tmp elsewhere',
    'mkdir folder',
    'rmdir /',
    `symlink ${local} l.tmp`,
    'ln mine.bin h.tmp',
  ];
  for (const line of refused) {
    const { code, output } = await batch(running, root, [line]);
    t.equal(code, 1, line);
    t.match(output, /permission denied|no such file|not found|failure|does not support/i, line);
  }
  const { output } = await batch(running, root, ['ls -1a', 'rm half.tmp', 'ls ..']);
  t.notMatch(output, /link|oem2|secret/, 'sees its own plain files alone');
  t.same(
    (await readdir(join(root, 'in/oem1'))).sort(),
    ['link.bin', 'link.tmp', 'mine.bin'],
    'only its own .tmp could go',
  );
  t.same(await readdir(join(root, 'in/oem2')), ['theirs.bin']);
  t.equal(await readFile(local, 'utf8'), 'secret');
  t.equal(await readFile(join(root, 'in/oem1/mine.bin'), 'utf8'), 'mine');
});

t.test('our own client delivers, by key or by password, under the path that is shown', async (t) => {
  const root = t.testdir();
  const running = await box(root, { path: '/upload' });
  const clients = [
    await sftpClient(oem1(running)),
    await sftpClient({
      host: '127.0.0.1',
      port: running.source.port,
      username: 'oem2',
      password: 'a password',
      hostKey: hostKey.fingerprint,
    }),
  ];
  t.teardown(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await running.stop();
  });
  const [file] = (await outbox(join(root, 'out'), 1, 1_000_001)) as [LocalFile];
  for (const [index, client] of clients.entries()) {
    for (const directory of ['/upload', '.']) await client.deliver(file, directory, file.name, silent);
    await t.rejects(client.deliver(file, '/elsewhere', file.name, silent), {
      code: 'SFTP_REFUSED',
      message: /does not exist/,
    });
    const path = join(root, `oem${index + 1}`, file.name);
    t.ok((await readFile(path)).equals(file.content));
    t.equal((await running.next()).value.path, path, 'once, though delivered twice');
  }
});

t.test('the same bytes again are a repeated delivery; others under a name that is taken are refused', async (t) => {
  const root = t.testdir();
  const log = keptLog();
  const running = await box(root);
  const client = await sftpClient(oem1(running), {}, log);
  t.teardown(() => Promise.all([client.close(), running.stop()]));
  const [first] = (await outbox(join(root, 'a'), 1, 5_000)) as [LocalFile];
  const [second] = (await outbox(join(root, 'b'), 1, 5_000)) as [LocalFile];
  await client.deliver(first, '/', first.name, silent);
  await client.deliver(first, '/', first.name, silent);
  await t.rejects(client.deliver(second, '/', second.name, silent), {
    code: 'SFTP_REFUSED',
    message: /is there already \(5000 bytes\)/,
  });
  t.ok((await readFile(join(root, 'oem1', first.name))).equals(first.content));
});

t.test('after a restart, files that were complete but not handled come again, handled ones do not', async (t) => {
  for (const handled of ['keep', 'remove']) {
    const root = join(t.testdir(), handled);
    const store = positions();
    const first = await box(root, { handled }, store);
    const client = await sftpClient(oem1(first));
    const files = await outbox(join(root, 'out'), 4, 100);
    for (const file of files) await client.deliver(file, '/', file.name, silent);
    await writeFile(join(root, 'oem1', 'partial.bin.tmp'), 'partial');
    const items = [await first.next(), await first.next(), await first.next()];
    items[0]?.receipt.arrived();
    items[1]?.receipt.failed(new IovError('FILE_INVALID', 'its reason is in the dead letters'));
    items[2]?.receipt.failed(new IovError('FILE_UNREADABLE', 'disk full: the run breaks, and begins again'));
    await client.close();
    await first.stop();
    const second = await box(root, { handled }, store);
    const again = [await second.next(), await second.next()];
    t.same(
      again.map(({ value }) => value.name).sort(),
      files.slice(2).map(({ name }) => name),
      handled,
    );
    for (const { receipt } of again) receipt.arrived();
    await second.stop();
    const left = (await readdir(join(root, 'oem1'))).filter((name) => !name.endsWith('.tmp')).sort();
    const kept = files.filter((_, index) => index !== 1).map(({ name }) => name);
    t.same(left, [...(handled === 'keep' ? kept : []), 'refused']);
    const [refused = ''] = await readdir(join(root, 'oem1/refused'));
    t.ok(refused.endsWith(`_${files[1]?.name}`), 'a failed file is out of the way');
    t.ok((await readFile(join(root, 'oem1/refused', refused))).equals(files[1]!.content), 'and keeps its bytes');
    const log = keptLog();
    const third = await box(root, { handled }, store, log);
    await third.stop();
    t.match(log.lines, [{ message: 'the drop box listens', fields: { waiting: 0 } }]);
    await rm(root, { recursive: true });
  }
});

t.test('under the name of a refused file another comes; what was refused is seen by nobody', async (t) => {
  const root = t.testdir();
  const running = await box(root);
  const client = await sftpClient(oem1(running));
  t.teardown(() => Promise.all([client.close(), running.stop()]));
  const [wrong] = (await outbox(join(root, 'a'), 1, 5_000)) as [LocalFile];
  const [right] = (await outbox(join(root, 'b'), 1, 5_000)) as [LocalFile];
  await client.deliver(wrong, '/', wrong.name, silent);
  (await running.next()).receipt.failed(new IovError('FILE_INVALID', 'wrong'));
  await until('its name is free', async () => (await readdir(join(root, 'oem1'))).join() === 'refused');
  const { output } = await batch(running, root, ['ls -1a', '-ls refused', '-cd refused']);
  t.notMatch(output.replaceAll(/sftp> .*|Can't .*/g, ''), /refused|KH_/);
  await client.deliver(right, '/', right.name, silent);
  t.equal((await running.next()).value.sm3, sm3Hex(right.content));
});

t.test('contracts that another pipeline refuses make room in the drop box, too', async (t) => {
  const { store, path } = await testStore(t);
  const root = join(path, '../in');
  const running = await box(root, { except: ['HT_*'] });
  const client = await sftpClient(oem1(running));
  const options = { directory: join(root, '{login}'), match: ['HT_*'], pollMs: 20 };
  const watch = await watching(directoryWatch, options, bareContext({ directory: root, store }));
  t.teardown(() => Promise.all([client.close(), running.stop(), watch.stop()]));
  const [wrong] = (await outbox(join(root, '../a'), 1, 5_000)) as [LocalFile];
  const [right] = (await outbox(join(root, '../b'), 1, 5_000)) as [LocalFile];
  const name = 'HT_CMD-7_LSV1.bin';
  await client.deliver(wrong, '/', name, silent);
  (await watch.next()).receipt.failed(new IovError('FILE_INVALID', 'nobody asked for these contracts'));
  await until('its name is free', async () => (await readdir(join(root, 'oem1'))).join() === 'refused');
  await client.deliver(right, '/', name, silent);
  const item = await watch.next();
  t.match(item, { origin: `oem1/${name}`, value: { sm3: sm3Hex(right.content) } });
});

t.test('keys that cannot be read are told at once', async (t) => {
  const root = t.testdir();
  await mkdir(root, { recursive: true });
  await t.rejects(box(root, { hostKey: 'none' }), {
    code: 'CONFIG_INVALID',
    message: /hostKey: expected a private key/,
  });
  await t.rejects(box(root, { logins: [{ username: 'a', publicKey: 'x' }] }), {
    code: 'CONFIG_INVALID',
    message: /login a: publicKey/,
  });
});
