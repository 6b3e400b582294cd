import t from 'tap';
import { AFTER_DEADLINE_MS, type Regulator, regulator } from '../support/regulator.js';
import {
  accounts,
  album,
  batch,
  cipher,
  declaring,
  type Entry,
  flipped,
  JPG,
  lines,
  makerCipher,
  otherCipher,
  PNG,
  sealed,
  vehicles,
  withPassword,
  zipped,
} from '../support/sentFiles.js';

const BASE = 'KH_0002_2022111600_P_000001end';
const KH = `${BASE}.bin`;
const CL = 'CL_LSV1_2022111600_P_000001end.zip';
const PICTURES = 'KH_CMD-7_0002.bin';
const CONTRACTS = 'HT_CMD-7_LSV1.bin';

const records = accounts(0, 5);
const [first = ''] = records;
const text = lines(records);
const zip = await zipped([`${BASE}.txt`, text]);
const bin = sealed(zip);
const account = (content: string | Buffer) => batch(KH, content);
const changed = (field: string, to: string) => {
  const value = JSON.stringify((JSON.parse(first) as Record<string, unknown>)[field]);
  return account(first.replace(`"${field}":${value}`, to));
};
const reversed = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(first) as object).reverse()));
const bomb = await zipped([`${BASE}.txt`, Buffer.alloc(30_000_000, ' ')]);
const pictures = (...entries: Entry[]) => album(cipher, ...entries);
const picture = (number: string, content: Buffer = JPG): Entry => [`KH_CMD-7_0002_${number}`, content];

/** What was spoiled, the file, and what the regulator says of it. */
const SPOILED: readonly [what: string, name: string, content: Buffer | Promise<Buffer>, said: RegExp][] = [
  // names
  ['a name that is none', 'hello.bin', bin, /FILE_INVALID hello\.bin: expected the name of a batch \(6\.2\.1\.2/],
  ['an unknown kind', 'XX_0002_2022111600_P_000001end.bin', bin, /expected the name of a batch/],
  ['a cut-off that is no date', 'KH_0002_2022113100_P_000001end.bin', bin, /expected the name of a batch/],
  ['a sequence of zero', 'KH_0002_2022111600_P_000000.bin', bin, /expected the name of a batch/],
  ['neither F nor P', 'KH_0002_2022111600_D_000001end.bin', bin, /expected the name of a batch/],
  [
    'the code of another operator',
    'KH_0003_2022111600_P_000001end.bin',
    bin,
    /UNAUTHORIZED .*expected a code that operator speaks for, got 0003/,
  ],
  [
    'contracts of a car maker that nobody knows',
    'HT_CMD-7_LFV9.bin',
    bin,
    /UNAUTHORIZED .*a car maker in `makers` speaks for, got LFV9/,
  ],
  ['vehicles of such a one', 'CL_LFV9_2022111600_P_000001end.zip', zip, /UNAUTHORIZED .*got LFV9/],
  // extensions
  ['accounts as a plain zip', `${BASE}.zip`, zip, /account data and pictures to be encrypted \(\.bin\), got \.zip/],
  ['accounts as plain text', `${BASE}.txt`, Buffer.from(text), /expected the name of a batch/],
  ['an unfinished file', `${KH}.tmp`, bin, /expected the name of a batch/],
  [
    'vehicles that are encrypted',
    CL.replace('.zip', '.bin'),
    bin,
    /vehicle files as plain zips \(6\.2\.2: \.zip\), got \.bin/,
  ],
  // encryption
  ['another key', KH, sealed(zip, otherCipher), /UNDECRYPTABLE .*under the key agreed on/],
  ['one byte cut off', KH, bin.subarray(0, -1), /UNDECRYPTABLE .*under the key agreed on; got \d+ bytes/],
  ['one block cut off', KH, bin.subarray(0, -16), /UNDECRYPTABLE .*under the key agreed on/],
  ['half of it cut off', KH, bin.subarray(0, 16 * Math.floor(bin.length / 32)), /UNDECRYPTABLE .*under the key/],
  ['a bit flipped', KH, flipped(bin, 400), /FILE_INVALID .*is damaged: /],
  ['no IV in front', KH, bin.subarray(16), /FILE_INVALID .*: entry 1 of the zip is wrong: invalid central directory/],
  ['an empty file', KH, Buffer.alloc(0), /FILE_INVALID .*: expected a file, got an empty one$/],
  [
    'contracts under the key of the operator',
    CONTRACTS,
    pictures(['HT_CMD-7_LSV1_001.jpg', JPG]),
    /UNDECRYPTABLE .*under the key agreed on/,
  ],
  // zip
  ['no zip', KH, sealed(Buffer.from(text)), /expected a zip, got \d+ bytes that are none/],
  [
    'two entries',
    KH,
    zipped([`${BASE}.txt`, text], ['b.txt', '']).then((it) => sealed(it)),
    /one entry called KH_\S+\.txt, got 2 entries/,
  ],
  ['no entry', KH, zipped().then((it) => sealed(it)), /got 0 entries/],
  ['an entry of another name', KH, zipped(['a.txt', text]).then((it) => sealed(it)), /got one of another name/],
  [
    'a zip bomb that says so',
    KH,
    sealed(bomb),
    /expected an entry of at most 200 times its packed size, but KH_\S+ makes 30000000/,
  ],
  ['a zip bomb that declares little', KH, sealed(declaring(bomb, 1_000)), /is damaged: too many bytes in the stream/],
  ['an entry that declares less than it holds', KH, sealed(declaring(zip, 100)), /is damaged: too many bytes/],
  ['an entry that declares more than it holds', KH, sealed(declaring(zip, 999_999)), /is damaged: not enough bytes/],
  [
    'a text above 100 MB',
    KH,
    sealed(declaring(zip, 100_000_001)),
    /MESSAGE_TOO_LARGE .*at most 100000000 bytes, but \S+ declares 100000001/,
  ],
  [
    'a zip with a password',
    KH,
    sealed(withPassword(zip)),
    /FILE_INVALID .*\.txt: expected no password, got an entry that has one$/,
  ],
  [
    'an entry outside',
    KH,
    zipped([`../${BASE}.txt`, text]).then((it) => sealed(it)),
    /entry 1 of the zip is wrong: invalid relative path$/,
  ],
  [
    'a CRC that is wrong',
    CL,
    zipped([CL.replace('.zip', '.txt'), lines(vehicles(0, 2))]).then((it) =>
      flipped(it, it.indexOf('PK\x01\x02') + 16),
    ),
    /is damaged: expected the CRC/,
  ],
  // text
  ['a byte order mark', KH, account(`\ufeff${text}`), /record 1: expected UTF-8 without a byte order mark/],
  ['UTF-16', KH, account(Buffer.from(text, 'utf16le')), /record 1: JSON: expected UTF-8/],
  ['GBK', KH, account(gbk()), /record 1: JSON: expected UTF-8/],
  ['a line that is no JSON', KH, account(`${text}oops\n`), /record 6: JSON: malformed/],
  ['an array without its end', KH, account(`[${records.join(',')}`), /record 6: expected the end of the array/],
  ['an array of numbers', KH, account('[1, 2, 3]'), /record 1: expected an array of objects/],
  [
    'an array without commas',
    KH,
    account(`[${records.join(' ')}]`),
    /record 2: expected an array of objects, with one comma/,
  ],
  ['a key twice', KH, account(first.replace('{', '{"UserID":"x",')), /record 1: JSON: the key "UserID" comes twice/],
  ['fields out of order', KH, account(reversed), /record 1: \S+ stands after a field that follows it in table 12/],
  ['a mandatory field missing', KH, account(without('UserID')), /record 1: UserID（用户编号）: M: must be present/],
  [
    'a code that the table does not have',
    KH,
    changed('BasicOperator', '"BasicOperator":"7"'),
    /BasicOperator（归属运营商）: one of 1, 2, 3/,
  ],
  ['a field that the table does not have', KH, account(first.replace(/}$/, ',"Nickname":"x"}')), /record 1: Nickname/],
  [
    'Auth in a vehicle record',
    CL,
    batch(CL, '{"Auth":{},"RequestID":"R","Code":"LSV1","EncryptCarInfo":"x"}\n'),
    /record 1: Auth/,
  ],
  // albums
  [
    'a picture that is none',
    PICTURES,
    pictures(picture('001.jpg', Buffer.from('<html></html>'))),
    /KH_CMD-7_0002_001\.jpg: expected a picture, got a file that begins with 3c68746d/,
  ],
  [
    'an empty picture',
    PICTURES,
    pictures(picture('001.jpg', Buffer.alloc(0))),
    /001\.jpg: expected a picture, got an empty file/,
  ],
  [
    'another kind than the extension says',
    PICTURES,
    pictures(picture('001.jpg', PNG)),
    /001\.jpg: expected a picture of the kind that its extension says, got png/,
  ],
  [
    'an extension in capitals',
    PICTURES,
    pictures(picture('001.JPG')),
    /entry 1: expected a name as KH_CMD-7_0002_001\.jpg, the extension in lower case, got \.JPG/,
  ],
  [
    'another name in an album',
    PICTURES,
    pictures(['张三.jpg', JPG]),
    /entry 1: expected a name as KH_CMD-7_0002_001\.jpg, got another name$/,
  ],
  ['a gap in the numbers', PICTURES, pictures(picture('001.jpg'), picture('003.jpg')), /number 002 is missing$/],
  ['a number twice', PICTURES, pictures(picture('001.jpg'), picture('001.png', PNG)), /number 001 comes 2 times$/],
  [
    'another RequestID inside',
    PICTURES,
    pictures(['KH_CMD-8_0002_001.jpg', JPG]),
    /KH_CMD-8_0002_001\.jpg: expected a name that begins with KH_CMD-7_0002_/,
  ],
  [
    '_000 together with others',
    PICTURES,
    pictures(picture('000.jpg'), picture('001.jpg')),
    /expected _000, which says that there is no contract, alone/,
  ],
  ['an album without pictures', PICTURES, pictures(), /expected at least one picture, got none/],
  [
    'directories in directories',
    PICTURES,
    pictures([`a/b/${picture('001.jpg')[0]}`, JPG]),
    /at most one level of sub-directories/,
  ],
  [
    'too many entries',
    PICTURES,
    pictures(...Array.from({ length: 1_100 }, (_, index): Entry => [`${index}/`, ''])),
    /expected at most 1099 entries in the zip, got 1100/,
  ],
  [
    'half an album',
    CONTRACTS,
    album(makerCipher, ['HT_CMD-7_LSV1_001.jpg', JPG]).then((it) => it.subarray(0, 160)),
    /UNDECRYPTABLE HT_CMD-7_LSV1\.bin/,
  ],
];

function without(field: string): string {
  const { [field]: _, ...rest } = JSON.parse(first) as Record<string, unknown>;
  return JSON.stringify(rest);
}

/** 张三 in GB 18030. */
function gbk(): Buffer {
  const { CustomerName } = JSON.parse(first) as { CustomerName: string };
  const [before = '', after = ''] = first.split(CustomerName);
  return Buffer.concat([Buffer.from(before), Buffer.from('d5c5c8fd', 'hex'), Buffer.from(after)]);
}

t.test('each spoiled file is refused, and told', async (t) => {
  const { receive, store } = await regulator(t);
  for (const [what, name, content, expected] of SPOILED) {
    const said = (await receive(name, await content)) ?? 'nothing';
    t.match(said, expected, what);
    t.match(said, name, 'it says which file');
    t.notMatch(said, /张三|^INTERNAL/);
    const [letter] = store.deadLetters().filter(({ origin }) => origin === `sftp cmcc/${name}`);
    t.equal(`${letter?.code} ${letter?.reason}`, said, 'the dead letter says the same');
  }
  t.same(store.status().records, [], 'nothing of them is archived');
});

/** Windows that are wrong although each of their files is right: what is sent, and what the report says of it. */
const CROSS: readonly [what: string, send: (to: Regulator) => Promise<unknown>, said: RegExp][] = [
  ['a gap in the sequence', send('P_000001', 'P_000003end'), /^missing: 000002$/],
  ['the first file missing', send('P_000002end'), /^missing: 000001$/],
  ['no end', send('P_000001', 'P_000002'), /^no file says end; the last that came is 000002$/],
  ['two ends', send('P_000001end', 'P_000002end'), /^several files say end: 000001, 000002$/],
  ['an end in the middle', send('P_000001', 'P_000002end', 'P_000003'), /^000002 says end, but 000003 came too$/],
  ['a number with and without end', send('P_000001', 'P_000001end'), /^twice: 000001$/],
  [
    'a record twice in one file',
    async ({ receive }) => receive(KH, await account(lines([...records, first]))),
    /^KH_\S+end\.bin: 1 record had come before, the first in KH_0002_2022111600_P_000001end\.bin$/,
  ],
  [
    'a record in the files of two days',
    async ({ receive }) => {
      await receive('KH_0002_2022111500_P_000001end.bin', await batch('KH_0002_2022111500_P_000001end.bin', text));
      await receive(KH, await account(lines(accounts(3, 8))));
    },
    /^KH_\S+: 2 records had come before, the first in KH_0002_2022111500_P_000001end\.bin$/,
  ],
  [
    'a full file without some of what came before',
    async ({ receive }) => {
      await receive(KH, await account(text));
      const full = 'KH_0002_2022111600_F_000001end.bin';
      await receive(full, await batch(full, lines(records.slice(2))));
    },
    /^lacks 2 records of its P windows$/,
  ],
  [
    'a file that came late',
    async (to) => {
      to.clock.set(AFTER_DEADLINE_MS);
      await to.receive(KH, await account(text));
    },
    /^complete 1 h 12 min late$/,
  ],
  [
    'a file that was refused',
    async ({ receive }) => receive(KH, bin.subarray(0, -1)),
    /^KH_\S+ was refused \(dead letter 1\)$/,
  ],
];

function send(...parts: string[]): (to: Regulator) => Promise<void> {
  return async ({ receive }) => {
    for (const [index, part] of parts.entries()) {
      const name = `KH_0002_2022111600_${part}.bin`;
      await receive(name, await batch(name, lines(accounts(10 * index, 10 * index + 5))));
    }
  };
}

for (const [what, spoil, expected] of CROSS) {
  t.test(`${what} is in the report`, async (t) => {
    const to = await regulator(t);
    await spoil(to);
    to.clock.set(AFTER_DEADLINE_MS);
    const report = to.report({ expected: [{ content: 'KH', code: '0002' }] });
    t.notOk(report.green);
    const faults = report.windows.flatMap(({ faults }) => faults);
    t.ok(
      faults.some((fault) => expected.test(fault)),
      faults.join(' | '),
    );
  });
}

t.test('what is not spoiled is taken, and the report is green', async (t) => {
  const { receive, report, clock } = await regulator(t);
  t.equal(await receive(KH, bin), undefined);
  t.equal(await receive(CL, await batch(CL, lines(vehicles(0, 3)))), undefined);
  for (const name of [KH, CL].map((name) => name.replace('_P_', '_F_'))) {
    t.equal(await receive(name, await batch(name, name.startsWith('KH') ? text : lines(vehicles(0, 3)))), undefined);
  }
  t.equal(await receive(PICTURES, await pictures(picture('001.jpg'), picture('002.png', PNG))), undefined);
  t.equal(await receive(CONTRACTS, await album(makerCipher, ['HT_CMD-7_LSV1_000.jpg', JPG])), undefined);
  clock.set(AFTER_DEADLINE_MS);
  const { green, windows } = report();
  t.ok(green);
  t.match(
    windows.map(({ content, type, state, records }) => [content, type, state, records]),
    [
      ['KH', 'P', 'onTime', 5],
      ['KH', 'F', 'onTime', 5],
      ['CL', 'P', 'onTime', 3],
      ['CL', 'F', 'onTime', 3],
    ],
  );
  t.ok(
    SPOILED.length + CROSS.length >= 30,
    `${SPOILED.length + CROSS.length} kinds of spoiled files are refused above`,
  );
});
