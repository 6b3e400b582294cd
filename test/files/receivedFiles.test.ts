import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { IovError } from '../../contract/error.js';
import type { PackedFile } from '../../contract/file.js';
import { digestOf } from '../../files/plainFile.js';
import { ReceivedFiles, releaseHere, toldOf } from '../../files/receivedFiles.js';
import { bareContext } from '../support/bareContext.js';
import { testStore } from '../support/testStore.js';

const ICCID = '89860012345678901234';
const told = (name: string) => toldOf({ key: `oem1/${name}`, name, path: '', bytes: 0, mtimeMs: 0 });

t.test('a name of the notice is told as it is, whatever numbers its RequestID holds', async (t) => {
  for (const name of [`KH_${ICCID}_LSV1.bin`, 'HT_CMD-7_LSV1.bin.tmp', 'KH_0002_2022111600_P_000001.bin']) {
    t.equal(told(name), `oem1/${name}`);
  }
});

t.test('any other name is told without the numbers of cards and people, and is told from others', async (t) => {
  t.equal(told('hello.bin'), 'oem1/hello.bin');
  t.match(told(`photo-${ICCID}.bin`), /^oem1\/photo-#[0-9a-f]{8}\.bin$/);
  t.equal(told(`${ICCID}.bin`), told(`${ICCID}.bin`));
  t.not(told(`${ICCID}.bin`), told('89860012345678901242.bin'));
});

t.test('a file that cannot be read is told by what is wrong, and not by its path', async (t) => {
  const path = join(t.testdir({}), ICCID, 'a.bin');
  await t.rejects(digestOf(path), { code: 'FILE_UNREADABLE', message: 'it cannot be read: ENOENT' });
});

/** A folder whose files are refused one after the other, with a real ledger. The clock stands still. */
async function refusing(t: Test, refusedMax = 1_000) {
  const { store, clock, log, path: archive } = await testStore(t);
  const directory = join(archive, '../in');
  mkdirSync(directory);
  const context = { ...bareContext({ directory, store, log }), clock };
  const take = async (name: string, content: string, error?: IovError) => {
    const path = join(directory, name);
    writeFileSync(path, content);
    const { size, mtimeMs } = lstatSync(path);
    const received = new ReceivedFiles(context, refusedMax, (file) => releaseHere(file, 'keep'));
    const item = await received.item(
      { key: `oem1/${name}`, name, path, bytes: size, mtimeMs },
      path,
      `sftp oem1/${name}`,
    );
    const { origin, raw } = item;
    if (error) {
      const letter = {
        pipeline: 'test',
        origin,
        code: error.code,
        reason: error.message,
        tags: {},
        ...(raw && { raw }),
      };
      await store.commit([(transaction) => transaction.addDeadLetter(letter)]);
      item.receipt.failed(error);
    } else item.receipt.arrived();
    await received.close();
  };
  const refuse = (name: string, content: string) => take(name, content, new IovError('FILE_INVALID', 'wrong'));
  const letters = () =>
    store.deadLetters().map(({ id, state, reason }) => {
      const file = JSON.parse(String(store.deadLetter(id)?.raw)) as PackedFile;
      return { state, reason, content: existsSync(file.path) ? readFileSync(file.path, 'utf8') : undefined };
    });
  return { take, refuse, letters, directory, refused: join(directory, 'refused'), store, clock, log };
}

t.test('a refused file is where its letter says, also where several were refused in one moment', async (t) => {
  const { refuse, letters, refused } = await refusing(t);
  await refuse('a.bin', 'one');
  await refuse('a.bin', 'two');
  await refuse(`${ICCID}.bin`, 'three');
  t.same(readdirSync(refused), [
    '20221115000000000_89860012345678901234.bin',
    '20221115000000000_a.bin',
    '20221115000000001_a.bin',
  ]);
  t.match(letters(), [
    { state: 'waiting', reason: 'wrong; it is kept as refused/20221115000000001_a.bin', content: 'two' },
    { reason: /refused\/20221115000000000_#[0-9a-f]{8}\.bin$/, content: 'three' },
  ]);
});

t.test('a letter counts as sent again once a right file has come under its name', async (t) => {
  const { take, refuse, letters, store, directory } = await refusing(t);
  await refuse('a.bin', 'wrong');
  await refuse('b.bin', 'wrong');
  await take('a.bin', 'right');
  t.match(letters(), [{ state: 'retried' }, { state: 'waiting' }]);
  t.equal(store.position('test', 'oem1/a.bin')?.offset, 5);
  t.equal(store.position('test', 'oem1/b.bin'), undefined, 'what has moved need not be remembered');
  t.same(readdirSync(directory), ['a.bin', 'refused']);
});

t.test('of refused files no more are kept than they may be, the last ones', async (t) => {
  const { refuse, refused, clock, log } = await refusing(t, 2);
  mkdirSync(refused);
  writeFileSync(join(refused, '0-notes.txt'), 'of somebody');
  for (const content of ['one', 'two', 'three', 'four']) {
    await refuse('a.bin', content);
    clock.set(clock.now() + 1);
  }
  const left = readdirSync(refused).map((name) => readFileSync(join(refused, name), 'utf8'));
  t.same(left, ['of somebody', 'three', 'four']);
  t.match(log.lines, [
    { level: 'warn', fields: { files: 1 } },
    { level: 'warn', fields: { files: 1 } },
  ]);
});

t.test('where a refused file cannot be moved it stays, is remembered, and its letter says where it is', async (t) => {
  const { refuse, letters, refused, directory, store, log } = await refusing(t);
  symlinkSync('/tmp', refused); // which its sender may have done
  await refuse('a.bin', 'wrong');
  t.same(readdirSync(directory), ['a.bin', 'refused']);
  t.match(letters(), [{ reason: /^wrong$/, content: 'wrong' }]);
  t.equal(store.position('test', 'oem1/a.bin')?.offset, 5);
  t.match(log.lines, [{ level: 'error', fields: { file: 'oem1/a.bin', code: 'FILE_UNREADABLE' } }]);
});
