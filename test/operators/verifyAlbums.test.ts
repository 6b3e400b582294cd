import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { IovError } from '../../contract/error.js';
import { spec } from '../../operators/verify.js';
import { operator } from '../support/kernel.js';
import { album, cipher, type Entry, JPG, makerCipher, PNG, peers } from '../support/sentFiles.js';

const KH = 'KH_CMD-7_0002.bin';
const HT = 'HT_CMD-7_LSV1.bin';
const CARDS = ['89860412101880000012', '89860412101880000020'];

const folder = mkdtempSync(join(tmpdir(), 'iovpipe-albums-'));
t.teardown(() => rmSync(folder, { recursive: true }));

async function verified(name: string, content: Buffer, options: object = {}) {
  const path = join(folder, name);
  writeFileSync(path, content);
  const verify = await operator(spec, { peer: 'operator', makers: ['oem'], ...options }, { peers });
  return verify({ name, path, bytes: content.length, sm3: '' });
}

const said = (name: string, content: Buffer, options: object = {}): Promise<string> =>
  verified(name, content, options).then(
    ({ value }) => `${(value as { verified: { count: number } }).verified.count} pictures`,
    (error: IovError) => `${error.code} ${error.message}`,
  );

const own = (path: string, content: Buffer = JPG): Entry => [path.replace('@', 'KH_CMD-7_0002'), content];
const pictures = (...entries: Entry[]) => album(cipher, ...entries);

t.test('the operator’s pictures pass under its cipher, the car maker’s contracts under the car maker’s', async (t) => {
  const item = await verified(KH, await pictures(own('@_001.jpg'), own('@_002.png', PNG), own('@_003.jpeg')));
  const bytes = 2 * JPG.length + PNG.length;
  t.match(item, {
    tags: { platformId: 'CMCC', code: '0002', requestId: 'CMD-7' },
    value: { verified: { count: 3, bytes } },
  });
  const contracts = await album(makerCipher, ['HT_CMD-7_LSV1_001.jpg', JPG]);
  t.match(await verified(HT, contracts), { tags: { platformId: 'CMCC', code: 'LSV1', requestId: 'CMD-7' } });
  t.match(await said(HT, contracts, { makers: [] }), /^UNAUTHORIZED/, 'whose car maker is not named');
  t.match(
    await said('KH_REQ-1_LSV1.bin', contracts),
    /^UNAUTHORIZED/,
    'pictures of a registration stay with the operator',
  );
});

t.test('a card without a contract has one picture, _000', async (t) => {
  t.equal(await said(KH, await pictures(own('@_000.jpg'))), '1 pictures');
  t.match(await said(KH, await pictures(own('@_000.jpg'), own('@_000.png', PNG))), /alone in its directory/);
});

t.test('the cards of a command have a sub-directory each, and numbers run on', async (t) => {
  const [one, two] = CARDS;
  const both = await pictures(
    [`${one}/`, ''],
    own(`${one}/@_001.jpg`),
    own(`${one}/@_002.jpg`),
    own(`${two}/@_003.jpg`),
  );
  t.equal(await said(KH, both), '3 pictures');
  t.equal(await said(KH, await pictures(own(`${one}/@_000.jpg`), own(`${two}/@_001.jpg`))), '2 pictures');
  const again = await pictures(own(`${one}/@_001.jpg`), own(`${two}/@_001.jpg`));
  t.match(await said(KH, again), /number 001 comes 2 times/);
});

t.test('no message names a card', async (t) => {
  const [one = ''] = CARDS;
  for (const name of [`${one}/@_002.jpg`, `${one}/@_001.JPG`, `${one}/${one}.jpg`, `${one}/deeper/@_001.jpg`]) {
    t.notMatch(await said(KH, await pictures(own(name))), one);
  }
  t.notMatch(await said(KH, await pictures([`../${one}.jpg`, JPG])), one);
});

t.test('an album is held to its bounds: entries, one picture, all of them', async (t) => {
  const many = Array.from({ length: 999 }, (_, index) => own(`@_${String(index + 1).padStart(3, '0')}.jpg`));
  t.equal(await said(KH, await pictures(...many)), '999 pictures');
  const large = Buffer.concat([JPG, Buffer.alloc(2_000)]);
  const two = await pictures(own('@_001.jpg', large), own('@_002.jpg', large));
  t.match(await said(KH, two, { pictureBytesMax: 2_000 }), /MESSAGE_TOO_LARGE .*at most 2000 bytes/);
  t.match(await said(KH, two, { albumBytesMax: 4_000 }), /MESSAGE_TOO_LARGE .*at most 4000 bytes in all entries/);
  const bomb = await pictures(own('@_001.jpg', Buffer.concat([JPG, Buffer.alloc(5_000_000)])));
  t.match(await said(KH, bomb), /at most 200 times its packed size/);
  t.equal(await said(KH, bomb, { ratioMax: 1_032 }), '1 pictures');
});

t.test('of many faults the first are told, and a gap only where every name can be read', async (t) => {
  const wrong = await pictures(own('@_001.jpg', PNG), own('@_003.jpg', PNG), own('@_004.jpg', PNG));
  t.equal((await said(KH, wrong, { faultsMax: 2 })).match(/got png/g)?.length, 2);
  t.notMatch(await said(KH, await pictures(own('@_001.jpg'), own('@_2.jpg'), own('@_003.jpg'))), /missing/);
  t.match(
    await said(KH, await pictures(own('@_002.jpg'), own('@_004.jpg'))),
    /number 001 is missing; number 003 is missing$/,
  );
});
