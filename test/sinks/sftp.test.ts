import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { spec } from '../../sinks/sftp.js';
import { bareContext } from '../support/bareContext.js';
import { startOpenSsh } from '../support/openssh.js';
import { ledgerSteps, packedItem } from '../support/packedFile.js';
import { type LocalFile, outbox, sftpClient } from '../support/sftpClient.js';

const server = await startOpenSsh();
const skip = server ? false : 'no OpenSSH server here (apt-get install openssh-server)';

t.test('the sink sftp at a real OpenSSH', { skip }, async (t) => {
  if (!server) return;
  const regulator = await sftpClient(server);
  t.teardown(async () => {
    await regulator.close();
    await server.stop();
  });
  const store = ledgerSteps();
  const open = (directory: string) =>
    spec.create({ on: 'regulator', directory }, bareContext({ directory: '/', store, connections: { regulator } }));
  const sink = await open(server.directory);
  t.beforeEach(() => {
    store.steps.length = 0;
  });
  const remote = (file: LocalFile) => join(server.directory, file.name);

  t.test('a planned file: the ledger notes each step, and the file leaves the outbox', async (t) => {
    const [file] = (await outbox(t.testdir(), 1, 70_000)) as [LocalFile];
    await sink.write(packedItem(file, 'packed'));
    const base = file.name.replace('.bin', '');
    t.same(store.steps, [`uploading ${base}`, `delivered ${base} ${remote(file)}`]);
    t.ok((await readFile(remote(file))).equals(file.content));
    t.notOk(existsSync(file.localPath));
  });

  t.test('a delivered one costs nothing; one that was `uploading` and is there is only noted', async (t) => {
    const [file] = (await outbox(t.testdir(), 1, 10)) as [LocalFile];
    await rm(remote(file), { force: true });
    await sink.write(packedItem(file, 'delivered'));
    t.same(store.steps, []);
    t.notOk(existsSync(remote(file)));
    t.notOk(existsSync(file.localPath), 'what a crash left in the outbox is removed');
    await writeFile(remote(file), file.content);
    await writeFile(file.localPath, file.content);
    await sink.write(packedItem(file, 'uploading'));
    t.match(store.steps, [/^delivered /]);
  });

  t.test('a received file is noted too, which fulfils what is due, and stays with its source', async (t) => {
    const [file] = (await outbox(t.testdir(), 1, 10)) as [LocalFile];
    await rm(remote(file), { force: true });
    await sink.write(packedItem(file));
    t.match(store.steps, [/^delivered /]);
    t.ok(existsSync(file.localPath));

    store.steps.length = 0;
    await sink.write(packedItem(file)); // a crash came between the rename and our note of it
    t.match(store.steps, [/^delivered /], 'it is looked for, and not sent again');
  });

  t.test('a refused file fails its item and waits in the outbox', async (t) => {
    const [file] = (await outbox(t.testdir(), 1, 10)) as [LocalFile];
    const astray = await open(join(server.directory, 'missing'));
    await t.rejects(astray.write(packedItem(file, 'packed')), { code: 'SFTP_REFUSED' });
    t.same(store.steps, [], 'nothing of it has gone out');
    t.ok(existsSync(file.localPath));
    t.equal(astray.concurrency, 20);
  });

  t.test('a write after close is stopped', async (t) => {
    const [file] = (await outbox(t.testdir(), 1, 10)) as [LocalFile];
    await sink.close?.();
    await sink.close?.();
    await t.rejects(sink.write(packedItem(file, 'packed')), { code: 'STOPPED' });
  });
});
