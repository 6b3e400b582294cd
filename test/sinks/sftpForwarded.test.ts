import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Sink } from '../../contract/component.js';
import type { FileState } from '../../contract/file.js';
import type { Store } from '../../contract/store.js';
import { spec } from '../../sinks/sftp.js';
import { bareContext } from '../support/bareContext.js';
import { FaultProxy } from '../support/faultProxy.js';
import { handedLanes } from '../support/handedLanes.js';
import { type OpenSsh, startOpenSsh } from '../support/openssh.js';
import { packedItem } from '../support/packedFile.js';
import { type LocalFile, outbox, sftpClient } from '../support/sftpClient.js';
import { testStore } from '../support/testStore.js';

const BYTES = 200_000;
const ssh = await startOpenSsh();
if (ssh) t.teardown(() => ssh.stop());
const plain = await startOpenSsh({ mode: 'plain-rename' });
if (plain) t.teardown(() => plain.stop());
const skip = ssh && plain ? false : 'no OpenSSH server here (apt-get install openssh-server)';

/** A pipeline that forwards into a folder of its own, with a real ledger; each run has a sink of its own. */
async function pipeline(t: Test, server: OpenSsh, connection: object = {}) {
  const { store } = await testStore(t);
  const proxy = await FaultProxy.start(server);
  const regulator = await sftpClient({ ...server, port: proxy.port }, connection);
  t.teardown(() => Promise.all([regulator.close(), proxy.stop()]));
  const directory = join(server.directory, t.name.replace(/\W+/g, '-'));
  mkdirSync(directory);
  const run = async (changes: Partial<Store> = {}): Promise<Sink> => {
    const ledger: Partial<Store> = {
      position: (of, source) => store.position(of, source),
      commit: (effects) => store.commit(effects),
      file: (name) => store.file(name),
      fileUploading: (name) => store.fileUploading(name),
      fileDelivered: (name, path) => store.fileDelivered(name, path),
      ...changes,
    };
    const context = bareContext({ directory: '/', store: ledger, connections: { regulator } });
    return spec.create({ on: 'regulator', directory }, context);
  };
  const remote = ({ name }: LocalFile) => join(directory, name);
  return { run, proxy, remote, store };
}

/** A file, and what its maker sends under the same name once it has seen the fault; as long. */
async function corrected(t: Test): Promise<[first: LocalFile, right: LocalFile]> {
  const [first] = (await outbox(join(t.testdirName, 'first'), 1, BYTES)) as [LocalFile];
  const [right] = (await outbox(join(t.testdirName, 'right'), 1, BYTES)) as [LocalFile];
  return [first, right];
}

t.test('a forwarded file that was corrected under its name, to the same size', { skip }, async (t) => {
  if (!ssh || !plain) return;

  t.test('is delivered, by the same run and by a later one', async (t) => {
    const { run, remote } = await pipeline(t, ssh);
    const [first, right] = await corrected(t);
    const sink = await run();
    for (const file of [first, right]) {
      await sink.write(packedItem(file));
      t.ok((await readFile(remote(file))).equals(file.content));
    }
    await (await run()).write(packedItem(first));
    t.ok((await readFile(remote(first))).equals(first.content), 'and what it was before, as well');
  });

  t.test('is delivered where lanes are shared', async (t) => {
    const { lanes } = handedLanes(1, [0]);
    const { run, remote } = await pipeline(t, ssh, { lanes });
    const [first, right] = await corrected(t);
    const sink = await run();
    for (const file of [first, right]) {
      await sink.write(packedItem(file));
      t.ok((await readFile(remote(file))).equals(file.content));
    }
  });

  t.test('is refused, and not passed over, by a server that replaces nothing', async (t) => {
    const { run, remote } = await pipeline(t, plain);
    const [first, right] = await corrected(t);
    const sink = await run();
    await sink.write(packedItem(first));
    await t.rejects(sink.write(packedItem(right)), { code: 'SFTP_REFUSED', message: /is there already/ });
    renameSync(remote(first), `${remote(first)}.old`); // as the message says
    await sink.write(packedItem(right));
    t.ok((await readFile(remote(right))).equals(right.content));
  });
});

t.test('a forwarded file whose run died', { skip }, async (t) => {
  if (!ssh || !plain) return;

  for (const server of [ssh, plain])
    t.test(`after its rename, before the note: found, not sent again (${server.port === plain.port})`, async (t) => {
      const { run, proxy, remote } = await pipeline(t, server);
      const [file] = await corrected(t);
      const dying = await run({ fileDelivered: () => Promise.reject(new Error('died')) });
      await t.rejects(Promise.resolve(dying.write(packedItem(file))), /died/);
      t.ok(existsSync(remote(file)));
      proxy.bytes = 0;
      await (await run()).write(packedItem(file));
      t.ok(proxy.bytes < BYTES / 2, 'only looked');
    });

  t.test('as its upload began: sent again, over what an earlier delivery of that size left', async (t) => {
    const { run, remote, store } = await pipeline(t, ssh);
    const [first, right] = await corrected(t);
    await (await run()).write(packedItem(first));
    const dying: Sink = await run({
      commit: async (effects) => {
        await store.commit(effects);
        await dying.close?.();
      },
    });
    await t.rejects(Promise.resolve(dying.write(packedItem(right))), { code: 'STOPPED' });
    await (await run()).write(packedItem(right));
    t.ok((await readFile(remote(right))).equals(right.content));
  });
});

t.test('a file of ours that is delivered once more, and whose run died as its upload began', { skip }, async (t) => {
  if (!ssh) return;
  const { run, remote } = await pipeline(t, ssh);
  const [first, right] = await corrected(t);
  await writeFile(remote(first), first.content); // the delivery before: under another key, say
  let state: FileState = 'packed';
  const dying: Sink = await run({
    fileUploading: async () => {
      state = 'uploading';
      await dying.close?.();
    },
  });
  await t.rejects(Promise.resolve(dying.write(packedItem(right, state))), { code: 'STOPPED' });
  t.equal(state, 'uploading');
  await (await run()).write(packedItem(right, state));
  t.ok((await readFile(remote(right))).equals(right.content));
});

t.test('two files of one name at once each stand there whole, one after the other', { skip }, async (t) => {
  if (!ssh) return;
  const { run, remote } = await pipeline(t, ssh);
  const [first, right] = await corrected(t);
  const [one, other] = [await run(), await run()];
  for (let round = 0; round < 5; round += 1) {
    await Promise.all([one.write(packedItem(first)), other.write(packedItem(right))]);
    t.ok((await readFile(remote(right))).equals(right.content), 'the later one');
  }
});
