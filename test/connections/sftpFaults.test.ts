import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { SftpConnection } from '../../connections/sftpConnection.js';
import { IovError } from '../../contract/error.js';
import { keptLog } from '../support/bareContext.js';
import { FaultProxy, seeded } from '../support/faultProxy.js';
import { type OpenSsh, startOpenSsh } from '../support/openssh.js';
import { type LocalFile, outbox, sftpClient } from '../support/sftpClient.js';

const SEED = 20_220_035;
const server = await startOpenSsh();
const skip = server ? false : 'no OpenSSH server here (apt-get install openssh-server)';

t.test('delivery to a real OpenSSH over a bad line', { skip }, async (t) => {
  if (!server) return;
  t.teardown(() => server.stop());
  await tests(t, server);
});

async function tests(t: Test, openssh: OpenSsh): Promise<void> {
  const signal = new AbortController().signal;
  const deliver = (client: SftpConnection, file: LocalFile, resumed = false) =>
    client.deliver(file, openssh.directory, file.name, {
      resumed: () => resumed,
      onUploading: async () => undefined,
      signal,
    });
  const received = (name: string) => readFile(join(openssh.directory, name));
  const leftovers = async () => (await readdir(openssh.directory)).filter((name) => name.endsWith('.tmp'));
  const clear = async () => {
    for (const name of await readdir(openssh.directory)) await rm(join(openssh.directory, name));
  };
  const proxied = async (port: number) => ({ ...openssh, port });

  t.afterEach(clear);

  t.test('a whole .tmp of these bytes is written over, never cut short: a late rename finds all of it', async (t) => {
    const proxy = await FaultProxy.start(openssh);
    const client = await sftpClient(await proxied(proxy.port));
    t.teardown(() => Promise.all([client.close(), proxy.stop()]));
    const [file] = (await outbox(t.testdir(), 1, 2_000_000)) as [LocalFile];
    const tmp = join(openssh.directory, `${file.name}.tmp`);
    await writeFile(tmp, file.content);
    const sizes = new Set<number | undefined>();
    proxy.on('bytes', () => sizes.add(statSync(tmp, { throwIfNoEntry: false })?.size));
    await deliver(client, file, true);
    sizes.delete(undefined); // once renamed
    t.same([...sizes], [file.bytes]);
    t.ok(proxy.bytes > file.bytes, 'it was sent again');
    await writeFile(tmp, Buffer.alloc(file.bytes));
    await deliver(client, file);
    t.ok(sizes.has(0), 'control: what other bytes left is dropped');
  });

  t.test('a stalled peer passes the deadline, its connection is replaced, and the file arrives', async (t) => {
    const proxy = await FaultProxy.start(openssh);
    const log = keptLog();
    const client = await sftpClient(await proxied(proxy.port), { operationTimeoutMs: 5_000 }, log);
    t.teardown(() => Promise.all([client.close(), proxy.stop()]));
    const [file] = (await outbox(t.testdir(), 1, 4_000_000)) as [LocalFile];
    proxy.on('bytes', (bytes) => {
      if (proxy.total === 1 && bytes > 1_000_000) proxy.stalled = true;
    });
    proxy.on('connection', () => {
      proxy.stalled = false;
    });
    await deliver(client, file);
    t.ok((await received(file.name)).equals(file.content));
    t.equal(proxy.total, 2);
    t.match(log.lines, [{ level: 'warn', fields: { code: 'SFTP_TIMEOUT', reason: /no reply within 5000 ms/ } }]);
  });

  t.test('a rename whose reply is lost is settled by looking, not by sending again', async (t) => {
    const proxy = await FaultProxy.start(openssh);
    const client = await sftpClient(await proxied(proxy.port));
    t.teardown(() => Promise.all([client.close(), proxy.stop()]));
    const [file] = (await outbox(t.testdir(), 1, 500_000)) as [LocalFile];
    proxy.swallowReply = () => proxy.total === 1 && existsSync(join(openssh.directory, file.name));
    await deliver(client, file);
    t.equal(proxy.cuts, 1, 'the reply was swallowed');
    t.equal(proxy.total, 2);
    t.ok(proxy.bytes < 1.5 * file.bytes, `${proxy.bytes} bytes went out`);
    t.ok((await received(file.name)).equals(file.content));
    t.same(await leftovers(), []);
  });

  t.test('a server that is away is tried again until it is back; every fifth attempt alarms', async (t) => {
    const proxy = await FaultProxy.start(openssh);
    const log = keptLog();
    const client = await sftpClient(
      await proxied(proxy.port),
      { replaceAfterMs: 0, delayMsMin: 1, delayMsMax: 5 },
      log,
    );
    t.teardown(() => Promise.all([client.close(), proxy.stop()]));
    proxy.cutAfter = () => (proxy.total < 6 ? 1 : Number.POSITIVE_INFINITY);
    const [file] = (await outbox(t.testdir(), 1, 10)) as [LocalFile];
    await deliver(client, file);
    t.same(
      log.lines.map(({ level }) => level),
      ['warn', 'warn', 'warn', 'warn', 'error', 'warn'],
    );
    t.ok((await received(file.name)).equals(file.content));
  });

  t.test('an abort ends a delivery at once, also one that waits for a connection', async (t) => {
    const proxy = await FaultProxy.start(openssh);
    const client = await sftpClient(await proxied(proxy.port), { connections: 1 });
    t.teardown(() => Promise.all([client.close(), proxy.stop()]));
    const abort = new AbortController();
    const files = await outbox(t.testdir(), 3, 5_000_000);
    proxy.on('bytes', (bytes) => {
      if (bytes > 1_000_000) abort.abort();
    });
    const outcomes = files.map((file) =>
      client
        .deliver(file, openssh.directory, file.name, { onUploading: async () => undefined, signal: abort.signal })
        .catch(IovError.from),
    );
    for (const outcome of await Promise.all(outcomes)) t.match(outcome, { code: 'STOPPED' });
    t.notOk(existsSync(join(openssh.directory, files[0]?.name ?? '')), 'no final name');
  });

  t.test(`kill -9 in the middle, then once more: the same bytes (seed ${SEED})`, async (t) => {
    const [file] = (await outbox(t.testdir(), 1, 3_000_000)) as [LocalFile];
    const child = fileURLToPath(new URL('../support/deliverOnce.js', import.meta.url));
    const random = seeded(SEED);
    let killed = 0;
    for (let round = 0; round < 4; round += 1) {
      const proxy = await FaultProxy.start(openssh);
      const { host, username, hostKey, privateKey, directory } = openssh;
      const job = JSON.stringify({
        server: { host, port: proxy.port, username, hostKey, privateKey },
        file,
        directory,
      });
      const running = spawn(process.execPath, [child], { stdio: ['pipe', 'ignore', 'inherit'] });
      const limit = 5_000 + Math.floor(random() * 3_100_000);
      proxy.on('bytes', (bytes) => {
        if (bytes > limit) running.kill('SIGKILL');
      });
      running.stdin.end(job);
      const [, killedBy] = (await once(running, 'exit')) as [number | null, string | null];
      if (killedBy === 'SIGKILL') killed += 1;
      await proxy.stop();
      const final = join(openssh.directory, file.name);
      if (existsSync(final)) t.ok((await readFile(final)).equals(file.content), 'a final name means the whole file');
    }
    t.ok(killed >= 3, `${killed} of 4 were killed`);
    const client = await sftpClient(openssh);
    t.teardown(() => client.close());
    await deliver(client, file, true);
    t.ok((await received(file.name)).equals(file.content));
    t.same(await leftovers(), []);
  });

  t.test(
    `never more than 20 connections while 200 files wait and connections are cut at random (seed ${SEED})`,
    async (t) => {
      const proxy = await FaultProxy.start(openssh);
      const [random, when] = [seeded(SEED), seeded(SEED + 1)];
      // so long that sshd has noticed, also where it waits for a processor
      const patient = { replaceAfterMs: 1_500, idleTimeoutMs: 600_000 };
      const [client, second] = [
        await sftpClient(await proxied(proxy.port), patient),
        await sftpClient(await proxied(proxy.port), patient),
      ];
      t.teardown(() => Promise.all([client.close(), second.close(), proxy.stop()]));
      let mostAtServer = 0;
      let partial = 0;
      const files = await outbox(t.testdir(), 200, 120_000);
      let looks = 0;
      const deliverAll = (some: readonly LocalFile[]) =>
        Promise.all(some.map((file, index) => deliver(index % 2 ? client : second, file)));
      const look = () => {
        looks += 1;
        mostAtServer = Math.max(mostAtServer, openssh.connections() ?? 0);
        for (const name of readdirSync(openssh.directory)) {
          if (!name.endsWith('.tmp') && statSync(join(openssh.directory, name)).size !== 120_000) partial += 1;
        }
      };
      proxy.on('connected', look).on('cut', look);
      proxy.on('bytes', () => {
        if (when() < 0.02) look();
      });
      await deliverAll(files.slice(0, 20));
      if (openssh.connections() !== undefined) t.equal(openssh.connections(), 20, 'the cap is reached at the server');
      await clear();
      proxy.cutAfter = () => (proxy.cuts < 40 ? 20_000 + Math.floor(random() * 700_000) : Number.POSITIVE_INFINITY);
      proxy.cutAll();
      proxy.cuts = 0;
      await deliverAll(files);
      for (const file of files) if (!(await received(file.name)).equals(file.content)) t.fail(`${file.name} differs`);
      t.same(await leftovers(), []);
      t.equal((await readdir(openssh.directory)).length, 200);
      t.equal(partial, 0, 'a final name never had another size');
      t.ok(proxy.cuts >= 40, `${proxy.cuts} cuts`);
      t.equal(proxy.most, 20, 'the cap was reached at the proxy, and not passed');
      t.ok(mostAtServer <= 20, `the server held ${mostAtServer} at most`);
      t.comment(
        `${proxy.total} connections, ${proxy.cuts} cut; at most ${proxy.most} at the proxy, ${mostAtServer} at sshd in ${looks} looks`,
      );
    },
  );

  t.test(
    'control: the count of the server’s connections does pass 20 when two pools do not know of each other',
    async (t) => {
      if (openssh.connections() === undefined)
        return t.comment('SKIP: an offered server does not tell its connections');
      const lasting = { idleTimeoutMs: 600_000 };
      const clients = [
        await sftpClient(openssh, lasting),
        await sftpClient({ ...openssh, host: 'localhost' }, lasting),
      ];
      t.teardown(() => Promise.all(clients.map((client) => client.close())));
      const files = await outbox(t.testdir(), 40, 1_000);
      await Promise.all(files.map((file, index) => deliver(clients[index % 2] as SftpConnection, file)));
      t.ok((openssh.connections() ?? 0) > 20, `${openssh.connections()} connections`);
    },
  );
}
