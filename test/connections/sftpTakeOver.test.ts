import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { FileRow } from '../../contract/store.js';
import { spec } from '../../sinks/sftp.js';
import { bareContext } from '../support/bareContext.js';
import { FaultProxy } from '../support/faultProxy.js';
import { handedLanes } from '../support/handedLanes.js';
import { type OpenSsh, startOpenSsh } from '../support/openssh.js';
import { ledgerSteps, packedItem } from '../support/packedFile.js';
import { type LocalFile, outbox, sftpClient } from '../support/sftpClient.js';
import { within } from '../support/within.js';

const MS = 60_000;
const ssh = await startOpenSsh();
if (ssh) t.teardown(() => ssh.stop());
const plain = await startOpenSsh({ mode: 'plain-rename' });
if (plain) t.teardown(() => plain.stop());
const skip = ssh && plain ? false : 'no OpenSSH server here (apt-get install openssh-server)';

/** The sink of a machine that has the lane, to a folder of its own on the server, with what its ledger knows. */
async function machine(t: Test, server: OpenSsh, known?: Partial<FileRow>) {
  const proxy = await FaultProxy.start(server);
  const { lanes, users, give } = handedLanes(1, [0]);
  const regulator = await sftpClient({ ...server, port: proxy.port }, { lanes });
  t.teardown(() => Promise.all([regulator.close(), proxy.stop()]));
  const store = { ...ledgerSteps(), file: () => known as FileRow | undefined };
  const directory = join(server.directory, t.name.replace(/\W+/g, '-'));
  mkdirSync(directory);
  const options = { on: 'regulator', directory };
  const sink = await spec.create(options, bareContext({ directory: '/', store, connections: { regulator } }));
  return { proxy, users, give, store, sink, remote: ({ name }: LocalFile) => join(directory, name) };
}

t.test('a file whose lane comes from a machine that died', { skip }, async (t) => {
  if (!ssh || !plain) return;
  const newFile = async (t: Test, bytes = 500_000) => (await outbox(t.testdir({}), 1, bytes))[0] as LocalFile;

  t.test('it was delivered there, and its note is lost: it is found, and not sent again', async (t) => {
    const { sink, store, proxy, remote } = await machine(t, ssh);
    const file = await newFile(t);
    await writeFile(remote(file), file.content);
    await writeFile(`${remote(file)}.tmp`, 'what another attempt left');
    await sink.write(packedItem(file, 'packed'));
    t.match(store.steps, [/^delivered /]);
    t.ok(proxy.bytes < file.bytes / 2, 'nothing of it is sent');
    t.notOk(existsSync(`${remote(file)}.tmp`));
  });

  t.test('one of another size under its name is no delivery', async (t) => {
    const { sink, store, remote } = await machine(t, ssh);
    const file = await newFile(t);
    await writeFile(remote(file), 'short');
    await sink.write(packedItem(file, 'packed'));
    t.match(store.steps, [/^uploading /, /^delivered /]);
    t.ok((await readFile(remote(file))).equals(file.content));
  });

  t.test('one that is to be delivered once more is sent, whatever is there', async (t) => {
    const { sink, store, remote } = await machine(t, ssh, { remotePath: '/upload/as/before' });
    const file = await newFile(t);
    await writeFile(remote(file), Buffer.alloc(file.bytes));
    await sink.write(packedItem(file, 'planned'));
    t.match(store.steps, [/^uploading /, /^delivered /]);
    t.ok((await readFile(remote(file))).equals(file.content));
  });

  t.test('a server that replaces nothing has it already when ours is whole: that counts', async (t) => {
    const { sink, store, proxy, remote } = await machine(t, plain);
    const file = await newFile(t, 2_000_000);
    proxy.on('bytes', (bytes) => {
      if (bytes > 1_000_000 && !existsSync(remote(file))) writeFileSync(remote(file), file.content);
    });
    await sink.write(packedItem(file, 'packed'));
    t.match(store.steps, [/^uploading /, /^delivered /]);
    t.notOk(existsSync(`${remote(file)}.tmp`));

    const other = { ...file, name: file.name.replace('000001', '000002') };
    proxy.bytes = 0;
    proxy.removeAllListeners('bytes').on('bytes', (bytes) => {
      if (bytes > 1_000_000) writeFileSync(remote(other), 'of another size');
    });
    await writeFile(file.localPath, file.content);
    await t.rejects(sink.write(packedItem(other, 'packed')), {
      code: 'SFTP_REFUSED',
      message: /is there already \(15/,
    });
    await rm(`${remote(other)}.tmp`, { force: true });
  });

  t.test('a connection that is made while the lane goes is closed before it has gone', async (t) => {
    const { sink, proxy, users, give } = await machine(t, ssh);
    proxy.delayMs = 20; // so that making it, and saying goodbye, take a while
    const connected = once(proxy, 'connected');
    const writing = Promise.resolve(sink.write(packedItem(await newFile(t), 'packed')));
    const written = t.rejects(writing, { code: 'LANE_LOST' });
    await within(MS, 'a connection', connected);
    give([]);
    await within(MS, 'the lane', Promise.all([...users].map((user) => user.vacate(new AbortController().signal))));
    t.equal(proxy.open, 0);
    await within(MS, 'the refusal', written);
  });
});
