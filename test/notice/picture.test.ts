import fc from 'fast-check';
import t from 'tap';
import { parseFileName } from '../../notice/fileName.js';
import {
  type CardPictures,
  type FoundPicture,
  HEAD_BYTES,
  judgePicture,
  nameAlbum,
  type PictureExtension,
  pictureKind,
} from '../../notice/picture.js';
import { fillPattern, patternFault, splitPattern } from '../../notice/placePattern.js';
import { HEADS, picture } from '../support/pictures.js';

const found = (content: Uint8Array, fileName = 'x.jpg'): FoundPicture => {
  const read = async function* () {
    yield content;
  };
  return { fileName, bytes: content.byteLength, head: content.subarray(0, HEAD_BYTES), read };
};

t.test('each kind of picture is told by its content, whatever its name says', async (t) => {
  for (const kind of Object.keys(HEADS) as (keyof typeof HEADS)[]) {
    t.equal(pictureKind(picture(kind).subarray(0, HEAD_BYTES)), kind);
    t.same(judgePicture(found(picture(kind), 'SCAN.PDF'), 10_000), { extension: kind });
  }
  t.equal(pictureKind(Buffer.from('MM\0*\0\0\0\x08')), 'tif');
  t.equal(pictureKind(Buffer.from('GIF87a')), 'gif');
});

t.test('the longer spelling of an extension stays where the content is that', async (t) => {
  t.same(judgePicture(found(picture('jpg'), 'A.JPEG'), 10_000), { extension: 'jpeg' });
  t.same(judgePicture(found(picture('tif'), 'a.tiff'), 10_000), { extension: 'tiff' });
  t.same(judgePicture(found(picture('png'), 'a.jpeg'), 10_000), { extension: 'png' });
});

t.test('what is empty, too large or no picture is told so', async (t) => {
  t.match(judgePicture(found(Buffer.alloc(0)), 100), { fault: /empty/ });
  t.match(judgePicture(found(picture('jpg', 101)), 100), { fault: /at most 100 bytes, got 101/ });
  for (const text of ['%PDF-1.7', 'BMW AG, München', 'RIFF1234WAVEfmt ', '\0\0\0\x18ftypisom', 'PK\x03\x04', 'II', 'x'])
    t.match(judgePicture(found(Buffer.from(text)), 100), { fault: /expected a picture .* begins with [0-9a-f]+$/ });
  t.match(judgePicture({ ...found(picture()), fault: 'no permission' }, 10_000), { fault: 'no permission' });
});

const album = { content: 'KH', requestId: 'CMD-7', code: '0002' } as const;
const some = (count: number, extension: PictureExtension = 'jpg') =>
  Array.from({ length: count }, () => ({ extension }));
const names = (...cards: CardPictures<{ extension: PictureExtension }>[]) =>
  nameAlbum(album, cards).map(({ name }) => name);

t.test('contracts are numbered first, then photos, from 001', async (t) => {
  t.same(names({ iccid: 'A', contracts: some(2), photos: some(1, 'png') }), [
    'KH_CMD-7_0002_001.jpg',
    'KH_CMD-7_0002_002.jpg',
    'KH_CMD-7_0002_003.png',
  ]);
  t.same(names({ iccid: 'A', photos: some(2) }), ['KH_CMD-7_0002_001.jpg', 'KH_CMD-7_0002_002.jpg']);
});

t.test('without a contract one picture stands for it, as _000', async (t) => {
  t.same(names({ iccid: 'A', contracts: [], photos: some(3) }), ['KH_CMD-7_0002_000.jpg']);
  t.same(names({ iccid: 'A', contracts: [], photos: [] }), []);
});

t.test('several cards have a sub-directory each, and their numbers run on', async (t) => {
  const cards = [
    { iccid: 'A', contracts: some(2), photos: some(1) },
    { iccid: 'B', contracts: [], photos: some(2) },
    { iccid: 'C', contracts: some(1), photos: [] },
  ];
  t.same(names(...cards), [
    'A/KH_CMD-7_0002_001.jpg',
    'A/KH_CMD-7_0002_002.jpg',
    'A/KH_CMD-7_0002_003.jpg',
    'B/KH_CMD-7_0002_000.jpg',
    'C/KH_CMD-7_0002_004.jpg',
  ]);
});

t.test('999 pictures have a number each, and 1,000 are refused', async (t) => {
  t.equal(names({ iccid: 'A', photos: some(999) }).at(-1), 'KH_CMD-7_0002_999.jpg');
  t.throws(() => names({ iccid: 'A', photos: some(1_000) }), {
    code: 'ALBUM_INVALID',
    message: /at most 999 pictures/,
  });
});

t.test('whatever is found, names are those of the notice, each once, numbered without a gap', async (t) => {
  const pictures = fc.array(fc.constantFrom<PictureExtension>('jpg', 'jpeg', 'png', 'heic'), { maxLength: 12 });
  const list = pictures.map((extensions) => extensions.map((extension) => ({ extension })));
  const cards = fc.uniqueArray(
    fc.record({ iccid: fc.stringMatching(/^[0-9A-Z]{1,20}$/), contracts: list, photos: list }),
    { selector: ({ iccid }) => iccid, minLength: 1, maxLength: 5 },
  );
  const property = fc.property(cards, (given) => {
    const named = nameAlbum(album, given);
    const numbers = named.map(({ name, picture }) => {
      const parsed = parseFileName(name.split('/').at(-1) ?? '');
      if (parsed?.kind !== 'picture' || parsed.extension !== picture.extension) throw new Error(`no name: ${name}`);
      if (name.includes('/') !== given.length > 1) throw new Error(`not in its directory: ${name}`);
      return parsed.number;
    });
    if (new Set(named.map(({ name }) => name)).size !== named.length) throw new Error('a name came twice');
    const counted = numbers.filter((number) => number > 0);
    if (counted.some((number, index) => number !== index + 1)) throw new Error(`a gap: ${counted}`);
    const standIns = given.filter(({ contracts, photos }) => contracts.length === 0 && photos.length > 0).length;
    if (numbers.length - counted.length !== standIns) throw new Error('a card without a contract has one stand-in');
  });
  t.doesNotThrow(() => fc.assert(property, { seed: 2022, numRuns: 200 }));
});

t.test('a pattern takes values that lead nowhere else, and is nowhere without them', async (t) => {
  const values: { [name: string]: unknown } = { iccid: '8986-1', 'card.Photo': 'a.jpg', number: 12, empty: '' };
  const fill = (pattern: string) => fillPattern(pattern, (name) => values[name]);
  t.equal(fill('photos/{iccid}/{card.Photo}'), 'photos/8986-1/a.jpg');
  t.equal(fill('{number}/x'), '12/x');
  t.equal(fill('photos/{absent}'), undefined);
  t.equal(fill('photos/{empty}'), undefined);
  for (const bad of ['..', '.hidden', 'a/b', '/etc', 'a\0b', 'a\\b', '%2e%2e', 'a b', 'ü', 'x'.repeat(129), {}, ['a']])
    t.throws(() => fillPattern('photos/{x}', () => bad), { code: 'RECORD_INVALID', message: /^photos\/\{x\}/ });
});

t.test('no value of a pattern leaves its directory', async (t) => {
  const property = fc.property(fc.string({ unit: 'binary' }), (value) => {
    let filled: string | undefined;
    try {
      filled = fillPattern('{x}', () => value);
    } catch {
      return;
    }
    if (filled !== undefined && (/[/\\\0%]/.test(filled) || filled.startsWith('.'))) throw new Error(filled);
  });
  t.doesNotThrow(() => fc.assert(property, { seed: 2022, numRuns: 2_000 }));
});

t.test('patterns that cannot be meant are told so', async (t) => {
  t.equal(patternFault('photos/{iccid}', 'path'), undefined);
  t.equal(patternFault('https://photos.example/{iccid}?size=full', 'address'), undefined);
  t.match(patternFault('photos', 'path'), /placeholder/);
  t.match(patternFault('photos/{icc id}', 'path'), /in braces/);
  t.match(patternFault('photos/{iccid', 'path'), /placeholder/);
  t.match(patternFault('photos/{iccid}/*.jpg', 'path'), /without \*/);
  t.match(patternFault('https://{code}.example/x', 'address'), /after the host/);
  t.match(patternFault('http://photos.example/{iccid}', 'address'), /https/);
});

t.test('a pattern is cut in front of what is made from data', async (t) => {
  t.same(splitPattern('var/photos/x-{iccid}/{code}'), { fixed: 'var/photos/', rest: 'x-{iccid}/{code}' });
  t.same(splitPattern('{iccid}'), { fixed: '.', rest: '{iccid}' });
  t.same(splitPattern('/{iccid}'), { fixed: '/', rest: '{iccid}' });
});
