import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { spec } from '../../sinks/directory.js';
import { bareContext } from '../support/bareContext.js';
import { ledgerSteps, packedItem } from '../support/packedFile.js';
import { type LocalFile, outbox } from '../support/sftpClient.js';

async function inboxAt(root: string) {
  const store = ledgerSteps();
  const sink = await spec.create({ directory: 'inbox', concurrency: 4 }, bareContext({ directory: root, store }));
  await sink.open?.();
  return { sink, store, inbox: join(root, 'inbox') };
}

t.test('a planned file is put in place whole, noted, and leaves the outbox; a received one stays', async (t) => {
  const { sink, store, inbox } = await inboxAt(t.testdir());
  const [planned, received] = (await outbox(join(t.testdirName, 'outbox'), 2, 200_000)) as [LocalFile, LocalFile];
  await writeFile(join(inbox, planned.name), 'old');
  await writeFile(join(inbox, `${planned.name}.tmp`), 'left by a crash');
  await sink.write(packedItem(planned, 'uploading'));
  await sink.write(packedItem(received));
  const noted = [planned, received].flatMap(({ name }) => {
    const base = name.replace('.bin', '');
    return [`uploading ${base}`, `delivered ${base} ${join(inbox, name)}`];
  });
  t.same(store.steps, noted);
  t.same(await readdir(inbox), [planned.name, received.name]);
  t.ok((await readFile(join(inbox, planned.name))).equals(planned.content));
  t.notOk(existsSync(planned.localPath));
  t.ok(existsSync(received.localPath));
});

t.test(
  'a file that is missing, of another size, or whose name leads elsewhere is refused, and nothing is left',
  async (t) => {
    const { sink, inbox, store } = await inboxAt(t.testdir());
    const [file] = (await outbox(join(t.testdirName, 'outbox'), 1, 10)) as [LocalFile];
    await t.rejects(sink.write(packedItem({ ...file, localPath: '/nowhere/x.bin' })), {
      code: 'FILE_UNREADABLE',
      message: /putting KH_.* into/,
    });
    await t.rejects(sink.write(packedItem({ ...file, bytes: 11 }, 'packed')), {
      code: 'FILE_UNREADABLE',
      message: /expected 11 bytes/,
    });
    for (const name of ['../x.bin', '.hidden', '/etc/x'])
      await t.rejects(sink.write(packedItem({ ...file, name })), { code: 'FILE_INVALID' });
    t.same(
      (await readdir(inbox)).filter((name) => !name.endsWith('.tmp')),
      [],
    );
    t.notMatch(store.steps, /delivered/);
    t.ok(existsSync(file.localPath));
  },
);
