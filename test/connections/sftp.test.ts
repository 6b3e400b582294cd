import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { SftpConnection } from '../../connections/sftpConnection.js';
import { keptLog } from '../support/bareContext.js';
import { FaultProxy } from '../support/faultProxy.js';
import { type OpenSsh, startOpenSsh } from '../support/openssh.js';
import { type LocalFile, outbox, sftpClient } from '../support/sftpClient.js';

const _SEED = 20_220_035;
const server = await startOpenSsh();
const skip = server ? false : 'no OpenSSH server here (apt-get install openssh-server)';

t.test('delivery to a real OpenSSH', { skip }, async (t) => {
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

  t.test('a file arrives at a real OpenSSH with its bytes, and leaves no .tmp', async (t) => {
    const client = await sftpClient(openssh);
    t.teardown(() => client.close());
    for (const bytes of [0, 1, 32_768, 3_000_001]) {
      const [file] = (await outbox(join(t.testdir(), String(bytes)), 1, bytes)) as [LocalFile];
      let announced = 0;
      const { remotePath } = await client.deliver(file, openssh.directory, file.name, {
        onUploading: async () => {
          announced += 1;
        },
        signal,
      });
      t.equal(remotePath, join(openssh.directory, file.name));
      t.ok((await received(file.name)).equals(file.content), `${bytes} bytes`);
      t.equal(announced, 1);
    }
    t.same(await leftovers(), []);
  });

  t.test('a window of one write, and chunks larger than a packet, give the same bytes', async (t) => {
    for (const changes of [{ window: 1 }, { chunkBytes: 261_120, window: 3 }, { chunkBytes: 1_024 }]) {
      const client = await sftpClient(openssh, changes);
      const [file] = (await outbox(t.testdir(), 1, 700_001)) as [LocalFile];
      await deliver(client, file);
      t.ok((await received(file.name)).equals(file.content), JSON.stringify(changes));
      await client.close();
    }
  });

  t.test('a longer .tmp that somebody left, and a file of the same name, are replaced', async (t) => {
    const [file] = (await outbox(t.testdir(), 1, 100_000)) as [LocalFile];
    await writeFile(join(openssh.directory, `${file.name}.tmp`), Buffer.alloc(200_000));
    await writeFile(join(openssh.directory, file.name), 'old');
    const client = await sftpClient(openssh);
    t.teardown(() => client.close());
    await deliver(client, file);
    t.ok((await received(file.name)).equals(file.content));
    t.same(await leftovers(), []);
  });

  t.test('an upload that the ledger calls `uploading` and that had come to its end is not sent again', async (t) => {
    const proxy = await FaultProxy.start(openssh);
    const client = await sftpClient(await proxied(proxy.port));
    t.teardown(() => Promise.all([client.close(), proxy.stop()]));
    const [file] = (await outbox(t.testdir(), 1, 500_000)) as [LocalFile];
    await writeFile(join(openssh.directory, file.name), file.content);
    await deliver(client, file, true);
    t.ok(proxy.bytes < 50_000, 'only looked');
    await writeFile(join(openssh.directory, file.name), file.content.subarray(0, 9)); // control: another size is sent
    await deliver(client, file, true);
    t.ok(proxy.bytes > 500_000);
    t.ok((await received(file.name)).equals(file.content));
  });

  t.test('what the server refuses for good is not tried again, and says what to do', async (t) => {
    const [file] = (await outbox(t.testdir(), 1, 10)) as [LocalFile];
    const refuses = async (changes: object, directory: string, message: RegExp) => {
      const log = keptLog();
      const client = await sftpClient({ ...openssh, ...changes }, {}, log);
      const delivering = client.deliver(file, directory, file.name, { onUploading: async () => undefined, signal });
      await t.rejects(delivering, { code: 'SFTP_REFUSED', message });
      t.equal(log.lines.length, 0, 'no attempt but one');
      await client.close();
    };
    await refuses(
      {},
      join(openssh.directory, 'missing'),
      /no such file or directory.*missing does not exist there; create it/,
    );
    await refuses(
      { hostKey: `SHA256:${'A'.repeat(43)}` },
      openssh.directory,
      /expected the host key SHA256:AAA.*got ssh-ed25519 SHA256:.*ssh-keyscan/,
    );
    await refuses(
      { privateKey: await readFile(join(openssh.directory, '../host_key'), 'utf8') },
      openssh.directory,
      /login refused/,
    );
    await refuses({ privateKey: 'no key' }, openssh.directory, /the private key cannot be read/);
    const readOnly = await startOpenSsh({ mode: 'read-only' });
    if (!readOnly) return t.fail('no second server');
    t.teardown(() => readOnly.stop());
    await refuses(readOnly, readOnly.directory, /permission denied.*this login may not write into/);
    const client = await sftpClient(openssh);
    t.teardown(() => client.close());
    const gone = { ...file, localPath: join(t.testdirName, 'gone') };
    await t.rejects(deliver(client, gone), { code: 'FILE_UNREADABLE', message: /cannot read the file to deliver/ });
    await t.rejects(deliver(client, { ...file, bytes: 11 }), {
      code: 'FILE_UNREADABLE',
      message: /expected 11 bytes to deliver, the file has 10/,
    });
  });

  t.test('a refusal costs no connection', async (t) => {
    const proxy = await FaultProxy.start(openssh);
    const client = await sftpClient(await proxied(proxy.port), { connections: 1 });
    t.teardown(() => Promise.all([client.close(), proxy.stop()]));
    const [file] = (await outbox(t.testdir(), 1, 10)) as [LocalFile];
    const options = { onUploading: async () => undefined, signal };
    await t.rejects(client.deliver(file, join(openssh.directory, 'missing'), file.name, options), {
      code: 'SFTP_REFUSED',
    });
    await t.rejects(deliver(client, { ...file, bytes: 11 }), { code: 'FILE_UNREADABLE' });
    await deliver(client, file);
    t.equal(proxy.total, 1);
  });

  t.test('two connections to one server share one cap, the smaller, and must agree on the keys', async (t) => {
    const [wide, narrow] = [await sftpClient(openssh), await sftpClient(openssh, { connections: 2 })];
    t.teardown(() => Promise.all([wide.close(), narrow.close()]));
    t.same([wide.concurrency, narrow.concurrency], [2, 2]);
    await t.rejects(sftpClient({ ...openssh, hostKey: 'any' }), {
      code: 'CONFIG_INVALID',
      message: /different hostKey/,
    });
    const proxy = await FaultProxy.start(openssh);
    const pair = [
      await sftpClient(await proxied(proxy.port)),
      await sftpClient(await proxied(proxy.port), { connections: 2 }),
    ] as const;
    t.teardown(() => Promise.all([...pair.map((client) => client.close()), proxy.stop()]));
    await Promise.all(
      (await outbox(t.testdir(), 12, 1_000)).map((file, index) => deliver(pair[index % 2 ? 1 : 0], file)),
    );
    t.equal(proxy.most, 2);
    t.equal(proxy.total, 2, 'connections are used again');
  });
}
