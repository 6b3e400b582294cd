import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { readdir, readFile, readlink, stat, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { SftpSession } from '../../connections/sftpSession.js';
import { loadSsh2, type SFTPWrapper } from '../../connections/ssh2.js';
import { IovError } from '../../contract/error.js';
import { keptLog } from '../support/bareContext.js';
import { type Keys, makeKey, positions, type RunningBox, sftpBatch, startBox } from '../support/dropBox.js';
import { FaultProxy, seeded } from '../support/faultProxy.js';
import { type LocalFile, outbox, sftpClient } from '../support/sftpClient.js';
import { until } from '../support/until.js';

const SEED = 42;
const keyDirectory = t.testdir();
const [hostKey, oemKey, otherKey] = (await Promise.all(
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
/** What this process has open. */
async function openPaths(): Promise<string[]> {
  const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
  return Promise.all(links);
}
const TIMES = { connectTimeoutMs: 30_000, operationTimeoutMs: 30_000, keepaliveMs: 15_000 };
const silent = { onUploading: async () => undefined, signal };

t.test('the 21st connection of a login is refused and counted, the other twenty go on', async (t) => {
  const root = t.testdir();
  const log = keptLog();
  const running = await box(root, {}, positions(), log);
  const proxy = await FaultProxy.start({ host: '127.0.0.1', port: running.source.port });
  const direct = await sftpClient(oem1(running), { idleTimeoutMs: 600_000 });
  const other = await sftpClient({ ...oem1(running), port: proxy.port }, { connections: 1 });
  t.teardown(async () => {
    await Promise.all([direct.close(), other.close()]);
    await proxy.stop();
    await running.stop();
  });
  const files = await outbox(join(root, 'out'), 21, 1_000);
  await Promise.all(files.slice(0, 20).map((file) => direct.deliver(file, '/', file.name, silent)));
  t.equal(running.source.refused, 0, 'twenty are within the cap');
  const last = files[20] as LocalFile;
  const abort = new AbortController();
  const delivering = other.deliver(last, '/', last.name, { ...silent, signal: abort.signal }).catch(IovError.from);
  await once(proxy, 'connection');
  while (running.source.refused === 0) await once(proxy, 'connected');
  t.notOk(existsSync(join(root, 'oem1', last.name)));
  t.ok(log.lines.some(({ message }) => /as many connections as it may/.test(message)));
  await direct.deliver(files[0] as LocalFile, '/', 'again.bin', silent);
  await direct.close();
  t.match(await delivering, { remotePath: `/${last.name}` }, 'it gets in once there is room');
});

t.test(`twenty lanes that are cut at random are never one too many for the server (seed ${SEED})`, async (t) => {
  const root = t.testdir();
  const running = await box(root);
  const proxy = await FaultProxy.start({ host: '127.0.0.1', port: running.source.port });
  const random = seeded(SEED);
  proxy.cutAfter = () => (random() < 0.6 ? 20_000 + Math.floor(random() * 500_000) : Number.POSITIVE_INFINITY);
  const client = await sftpClient({ ...oem1(running), port: proxy.port });
  t.teardown(async () => {
    await client.close();
    await proxy.stop();
    await running.stop();
  });
  const files = await outbox(join(root, 'out'), 80, 60_000);
  await Promise.all(files.map((file) => client.deliver(file, '/', file.name, silent)));
  for (const file of files)
    if (!(await readFile(join(root, 'oem1', file.name))).equals(file.content)) t.fail(file.name);
  const names = new Set<string>();
  for (let i = 0; i < files.length; i += 1) names.add((await running.next()).value.name);
  t.equal(names.size, 80, 'each came once');
  t.equal(running.source.refused, 0);
  t.ok(proxy.cuts >= 5, `${proxy.cuts} cuts`);
});

t.test('a rename whose reply is lost is settled by looking here, too, where there is no posix-rename', async (t) => {
  const root = t.testdir();
  const running = await box(root);
  const proxy = await FaultProxy.start({ host: '127.0.0.1', port: running.source.port });
  const client = await sftpClient({ ...oem1(running), port: proxy.port });
  t.teardown(async () => {
    await client.close();
    await proxy.stop();
    await running.stop();
  });
  const [file] = (await outbox(join(root, 'out'), 1, 300_000)) as [LocalFile];
  proxy.swallowReply = () => proxy.total === 1 && existsSync(join(root, 'oem1', file.name));
  await client.deliver(file, '/', file.name, silent);
  t.equal(proxy.cuts, 1);
  t.ok(proxy.bytes < 450_000);
  t.equal((await running.next()).value.name, file.name);
});

t.test('wrong keys, wrong passwords and strangers are refused, and a connection has so many attempts', async (t) => {
  const root = t.testdir();
  const running = await box(root, { authAttempts: 2 });
  t.teardown(() => running.stop());
  const [file] = (await outbox(join(root, 'out'), 1, 10)) as [LocalFile];
  const { privateKey: _, ...byPassword } = oem1(running);
  const wrong = [
    { ...oem1(running), privateKey: otherKey.privateKey },
    { ...oem1(running), username: 'nobody' },
    { ...byPassword, username: 'oem2', password: 'a passwore' },
    { ...byPassword, username: 'oem1', password: '' },
  ];
  for (const login of wrong) {
    const client = await sftpClient(login);
    await t.rejects(client.deliver(file, '/', file.name, silent), { code: 'SFTP_REFUSED', message: /login refused/ });
    await client.close();
  }
  t.equal((await batch(running, root, ['ls'], otherKey)).code, 255);
});

t.test('when too many files wait, a rename is put off until there is room', async (t) => {
  const root = t.testdir();
  const running = await box(root, { waitingMax: 1 });
  const log = keptLog();
  const client = await sftpClient(oem1(running), { delayMsMin: 1, delayMsMax: 20 }, log);
  t.teardown(() => Promise.all([client.close(), running.stop()]));
  const [first, second] = (await outbox(join(root, 'out'), 2, 10)) as [LocalFile, LocalFile];
  await client.deliver(first, '/', first.name, silent);
  const warn = log.warn;
  const putOff = new Promise<void>((resolve) => {
    log.warn = (fields, message) => {
      warn(fields, message);
      resolve();
    };
  });
  const delivering = client.deliver(second, '/', second.name, silent);
  await putOff;
  t.match(log.lines[0], { fields: { reason: /too many files wait/ } });
  t.equal((await running.next()).value.name, first.name);
  await delivering;
  t.equal((await running.next()).value.name, second.name);
});

t.test(
  'bounds: a file too large, too many handles, a login that does not come, a sender that falls silent',
  async (t) => {
    const root = t.testdir();
    const running = await box(root, { fileBytesMax: 1_000 });
    const log = keptLog();
    const client = await sftpClient(oem1(running), { delayMsMin: 1, delayMsMax: 5 }, log);
    t.teardown(() => Promise.all([client.close(), running.stop()]));
    const few = await box(join(root, 'few'), { openHandlesMax: 2 });
    const settings = { ...oem1(few), ...TIMES };
    const session = await SftpSession.open(settings, signal);
    await session.openForWriting('a.tmp', true);
    const second = await session.openForWriting('b.tmp', true);
    await t.rejects(session.openForWriting('c.tmp', true), { code: 'SFTP_FAILED', message: /at most 2 open files/ });
    await session.closeHandle(second);
    await session.openForWriting('c.tmp', true);
    await session.end();
    await few.stop();
    const [small, large] = [
      (await outbox(join(root, 'a'), 1, 1_000))[0],
      (await outbox(join(root, 'b'), 1, 1_001))[0],
    ] as [LocalFile, LocalFile];
    await client.deliver(small, '/', 'small.bin', silent);
    const abort = new AbortController();
    const warn = log.warn;
    log.warn = (fields, message) => {
      warn(fields, message);
      abort.abort();
    };
    await t.rejects(client.deliver(large, '/', 'large.bin', { ...silent, signal: abort.signal }), { code: 'STOPPED' });
    t.match(log.lines, [{ fields: { code: 'SFTP_FAILED', reason: /expected at most 1000 bytes/ } }]);
    const hasty = await box(join(root, 'hasty'), { loginTimeoutMs: 200 });
    t.teardown(() => hasty.stop());
    const stranger = connect(hasty.source.port, '127.0.0.1').resume();
    await once(stranger, 'close');
    t.pass('a connection that does not log in is closed');
    const restless = await box(join(root, 'restless'), { idleTimeoutMs: 1_000 });
    const proxy = await FaultProxy.start({ host: '127.0.0.1', port: restless.source.port });
    const quiet = await sftpClient({ ...oem1(restless), port: proxy.port }, { idleTimeoutMs: 600_000 });
    t.teardown(async () => {
      await quiet.close();
      await proxy.stop();
      await restless.stop();
    });
    await quiet.deliver(small, '/', 'quiet.bin', silent);
    await until('an idle one is closed, too', () => proxy.open === 0);
  },
);

t.test('a file that is opened for a sender who has gone by then is closed', async (t) => {
  const root = t.testdir();
  const running = await box(root);
  t.teardown(() => running.stop());
  const final = join(root, 'oem1', 'large.bin');
  const tmp = `${final}.tmp`;
  for (const path of [final, tmp]) {
    await writeFile(path, '');
    await truncate(path, 300_000_000); // so much is compared before its name has another turn
  }
  const settings = { ...oem1(running), ...TIMES };
  const session = await SftpSession.open(settings, signal);
  const asked = [session.rename('large.bin.tmp', 'large.bin'), session.openForWriting('large.bin.tmp', true)];
  const failed = Promise.all(asked.map((each) => each.then(() => 'answered').catch(() => 'broken off')));
  // answered beside them; the first may go out before the file is opened, the second is behind it
  for (let looks = 0; looks < 2; looks += 1) await session.stat('large.bin');
  session.drop(new IovError('STOPPED', 'the sender goes'));
  t.same(await failed, ['broken off', 'broken off']);
  await until('the file is opened', async () => (await stat(tmp).catch(() => undefined))?.size === 0, { ms: 120_000 });
  await until('the file is closed', async () => !(await openPaths()).includes(tmp));
});

t.test('of a channel that is over nothing is kept, however many come over one connection', async (t) => {
  const running = await box(t.testdir());
  t.teardown(() => running.stop());
  const warnings: string[] = [];
  const keep = ({ name }: Error) => void warnings.push(name);
  process.on('warning', keep);
  t.teardown(() => process.off('warning', keep));
  const { Client } = await loadSsh2();
  const { hostKey: _, ...login } = oem1(running);
  const client = new Client();
  client.connect(login);
  await once(client, 'ready');
  for (let channels = 0; channels < 12; channels += 1) {
    const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
      client.sftp((error, opened) => (error ? reject(error) : resolve(opened)));
    });
    sftp.end();
    await once(sftp, 'close');
  }
  client.end();
  await once(client, 'close');
  t.same(warnings, []);
});

t.test('a .tmp that nobody completes is reported once', async (t) => {
  const root = t.testdir({ oem1: { 'half.bin.tmp': 'half', 'whole.bin': 'whole' } });
  const log = keptLog();
  const told = () => log.lines.filter(({ level }) => level === 'warn');
  const running = await box(root, { staleTmpMs: 20 }, positions(), log);
  t.teardown(() => running.stop());
  await until('the report', () => told().length > 0);
  writeFileSync(join(root, 'oem1', 'later.bin.tmp'), 'half'); // looked at beside the first one, once that has been told
  await until('the next report', () => told().length > 1);
  const fields = (name: string) => ({ file: `oem1/${name}.tmp`, bytes: 4, alarm: 'staleTmp' });
  t.match(told(), [{ fields: fields('half.bin'), message: /a file stays \.tmp/ }, { fields: fields('later.bin') }]);
  t.equal(told().length, 2);
});
