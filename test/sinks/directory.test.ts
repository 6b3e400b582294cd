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

t.test('two files of one name at once, of two sinks, each stand there whole, one after the other', async (t) => {
  const root = t.testdir({});
  const [one, other] = [await inboxAt(root), await inboxAt(root)];
  const bytes = 20_000_000;
  const filesOf = async (folder: string) => (await outbox(join(root, folder), 1, bytes)) as [LocalFile];
  const [[first], [second]] = [await filesOf('first'), await filesOf('second')];
  for (let round = 0; round < 5; round += 1) {
    const written = await Promise.allSettled([one.sink.write(packedItem(first)), other.sink.write(packedItem(second))]);
    t.same(
      written.map(({ status }) => status),
      ['fulfilled', 'fulfilled'],
    );
    const there = await readFile(join(one.inbox, first.name));
    t.ok(there.equals(second.content), 'the later one');
    t.same(await readdir(one.inbox), [first.name]);
  }
});

t.test('an inbox may be a link to one on another disk', async (t) => {
  const root = t.testdir({ disk: {}, inbox: t.fixture('symlink', 'disk') });
  const { sink, store } = await inboxAt(root);
  const [file] = (await outbox(join(root, 'outbox'), 1, 10)) as [LocalFile];
  await sink.write(packedItem(file));
  t.match(store.steps, [/^uploading /, /^delivered /]);
  t.same(await readdir(join(root, 'disk')), [file.name]);
});
