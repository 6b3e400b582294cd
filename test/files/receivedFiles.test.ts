import { join } from 'node:path';
import t from 'tap';
import { digestOf } from '../../files/plainFile.js';
import { toldOf } from '../../files/receivedFiles.js';

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
