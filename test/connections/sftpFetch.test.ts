import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { SftpConnection } from '../../connections/sftpConnection.js';
import type { RemoteEntry } from '../../connections/sftpSession.js';
import { keptLog } from '../support/bareContext.js';
import { FaultProxy } from '../support/faultProxy.js';
import { type OpenSsh, startOpenSsh } from '../support/openssh.js';
import { sftpClient } from '../support/sftpClient.js';

const server = await startOpenSsh();
const skip = server ? false : 'no OpenSSH server here (apt-get install openssh-server)';

t.test('listing, fetching and removing on a real OpenSSH', { skip }, async (t) => {
  if (!server) return;
  t.teardown(() => server.stop());
  await tests(t, server);
});

async function tests(t: Test, openssh: OpenSsh): Promise<void> {
  const { signal } = new AbortController();
  const { directory } = openssh;
  t.afterEach(async () => {
    for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true });
  });
  const put = async (name: string, content: Buffer | string) => {
    const path = join(directory, name);
    await writeFile(path, content);
    const { size, mtimeMs } = await stat(path);
    return { path, seen: { size, mtimeMs: 1_000 * Math.floor(mtimeMs / 1_000) } };
  };
  const listed = async (client: SftpConnection, path = directory) => {
    const files: RemoteEntry[] = [];
    await client.list(path, (file) => void files.push(file), signal);
    return files.sort((a, b) => (a.name < b.name ? -1 : 1));
  };
  /** A client behind a proxy, and a folder to fetch into. */
  const behindProxy = async (t: Test, changes: object = {}) => {
    const proxy = await FaultProxy.start(openssh);
    const log = keptLog();
    const client = await sftpClient({ ...openssh, port: proxy.port }, changes, log);
    t.teardown(() => Promise.all([client.close(), proxy.stop()]));
    return { proxy, log, client, folder: t.testdir({}) };
  };

  t.test('only regular files are listed, with size and time', async (t) => {
    const { client } = await behindProxy(t);
    const { seen } = await put('a.bin', 'abc');
    await put('b.bin.tmp', '');
    await mkdir(join(directory, 'folder'));
    await symlink('/etc/passwd', join(directory, 'link.bin'));
    t.match(await listed(client), [
      { name: 'a.bin', ...seen },
      { name: 'b.bin.tmp', size: 0 },
    ]);
    t.equal((await listed(client)).length, 2);
    await Promise.all(Array.from({ length: 1_500 }, (_, at) => put(`many-${at}.bin`, '')));
    t.equal((await listed(client)).length, 1_502, 'several pages');
  });

  t.test('a file is fetched with its bytes, and leaves no .tmp', async (t) => {
    for (const changes of [{}, { window: 1 }, { chunkBytes: 261_120, window: 3 }, { chunkBytes: 1_024 }]) {
      const client = await sftpClient(openssh, changes);
      const folder = t.testdir({});
      for (const bytes of [0, 1, 32_768, 700_001]) {
        const content = randomBytes(bytes);
        const { path, seen } = await put('a.bin', content);
        t.equal(await client.fetch(path, seen, join(folder, 'a.bin'), signal), true);
        t.ok((await readFile(join(folder, 'a.bin'))).equals(content), `${bytes} bytes, ${JSON.stringify(changes)}`);
      }
      t.same(await readdir(folder), ['a.bin']);
      await client.close();
    }
  });

  t.test('what is gone or has changed since it was seen is not fetched, and costs no connection', async (t) => {
    const { client, proxy, folder } = await behindProxy(t, { connections: 1 });
    const { path, seen } = await put('a.bin', 'abc');
    const local = join(folder, 'a.bin');
    t.equal(await client.fetch(join(directory, 'gone.bin'), seen, local, signal), false);
    t.equal(await client.fetch(path, { ...seen, size: 4 }, local, signal), false);
    t.equal(await client.fetch(path, { ...seen, mtimeMs: 0 }, local, signal), false);
    await client.remove(join(directory, 'gone.bin'), seen, signal);
    await client.remove(path, { ...seen, mtimeMs: 0 }, signal);
    t.ok(existsSync(path), 'what has changed is not removed');
    await t.rejects(listed(client, join(directory, 'missing')), {
      code: 'SFTP_REFUSED',
      message: /opendir .*missing: no such file or directory/,
    });
    t.same(await readdir(folder), []);
    t.equal(await client.fetch(path, seen, local, signal), true);
    await client.remove(path, seen, signal);
    t.notOk(existsSync(path));
    t.equal(proxy.total, 1);
  });

  t.test('a connection that is cut in the middle of a fetch is replaced, and the file comes whole', async (t) => {
    const { client, proxy, folder, log } = await behindProxy(t);
    const content = randomBytes(3_000_000);
    const { path, seen } = await put('a.bin', content);
    let replies = 0;
    const local = join(folder, 'a.bin');
    proxy.swallowReply = () => {
      replies += 1;
      if (proxy.total > 1) return false;
      t.notOk(existsSync(local), 'no final name before it is whole');
      return existsSync(`${local}.tmp`) && replies > 20;
    };
    t.equal(await client.fetch(path, seen, local, signal), true);
    t.ok((await readFile(local)).equals(content));
    t.equal(proxy.cuts, 1);
    t.match(log.lines, [{ level: 'warn', fields: { file: 'a.bin', attempt: 1 }, message: /a fetch broke/ }]);
    t.same(await readdir(folder), ['a.bin']);
  });

  t.test('a file that goes away while its fetch is broken leaves nothing of it here', async (t) => {
    const { client, proxy, folder, log } = await behindProxy(t);
    const { path, seen } = await put('a.bin', randomBytes(3_000_000));
    const local = join(folder, 'a.bin');
    let replies = 0;
    proxy.swallowReply = () => {
      replies += 1;
      return proxy.total === 1 && existsSync(`${local}.tmp`) && replies > 20;
    };
    log.warn = () => rmSync(path);
    t.equal(await client.fetch(path, seen, local, signal), false);
    t.equal(proxy.cuts, 1);
    t.same(await readdir(folder), []);
  });

  t.test('a server that falls silent passes the deadline, in a listing and in a fetch', async (t) => {
    const { client, proxy, folder, log } = await behindProxy(t, { operationTimeoutMs: 4_000 });
    const { path, seen } = await put('a.bin', randomBytes(1_000_000));
    await listed(client);
    proxy.stalled = true;
    proxy.on('connection', () => {
      proxy.stalled = false;
    });
    t.equal((await listed(client)).length, 1);
    proxy.stalled = true;
    t.equal(await client.fetch(path, seen, join(folder, 'a.bin'), signal), true);
    t.equal(proxy.total, 3);
    const late = { code: 'SFTP_TIMEOUT', reason: /no reply within 4000 ms/ };
    t.match(log.lines, [
      { fields: late, message: /a listing broke/ },
      { fields: late, message: /a fetch broke/ },
    ]);
  });

  t.test('many fetches at once share the connections that there are', async (t) => {
    const { client, proxy, folder } = await behindProxy(t, { connections: 2 });
    const files = await Promise.all(Array.from({ length: 12 }, (_, at) => put(`${at}.bin`, randomBytes(50_000))));
    const fetched = files.map(({ path, seen }, at) => client.fetch(path, seen, join(folder, `${at}.bin`), signal));
    t.ok((await Promise.all(fetched)).every(Boolean));
    t.equal(proxy.most, 2);
  });

  t.test('an abort ends what is under way', async (t) => {
    const { client, proxy, folder } = await behindProxy(t);
    const { path, seen } = await put('a.bin', 'abc');
    await utimes(path, 1, 1);
    proxy.stalled = true;
    const abort = new AbortController();
    proxy.once('connection', () => abort.abort());
    await t.rejects(client.fetch(path, seen, join(folder, 'a.bin'), abort.signal), { code: 'STOPPED' });
  });
}
