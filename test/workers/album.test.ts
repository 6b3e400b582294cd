import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Album } from '../../contract/item.js';
import { parseFileName } from '../../notice/fileName.js';
import { Packer } from '../../workers/packer.js';
import { unpack } from '../../workers/unpack.js';
import { verifyAlbum } from '../../workers/verifyAlbum.js';
import { maker } from '../support/messages.js';
import { CARD, COMMAND, collecting, HEADS, OTHER_CARD, opened, picture, put, STEPS } from '../support/pictures.js';
import { folderOnSmallDisk, mayMount } from '../support/smallDisk.js';
import { testStore } from '../support/testStore.js';

const KEY = maker.cipher!.key;
const OPTIONS = { contracts: [{ directory: 'contracts/{iccid}' }], photos: [{ directory: 'photos/{iccid}' }] };
const anew = () => new AbortController().signal;

async function site(t: Test, files: { [path: string]: Uint8Array }) {
  const folder = t.testdir({ outbox: {} });
  const { store } = await testStore(t, { path: join(folder, 'archive.db') });
  put(folder, files);
  const { collect } = await collecting(folder, store, OPTIONS);
  const outbox = join(folder, 'outbox');
  const packer = new Packer(store, outbox);
  t.teardown(() => packer.close());
  return { folder, outbox, store, collect, packer, pack: (album: Album) => packer.pack(album, STEPS, anew()) };
}

t.test('openssl and unzip open a packed album: every picture, under its name', async (t) => {
  const files = {
    [`contracts/${CARD}/1.jpg`]: picture('jpg', 300_000),
    [`photos/${CARD}/2.png`]: picture('png', 1_500_000),
    [`photos/${OTHER_CARD}/3.bmp`]: picture('bmp', 40),
  };
  const { collect, pack, store } = await site(t, files);
  const packed = await pack(await collect({ ...COMMAND, iccid: `${CARD},${OTHER_CARD}` }));
  t.match(packed, { name: 'KH_CMD-7_0002.bin', plan: { records: 3, textBytes: 1_800_040 } });
  t.match(store.file('KH_CMD-7_0002'), { state: 'packed', bytes: packed.bytes, sm3: packed.sm3 });
  const { listed, test, content } = opened(packed.path, KEY);
  t.same(listed, [
    `${CARD}/KH_CMD-7_0002_001.jpg`,
    `${CARD}/KH_CMD-7_0002_002.png`,
    `${OTHER_CARD}/KH_CMD-7_0002_000.bmp`,
  ]);
  t.match(test, /No errors detected/);
  for (const [index, bytes] of Object.values(files).entries()) t.ok(content(listed[index]!).equals(Buffer.from(bytes)));
  const entries = await unpack(packed.path, maker.cipher, { fileBytesMax: 10_000_000, textBytesMax: 10_000_000 });
  const name = parseFileName(packed.name);
  t.equal(name?.kind === 'album' && (await verifyAlbum(name, entries, 10)), 3, 'the regulator finds nothing wrong');
});

const noDisk = mayMount() ? false : 'no right to mount a small disk';

t.test('a full disk is told as one, wherever in a file it fills up', { skip: noDisk }, async (t) => {
  const { folder } = folderOnSmallDisk(t, 'outbox', 16);
  const { store } = await testStore(t);
  const packer = new Packer(store, join(folder, 'outbox'));
  t.teardown(() => packer.close());
  let packed = 0;
  let refused = 0;
  // from inside the deflater to the last byte of the directory
  for (const size of [...Array.from({ length: 12 }, (_, index) => 15_900 + 40 * index), 20_000, 400_000]) {
    const path = `contracts/${CARD}/1.jpg`;
    put(folder, { [path]: picture('jpg', size) });
    const { collect } = await collecting(folder, store, OPTIONS);
    const album = await collect({ ...COMMAND, requestId: `CMD-${size}` });
    try {
      rmSync((await packer.pack(album, STEPS, anew())).path);
      packed += 1;
    } catch (thrown) {
      refused += 1;
      t.match(thrown, { code: 'STORE_FAILED', message: /outbox: the disk is full; make room.*\(ENOSPC\)/ }, `${size}`);
    }
  }
  t.ok(packed > 0 && refused > 2, `${packed} packed, ${refused} refused`);
  t.same(readdirSync(join(folder, 'outbox')), [], 'nothing is left of them');
});

t.test('every level packs, and 0 stores', async (t) => {
  const bytes = Buffer.concat([HEADS.jpg, Buffer.alloc(1_000_000)]);
  const { collect, packer, outbox } = await site(t, { [`contracts/${CARD}/a.jpg`]: bytes });
  for (const level of [0, 1, 9]) {
    const tags = { ...COMMAND, requestId: `CMD-${level}` };
    const packed = await packer.pack(await collect(tags), [{ worker: 'zip', level }], anew());
    t.equal(packed.path, join(outbox, `KH_CMD-${level}_0002.zip`));
    t.equal(packed.bytes > 1_000_000, level === 0);
    const [entry] = await unpack(packed.path, undefined, { fileBytesMax: 10_000_000, textBytesMax: 10_000_000 });
    const read: Uint8Array[] = [];
    for await (const piece of await entry!.open()) read.push(piece as Uint8Array);
    t.ok(Buffer.concat(read).equals(bytes));
  }
});

t.test('packed again it is the same, byte for byte; packed or delivered it is taken over as it is', async (t) => {
  const { collect, pack, store, folder } = await site(t, { [`contracts/${CARD}/a.jpg`]: picture('jpg', 700_000) });
  const first = await pack(await collect());
  const bytes = readFileSync(first.path);
  rmSync(first.path); // as if the machine had died before it was written
  const again = await pack(await collect());
  t.ok(readFileSync(again.path).equals(bytes));
  t.equal(again.sm3, first.sm3);
  rmSync(join(folder, 'contracts'), { recursive: true });
  t.equal((await pack(await collect())).sm3, first.sm3, 'taken over without its pictures');
  await store.fileDelivered('KH_CMD-7_0002', '/upload/x');
  rmSync(first.path);
  t.equal((await pack(await collect())).plan?.state, 'delivered');
});

t.test('a damaged file of the outbox is packed again', async (t) => {
  const { collect, pack } = await site(t, { [`contracts/${CARD}/a.jpg`]: picture('jpg', 5_000) });
  const first = await pack(await collect());
  truncateSync(first.path, 100);
  t.equal((await pack(await collect())).sm3, first.sm3);
  t.equal(readFileSync(first.path).length, first.bytes);
});

t.test('a picture that vanishes while it is packed leaves nothing behind, and the next album goes well', async (t) => {
  const files = { [`contracts/${CARD}/a.jpg`]: picture('jpg', 3_000_000), [`contracts/${CARD}/b.jpg`]: picture() };
  const { collect, pack, folder, outbox, store } = await site(t, files);
  const album = await collect();
  rmSync(join(folder, 'contracts', CARD, 'b.jpg'));
  await t.rejects(pack(album), {
    code: 'FILE_UNREADABLE',
    retryable: true,
    message: /^picture 2 in order of names: changed or vanished/,
  });
  t.same(readdirSync(outbox), []);
  t.equal(store.file('KH_CMD-7_0002')?.state, 'planned');
  writeFileSync(join(folder, 'contracts', CARD, 'b.jpg'), picture());
  t.same(opened((await pack(await collect())).path, KEY).listed.length, 2);
});

t.test('an outbox that cannot be written fails the album, and the pictures are let go', async (t) => {
  const { collect, pack, outbox } = await site(t, { [`contracts/${CARD}/a.jpg`]: picture('jpg', 3_000_000) });
  const album = await collect();
  rmSync(outbox, { recursive: true });
  await t.rejects(pack(album), /ENOENT/);
});

t.test('hundreds of small albums are packed side by side, each whole', async (t) => {
  const { collect, packer, store } = await site(t, {
    [`contracts/${CARD}/a.jpg`]: picture('jpg', 2_000),
    [`photos/${CARD}/b.jpg`]: picture('jpg', 2_000),
  });
  const numbers = Array.from({ length: 200 }, (_, index) => `CMD-${index}`);
  const albums = await Promise.all(numbers.map((requestId) => collect({ ...COMMAND, requestId })));
  const packed = await Promise.all(albums.map((album) => packer.pack(album, STEPS, anew())));
  t.same(new Set(packed.map(({ name }) => name)).size, 200);
  for (const { name, path } of [packed[0]!, packed[99]!, packed[199]!]) {
    t.match(opened(path, KEY).test, /No errors detected/, name);
  }
  t.ok(numbers.every((requestId) => store.file(`KH_${requestId}_0002`)?.state === 'packed'));
});

t.test('memory does not grow with an album of 150 MB', async (t) => {
  const noise = randomBytes(15_000_000 - HEADS.jpg.length);
  const files = Object.fromEntries(
    Array.from({ length: 10 }, (_, index) => [`contracts/${CARD}/${index}.jpg`, Buffer.concat([HEADS.jpg, noise])]),
  );
  const { collect, packer, pack } = await site(t, { ...files, [`contracts/${OTHER_CARD}/small.jpg`]: picture() });
  for (const path of Object.keys(files)) delete files[path];
  await pack(await collect({ ...COMMAND, requestId: 'CMD-1', iccid: OTHER_CARD })); // the worker itself takes its room
  const album = await collect();
  const before = process.memoryUsage().rss;
  let peak = before;
  const watched: Album = {
    ...album,
    pictures: (async function* () {
      for await (const { name, content } of album.pictures) {
        const chunks = (async function* () {
          for await (const chunk of content) {
            peak = Math.max(peak, process.memoryUsage().rss);
            yield chunk;
          }
        })();
        yield { name, content: chunks };
      }
    })(),
  };
  const { bytes } = await packer.pack(watched, STEPS, anew());
  t.ok(bytes > 150_000_000);
  const grownMb = Math.round((peak - before) / 1e6);
  t.comment(`grew by ${grownMb} MB`);
  t.ok(grownMb < 100, `grew by ${grownMb} MB`);
});
