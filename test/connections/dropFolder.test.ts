import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { DropFolder } from '../../connections/dropFolder.js';

const BYTES = Buffer.from('of a car maker');

async function folderAt(directory: string) {
  const folder = new DropFolder({ username: 'oem1', directory, shownAt: '/', fileBytesMax: 1_000 });
  await folder.make();
  const send = async (name: string) => {
    const writer = await folder.openTmp(`/${name}.tmp`, true, false);
    await writer.write(0, BYTES);
    await folder.close(writer);
    return folder.complete(`/${name}.tmp`, `/${name}`);
  };
  return { folder, send };
}

/** The disk of this process fails when the names in a directory are brought to it, until the test is told otherwise. */
async function failingDisk(t: Test): Promise<() => void> {
  const handle = await open(import.meta.dirname, 'r');
  const files = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const { sync } = files;
  files.sync = async function (this: FileHandle) {
    if ((await this.stat()).isDirectory()) throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
    return sync.call(this);
  };
  const mend = () => {
    files.sync = sync;
  };
  t.teardown(mend);
  return mend;
}

t.test('a file whose new name is not on the disk has not come: its sender tries again, and then it has', async (t) => {
  const directory = t.testdir({});
  const { folder, send } = await folderAt(directory);
  const mend = await failingDisk(t);
  await t.rejects(send('a.bin'), { code: 'EIO' });
  t.same(readdirSync(directory), ['a.bin.tmp'], 'who looks for its final name does not find it');
  mend();
  t.match(await folder.complete('/a.bin.tmp', '/a.bin'), { name: 'a.bin', bytes: BYTES.length }, 'it is taken');
  t.same(readdirSync(directory), ['a.bin']);
});

t.test('the directory of a login may be a link to one on another disk', async (t) => {
  const root = t.testdir({});
  mkdirSync(join(root, 'disk'));
  symlinkSync(join(root, 'disk'), join(root, 'oem1'));
  const { send } = await folderAt(join(root, 'oem1'));
  t.match(await send('a.bin'), { name: 'a.bin', bytes: BYTES.length });
  t.same(readdirSync(join(root, 'disk')), ['a.bin']);
});
