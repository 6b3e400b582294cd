import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Album } from '../../contract/item.js';
import { createCipher } from '../../crypto/cipher.js';
import { spec } from '../../operators/collect.js';
import { ZipWriter } from '../../workers/zip.js';
import { certificateFiles } from '../support/certificates.js';
import { maker } from '../support/messages.js';
import { CARD, COMMAND, collecting, contentsOf, namesOf, OTHER_CARD, picture, put } from '../support/pictures.js';
import { testStore } from '../support/testStore.js';

const PHOTOS = { photos: [{ directory: 'photos/{iccid}' }] };
const BOTH = { contracts: [{ directory: 'contracts/{iccid}' }], ...PHOTOS };

async function site(t: Test, options: object, files: { [path: string]: Uint8Array } = {}) {
  const folder = t.testdir({});
  const { store, clock } = await testStore(t, { path: join(folder, 'archive.db') });
  put(folder, files);
  const made = await collecting(folder, store, options);
  t.teardown(() => made.kernel.close?.());
  return { folder, store, clock, ...made };
}

const refused = async (t: Test, album: Promise<Album>, code: string, message: RegExp) => {
  const error = await album.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  t.match(error, { code, message });
  t.notMatch(String(error), /89860/, 'no card number in a message');
};

t.test('contracts, then photos, from directories and those below, in the order of their names', async (t) => {
  const files = {
    [`contracts/${CARD}/b.jpg`]: picture('jpg'),
    [`contracts/${CARD}/a.PNG`]: picture('png'),
    [`photos/${CARD}/face.jpeg`]: picture('jpg'),
    [`photos/${CARD}/more/deep.bmp`]: picture('bmp'),
    [`photos/${CARD}/.hidden.jpg`]: picture(),
    [`photos/${CARD}/late.jpg.tmp`]: picture(),
    [`photos/${OTHER_CARD}/x.jpg`]: picture(),
  };
  const { collect, store } = await site(t, BOTH, files);
  const album = await collect();
  t.strictSame(
    [...(await contentsOf(album)).entries()],
    [
      ['KH_CMD-7_0002_001.png', files[`contracts/${CARD}/a.PNG`]],
      ['KH_CMD-7_0002_002.jpg', files[`contracts/${CARD}/b.jpg`]],
      ['KH_CMD-7_0002_003.jpeg', files[`photos/${CARD}/face.jpeg`]],
      ['KH_CMD-7_0002_004.bmp', files[`photos/${CARD}/more/deep.bmp`]],
    ],
  );
  t.match(store.file('KH_CMD-7_0002')?.plan, { baseName: 'KH_CMD-7_0002', records: 4, textBytes: 4_000 });
});

t.test('a card without a contract is stood for by one picture, and one without anything fails', async (t) => {
  const { collect } = await site(t, BOTH, { [`photos/${CARD}/a.jpg`]: picture(), [`photos/${CARD}/b.jpg`]: picture() });
  t.same(await namesOf(await collect()), ['KH_CMD-7_0002_000.jpg']);
  await refused(t, collect({ ...COMMAND, requestId: 'CMD-8', iccid: OTHER_CARD }), 'NO_PICTURES', /^KH_CMD-8_0002: no/);
});

t.test('a command for several cards has a sub-directory each', async (t) => {
  const files = { [`contracts/${CARD}/a.jpg`]: picture(), [`photos/${OTHER_CARD}/b.jpg`]: picture() };
  const { collect } = await site(t, BOTH, files);
  t.same(await namesOf(await collect({ ...COMMAND, iccid: `${CARD}，${OTHER_CARD}` })), [
    `${CARD}/KH_CMD-7_0002_001.jpg`,
    `${OTHER_CARD}/KH_CMD-7_0002_000.jpg`,
  ]);
});

t.test('of several cards one without pictures fails the album, or is left out and logged', async (t) => {
  const files = { [`photos/${CARD}/a.jpg`]: picture() };
  const tags = { ...COMMAND, iccid: `${CARD},${OTHER_CARD}` };
  const strict = await site(t, PHOTOS, files);
  await refused(t, strict.collect(tags), 'NO_PICTURES', /no picture of 1 of 2 cards/);
  const lenient = await collecting(strict.folder, strict.store, { ...PHOTOS, faulty: 'skip' });
  t.same(await namesOf(await lenient.collect(tags)), [`${CARD}/KH_CMD-7_0002_001.jpg`]);
  t.match(lenient.log.lines, [{ level: 'warn', message: /left out/ }]);
});

t.test(
  'what is no picture is told by its place, or left out and logged, and no file name shows: it may name a person',
  async (t) => {
    const faults: [string, Uint8Array, RegExp][] = [
      [`${CARD}-empty.jpg`, Buffer.alloc(0), /picture 1 in order of names: expected a picture, got an empty file/],
      [
        'large.jpg',
        picture('jpg', 5_001),
        /picture 1 in order of names: expected a picture of at most 5000 bytes, got 5001/,
      ],
      [
        'scan.jpg',
        Buffer.from('%PDF-1.7 …'),
        /picture 2 in order of names: expected a picture .*, got a file that begins with 25504446/,
      ],
    ];
    for (const [name, bytes, message] of faults) {
      const { collect, folder, store } = await site(
        t,
        { ...PHOTOS, pictureBytesMax: 5_000 },
        {
          [`photos/${CARD}/${name}`]: bytes,
          [`photos/${CARD}/right.jpg`]: picture(),
        },
      );
      await refused(t, collect(), 'ALBUM_INVALID', message);
      const lenient = await collecting(folder, store, { ...PHOTOS, pictureBytesMax: 5_000, faulty: 'skip' });
      t.same(await namesOf(await lenient.collect()), ['KH_CMD-7_0002_001.jpg']);
      t.match(lenient.log.lines, [{ level: 'warn', message }]);
    }
  },
);

t.test('an album has bounds: 999 pictures, and bytes', async (t) => {
  const many = Object.fromEntries(
    Array.from({ length: 1_000 }, (_, index) => [`photos/${CARD}/${index}.jpg`, picture('jpg', 20)]),
  );
  const { collect, folder, store } = await site(t, PHOTOS, many);
  await refused(t, collect(), 'ALBUM_INVALID', /at most 999/);
  rmSync(join(folder, 'photos', CARD, '0.jpg'));
  t.equal((await namesOf(await collect())).at(-1), 'KH_CMD-7_0002_999.jpg');
  const tight = await collecting(folder, store, { ...PHOTOS, albumBytesMax: 10_000 });
  await refused(
    t,
    tight.collect({ ...COMMAND, requestId: 'CMD-8' }),
    'ALBUM_INVALID',
    /at most 10000 bytes .* got 19980/,
  );
});

t.test('one file by a path made from the message and from the state by card', async (t) => {
  const places = { contracts: [{ path: 'scans/{card.Contract}' }], photos: [{ path: 'faces/{Person.Id}.jpg' }] };
  const { collect, store } = await site(t, places, { 'scans/c-9.png': picture('png'), 'faces/7.jpg': picture() });
  const message = { Person: { Id: 7 } };
  t.same(await namesOf(await collect(COMMAND, message)), ['KH_CMD-7_0002_000.jpg'], 'nothing is known of the card');
  await store.commit([(state) => state.putCardSide(CARD, 'card', { fields: { Contract: 'c-9.png' }, tags: {} })]);
  const later = { ...COMMAND, requestId: 'CMD-8' };
  t.same(await namesOf(await collect(later, message)), ['KH_CMD-8_0002_001.png', 'KH_CMD-8_0002_002.jpg']);
});

t.test('no value and no link leads out of a place', async (t) => {
  const { collect, folder, store } = await site(t, PHOTOS, { 'secret/a.jpg': picture(), 'photos/x': Buffer.alloc(1) });
  symlinkSync(join(folder, 'secret'), join(folder, 'photos', CARD));
  await refused(t, collect(), 'FILE_UNREADABLE', /symbolic link below .* is not followed/);
  put(folder, { [`photos/${OTHER_CARD}/right.jpg`]: picture() });
  symlinkSync(join(folder, 'secret', 'a.jpg'), join(folder, 'photos', OTHER_CARD, 'link.jpg'));
  symlinkSync(join(folder, 'secret'), join(folder, 'photos', OTHER_CARD, 'links'));
  execFileSync('mkfifo', [join(folder, 'photos', OTHER_CARD, 'pipe.jpg')]);
  t.same(await namesOf(await collect({ ...COMMAND, iccid: OTHER_CARD })), ['KH_CMD-7_0002_001.jpg']);
  const byPath = await collecting(folder, store, { photos: [{ path: 'photos/{Name}' }] });
  for (const Name of ['../secret/a.jpg', join(folder, 'secret/a.jpg'), 'a\0.jpg', '.', '..'])
    await refused(t, byPath.collect(COMMAND, { Name }), 'RECORD_INVALID', /photos|\{Name\}/);
  await refused(t, collect({ ...COMMAND, iccid: '../secret' }), 'RECORD_INVALID', /card/);
  await refused(t, collect({ ...COMMAND, requestId: '../CMD' }), 'RECORD_INVALID', /file name/);
});

async function receivedAlbum(entries: { [name: string]: Uint8Array }): Promise<Buffer> {
  const out: Uint8Array[] = [];
  const zip = new ZipWriter(6, (bytes) => out.push(Buffer.from(bytes)));
  for (const [name, bytes] of Object.entries(entries)) {
    zip.begin({ name, mtimeMs: Date.UTC(2022, 10, 15) });
    zip.write(bytes);
    zip.end();
  }
  zip.finish();
  return Buffer.from(createCipher(maker.cipher!).encrypt(Buffer.concat(out)));
}

const ALBUMS = { photos: [{ albums: 'inbox/{iccid}', peer: 'oem' }] };

t.test('pictures of received albums, decrypted in memory', async (t) => {
  const [first, second, third] = [picture('jpg', 300_000), picture('png'), picture('webp')];
  const { collect } = await site(t, ALBUMS, {
    [`inbox/${CARD}/KH_REQ-1_WBA0.bin`]: await receivedAlbum({
      'KH_REQ-1_WBA0_001.jpg': first,
      'KH_REQ-1_WBA0_002.png': second,
    }),
    [`inbox/${CARD}/KH_REQ-2_WBA0.bin`]: await receivedAlbum({ 'KH_REQ-2_WBA0_001.webp': third }),
    [`inbox/${CARD}/KH_REQ-3_WBA0.bin.tmp`]: Buffer.from('half'),
    [`inbox/${CARD}/notes.txt`]: Buffer.from('not an album'),
  });
  t.strictSame([...(await contentsOf(await collect())).values()], [first, second, third]);
});

t.test(
  'a received album that cannot be opened is left out and told by its name: its sender’s fault holds up nobody',
  async (t) => {
    const spoiled: [string, Uint8Array, RegExp][] = [
      [
        'wrong key',
        createCipher({ ...maker.cipher!, key: '0'.repeat(32) }).encrypt(Buffer.from('x')),
        /REQ-1_WBA0\.bin/,
      ],
      [
        'traversal',
        await receivedAlbum({ '../../etc/passwd': picture() }),
        /REQ-1_WBA0\.bin.*entry 1 of the zip is wrong/,
      ],
      ['truncated', (await receivedAlbum({ 'a.jpg': picture() })).subarray(0, 500), /REQ-1_WBA0\.bin/],
    ];
    for (const [what, bytes, message] of spoiled) {
      const { collect, log } = await site(t, ALBUMS, {
        [`inbox/${CARD}/KH_REQ-1_WBA0.bin`]: bytes,
        [`inbox/${CARD}/KH_REQ-2_WBA0.bin`]: await receivedAlbum({ 'KH_REQ-2_WBA0_001.jpg': picture() }),
      });
      t.same(await namesOf(await collect()), ['KH_CMD-7_0002_001.jpg'], what);
      t.match(log.lines, [{ level: 'warn', message }]);
    }
  },
);

t.test('a zip bomb in a received album is refused by what it declares', async (t) => {
  const bomb = await receivedAlbum({ 'KH_REQ-1_WBA0_001.jpg': Buffer.concat([picture(), Buffer.alloc(30_000_000)]) });
  t.ok(bomb.length < 200_000);
  const { collect, log } = await site(t, ALBUMS, { [`inbox/${CARD}/KH_REQ-1_WBA0.bin`]: bomb });
  await refused(t, collect(), 'NO_PICTURES', /no picture of 1 of 1 card/);
  t.match(log.lines, [{ level: 'warn', message: /at most 20000000 bytes, got 30001000/ }]);
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function service(t: Test, answer: Answer) {
  const certificates = await certificateFiles();
  const asked: string[] = [];
  const server = createServer({ cert: certificates.cert, key: certificates.key }, (request, response) => {
    asked.push(`${request.url} ${request.headers.range ?? ''}`.trim());
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => void server.close());
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const place = { url: `${origin}/cards/{iccid}`, ca: certificates.ca, timeoutMs: 30_000 };
  return { origin, asked, options: { photos: [place] } };
}

t.test('an HTTPS service gives one picture', async (t) => {
  const bytes = picture('png', 400_000);
  const { options, asked } = await service(t, (_, response) => response.end(bytes));
  const { collect } = await site(t, options);
  t.strictSame([...(await contentsOf(await collect()))], [['KH_CMD-7_0002_001.png', bytes]]);
  t.same(asked, [`/cards/${CARD}`, `/cards/${CARD}`], 'once to look at it, once to pack it');
});

t.test('an HTTPS service gives a list of addresses, with or without ranges and lengths', async (t) => {
  const bytes = { a: picture('jpg', 200_000), b: picture('gif', 200_000), c: picture('heic', 100_000) };
  const { options, asked } = await service(t, (request, response) => {
    const { url = '', headers } = request;
    if (url.endsWith('/list')) return response.end('\n[ "/files/a.jpg", "b?size=full", "../../files/c" ]');
    if (url === '/files/a.jpg' && headers.range) {
      response.writeHead(206, { 'content-range': `bytes 0-31/${bytes.a.length}`, 'content-length': 32 });
      return response.end(bytes.a.subarray(0, 32));
    }
    if (url === '/files/a.jpg') return response.end(bytes.a);
    response.writeHead(200, { 'transfer-encoding': 'chunked' });
    return response.end(url === '/files/c' ? bytes.c : bytes.b);
  });
  const nested = { photos: [{ ...options.photos[0], url: `${options.photos[0]?.url}/list` }] };
  const { collect } = await site(t, nested);
  t.strictSame(
    [...(await contentsOf(await collect()))],
    [
      ['KH_CMD-7_0002_001.jpg', bytes.a],
      ['KH_CMD-7_0002_002.gif', bytes.b],
      ['KH_CMD-7_0002_003.heic', bytes.c],
    ],
  );
  t.ok(asked.includes('/files/a.jpg bytes=0-31'));
});

t.test('a service that lists what is elsewhere, or is not there, is refused', async (t) => {
  const lists: [string, string, RegExp][] = [
    ['["https://elsewhere.example/a.jpg"]', 'PEER_PROTOCOL', /addresses below https:\/\/127/],
    ['["http://127.0.0.1/a.jpg"]', 'PEER_PROTOCOL', /addresses below/],
    ['["file:///etc/passwd"]', 'PEER_PROTOCOL', /addresses below/],
    ['[7]', 'PEER_PROTOCOL', /addresses below/],
    ['["/gone"]', 'FILE_UNREADABLE', /lists a picture that is not there/],
    ['["/empty"]', 'ALBUM_INVALID', /picture 1 in order of names: expected a picture, got an empty file/],
    ['[not json', 'MESSAGE_NOT_JSON', /JSON/],
    [`[${'"/a",'.repeat(1_000)}"/a"]`, 'PEER_PROTOCOL', /at most 999/],
    [`["${'x'.repeat(1_100_000)}"]`, 'PEER_PROTOCOL', /at most 1048576 bytes/],
  ];
  let list = '';
  const { options } = await service(t, (request, response) => {
    if (request.url === '/empty') return response.writeHead(416, { 'content-range': 'bytes */0' }).end('none');
    return response.writeHead(request.url === '/gone' ? 404 : 200).end(list);
  });
  const { collect } = await site(t, options);
  for (const [given, code, message] of lists) {
    list = given;
    await refused(t, collect(), code, message);
  }
});

t.test('a service without pictures of a card, one that fails, and one that says nothing', async (t) => {
  let status = 404;
  const { options } = await service(t, (_, response) => {
    if (status > 0) response.writeHead(status).end('<html>');
  });
  const { collect, folder, store } = await site(t, options);
  await refused(t, collect(), 'NO_PICTURES', /no picture/);
  status = 503;
  await refused(t, collect(), 'PEER_UNREACHABLE', /\{iccid\}: expected HTTP 200, got 503/);
  status = 401;
  await refused(t, collect(), 'PEER_PROTOCOL', /got 401/);
  status = 200;
  await refused(t, collect(), 'ALBUM_INVALID', /expected a picture/);
  status = 0;
  const hasty = await collecting(folder, store, { photos: [{ ...options.photos[0], timeoutMs: 100 }] });
  t.teardown(() => hasty.kernel.close?.());
  await refused(t, hasty.collect(), 'PEER_UNREACHABLE', /\{iccid\}.*within 100 ms/);
});

t.test('a picture that changes or vanishes before it is packed fails the album for now', async (t) => {
  const { collect, folder } = await site(t, PHOTOS, { [`photos/${CARD}/a.jpg`]: picture() });
  const path = join(folder, 'photos', CARD, 'a.jpg');
  const changes: (() => void)[] = [
    () => rmSync(path),
    () => writeFileSync(path, picture('jpg', 999)),
    () => writeFileSync(path, picture('jpg', 600_000)),
    () => writeFileSync(path, picture('png')),
    () => writeFileSync(path, ''),
  ];
  for (const change of changes) {
    put(folder, { [`photos/${CARD}/a.jpg`]: picture() });
    const album = await collect();
    change();
    await t.rejects(contentsOf(album), {
      code: 'FILE_UNREADABLE',
      retryable: true,
      message: /^picture 1 in order of names: changed or vanished/,
    });
  }
});

t.test('the first plan of an album stays: its IV, and the time at which it fell due', async (t) => {
  const { collect, store, clock } = await site(t, PHOTOS, { [`photos/${CARD}/a.jpg`]: picture() });
  const due = { name: 'KH_CMD-7_0002', content: 'KH', requestId: 'CMD-7', code: '0002', iccid: CARD } as const;
  await store.commit([(transaction) => transaction.addDueFile({ ...due, withinMs: 6 * 3_600_000 })]);
  const { acceptedAt } = store.dueFile('KH_CMD-7_0002')!;
  clock.set(clock.now() + 3_600_000);
  const first = await collect();
  t.match(first, { known: undefined, plan: { mtimeMs: acceptedAt, iv: /^[0-9a-f]{32}$/, state: 'planned' } });
  const again = await collect();
  t.same(again.plan, first.plan);
  t.equal(again.known?.state, 'planned');
});

t.test('what is packed already is not looked for again unless somebody reads it', async (t) => {
  const { collect, store, folder } = await site(t, PHOTOS, { [`photos/${CARD}/a.jpg`]: picture() });
  await collect();
  const packed = { packedName: 'KH_CMD-7_0002.bin', path: '/nowhere', bytes: 1, sm3: '' };
  await store.filePacked('KH_CMD-7_0002', packed);
  rmSync(join(folder, 'photos'), { recursive: true });
  const album = await collect();
  t.equal(album.plan.state, 'packed');
  await t.rejects(contentsOf(album), { code: 'NO_PICTURES' });
});

t.test('the pictures of a registration, by the car maker', async (t) => {
  const options = { photos: [{ directory: 'photos/{EncryptUserInfo.ICCID}' }] };
  const { collect } = await site(t, options, { [`photos/${CARD}/a.jpg`]: picture() });
  const album = await collect({ requestId: 'REQ-1', code: 'WBA0' }, { EncryptUserInfo: { ICCID: CARD } });
  t.same(await namesOf(album), ['KH_REQ-1_WBA0_001.jpg']);
  await refused(t, collect({ code: 'WBA0' }), 'RECORD_INVALID', /RequestID/);
});

t.test('options that cannot be meant are told, each in its place', async (t) => {
  const rules = (options: object) =>
    (spec.check?.(options as never) ?? []).map(({ field, rule }) => `${field}: ${rule}`);
  const photo = { directory: '{iccid}' };
  t.same(rules({ file: 'KH', photos: [photo] }), []);
  t.match(rules({ file: 'KH' }), [/contracts.*photos/]);
  t.match(rules({ file: 'HT', photos: [photo] }), [/^photos: no photos/]);
  t.match(rules({ file: 'KH', photos: [photo, {}] }), [/^photos\.1: one of directory/]);
  t.match(rules({ file: 'KH', photos: [{ ...photo, path: '{iccid}' }] }), [/^photos\.0: one of/]);
  t.match(rules({ file: 'KH', photos: [{ albums: '{iccid}' }] }), [/albums together with peer/]);
  t.match(rules({ file: 'KH', contracts: [{ directory: 'all' }] }), [/^contracts\.0\.directory: a placeholder/]);
});
