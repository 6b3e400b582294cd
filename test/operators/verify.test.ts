import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import t from 'tap';
import type { IovError } from '../../contract/error.js';
import type { CipherOptions } from '../../contract/peer.js';
import { createCipher } from '../../crypto/cipher.js';
import { generator } from '../../demo/generator.js';
import { compileSerializer } from '../../notice/serializer.js';
import { tableOf } from '../../notice/tables/index.js';
import { spec } from '../../operators/verify.js';
import { ZipWriter } from '../../workers/zip.js';
import { operator } from '../support/kernel.js';

const cipher: CipherOptions = {
  name: 'sm4-cbc',
  key: '00112233445566778899aabbccddeeff',
  iv: 'prefix',
  encoding: 'base64',
};
const other: CipherOptions = { ...cipher, key: 'ffeeddccbbaa99887766554433221100' };
const peers = { operator: { platformId: 'CMCC', password: 'secret', codes: [], cipher } };
const KH = 'KH_0002_2022111600_P_000001end';

const source = generator(7);
const serialize = compileSerializer(tableOf(12));
const records = Array.from({ length: 5 }, (_, index) => Buffer.from(serialize(source.record(index))).toString());
const lines = records.map((record) => `${record}\n`).join('');

const folder = mkdtempSync(join(tmpdir(), 'iovpipe-verify-'));
t.teardown(() => rmSync(folder, { recursive: true }));

async function zip(...entries: [name: string, text: string | Buffer][]): Promise<Buffer> {
  const out: Uint8Array[] = [];
  const writer = new ZipWriter(6, (bytes) => out.push(Buffer.from(bytes)));
  for (const [name, text] of entries) {
    writer.begin({ name, mtimeMs: Date.UTC(2022, 10, 16) });
    await writer.write(Buffer.from(text));
    await writer.end();
  }
  writer.finish();
  return Buffer.concat(out);
}

const sealed = (bytes: Buffer, by = cipher) => Buffer.from(createCipher(by).encrypt(bytes));

/** What verify says of a file of this name and content: nothing, where it is right. */
async function said(name: string, content: Buffer, options: object = {}): Promise<string | undefined> {
  const path = join(folder, name);
  writeFileSync(path, content);
  const verify = await operator(spec, { peer: 'operator', ...options }, { peers });
  return verify({ name: basename(path), path, bytes: content.length, sm3: '' }).then(
    () => undefined,
    (error: IovError) => `${error.code} ${error.message}`,
  );
}

t.test('a right file passes, its records one a line or in one array', async (t) => {
  t.equal(await said(`${KH}.bin`, sealed(await zip([`${KH}.txt`, lines]))), undefined);
  t.equal(await said(`${KH}.bin`, sealed(await zip([`${KH}.txt`, `[${records.join(',')}]`]))), undefined);
  t.equal(await said(`${KH}.bin`, sealed(await zip([`${KH}.txt`, '']))), undefined);
  t.equal(await said(`${KH}.bin`, sealed(await zip([`${KH}.txt`, '[]']))), undefined);
  const vehicle = '{"RequestID":"R-1","Code":"LSV1","EncryptCarInfo":"c2VjcmV0"}\n';
  const CL = 'CL_LSV1_2022111600_F_000001end';
  t.equal(await said(`${CL}.zip`, await zip([`${CL}.txt`, vehicle])), undefined);
});

const wrong = (field: string, by: string) => lines.replace(`"${field}":"${JSON.parse(records[0]!)[field]}"`, by);

const spoiled: [what: string, name: string, content: () => Promise<Buffer>, expected: RegExp][] = [
  ['a name that is none', 'hello.bin', () => zip(['hello.txt', lines]), /FILE_INVALID .*expected a name of 6\.2\.1\.2/],
  ['accounts that are not encrypted', `${KH}.zip`, () => zip([`${KH}.txt`, lines]), /to be encrypted/],
  [
    'another key',
    `${KH}.bin`,
    async () => sealed(await zip([`${KH}.txt`, lines]), other),
    /UNDECRYPTABLE|FILE_INVALID/,
  ],
  [
    'a truncated file',
    `${KH}.bin`,
    async () => sealed(await zip([`${KH}.txt`, lines])).subarray(0, -40),
    /UNDECRYPTABLE|FILE_INVALID/,
  ],
  ['no zip inside', `${KH}.bin`, async () => sealed(Buffer.from(lines)), /expected a zip/],
  [
    'an entry of another name',
    `${KH}.bin`,
    async () => sealed(await zip(['a.txt', lines])),
    /expected one entry called KH_/,
  ],
  [
    'two entries',
    `${KH}.bin`,
    async () => sealed(await zip([`${KH}.txt`, lines], ['b.txt', ''])),
    /expected one entry/,
  ],
  [
    'a damaged byte in the text',
    `${KH}.bin`,
    async () => sealed(damaged(await zip([`${KH}.txt`, lines]))),
    /FILE_INVALID|INTERNAL/,
  ],
  ['a byte order mark', `${KH}.bin`, async () => sealed(await zip([`${KH}.txt`, `\ufeff${lines}`])), /byte order mark/],
  [
    'a line that is no JSON',
    `${KH}.bin`,
    async () => sealed(await zip([`${KH}.txt`, `${lines}oops\n`])),
    /record 6: JSON/,
  ],
  [
    'a text that is not UTF-8',
    `${KH}.bin`,
    async () => sealed(await zip([`${KH}.txt`, Buffer.from([0x7b, 0xff, 0x7d, 0x0a])])),
    /record 1: .*UTF-8/,
  ],
  [
    'a code that is not allowed',
    `${KH}.bin`,
    async () => sealed(await zip([`${KH}.txt`, wrong('BasicOperator', '"BasicOperator":"7"')])),
    /record 1: BasicOperator（归属运营商）: one of 1, 2, 3/,
  ],
  [
    'a missing field',
    `${KH}.bin`,
    async () => sealed(await zip([`${KH}.txt`, wrong('UserID', '"OperType":"1"')])),
    /record 1: /,
  ],
  [
    'fields out of order',
    `${KH}.bin`,
    async () => sealed(await zip([`${KH}.txt`, `${reversed(records[0]!)}\n`])),
    /stands after a field that follows it/,
  ],
  [
    'an array without its end',
    `${KH}.bin`,
    async () => sealed(await zip([`${KH}.txt`, `[${records.join(',')}`])),
    /end of the array/,
  ],
];

for (const [what, name, content, expected] of spoiled) {
  t.test(`${what} is told`, async (t) => {
    t.match((await said(name, await content())) ?? 'nothing', expected);
  });
}

t.test('what is larger than its bound is refused before it is read', async (t) => {
  const content = sealed(await zip([`${KH}.txt`, lines]));
  t.match(await said(`${KH}.bin`, content, { fileBytesMax: 1_000 }), /MESSAGE_TOO_LARGE/);
  t.match(await said(`${KH}.bin`, content, { bytesMax: 1_000 }), /MESSAGE_TOO_LARGE/);
  t.match(await said(`${KH}.bin`, content, { recordBytesMax: 1_000 }), /record of at most 1000 bytes/);
});

t.test('of many faults the first are told, up to the bound', async (t) => {
  const content = sealed(await zip([`${KH}.txt`, 'x\n'.repeat(100)]));
  const told = (await said(`${KH}.bin`, content, { faultsMax: 3 })) ?? '';
  t.equal(told.match(/record \d+/g)?.length, 3);
});

function damaged(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(200) ^ 0xff, 200);
  return copy;
}

function reversed(record: string): string {
  return JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(record) as object).reverse()));
}
