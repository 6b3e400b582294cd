import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import t from 'tap';
import { BLOCK_BYTES } from '../../workers/deflater.js';
import { ZipWriter } from '../../workers/zip.js';

const mtimeMs = Date.UTC(2022, 10, 15, 16);

function zipped(entries: { name: string; chunks: Uint8Array[]; late?: boolean }[], level = 6): Buffer {
  const out: Uint8Array[] = [];
  const zip = new ZipWriter(level, (bytes) => out.push(Buffer.from(bytes)));
  for (const { name, chunks, late } of entries) {
    zip.begin(late ? undefined : { name, mtimeMs });
    for (const chunk of chunks) zip.write(chunk);
    zip.end({ name, mtimeMs });
  }
  zip.finish();
  return Buffer.concat(out);
}

const lines = Array.from({ length: 3_000 }, (_, index) => Buffer.from(`{"ICCID":"${index}","CustomerName":"张三"}\n`));

t.test('unzip takes what is written, whether the name was known before the content or after', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-zip-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  for (const late of [false, true]) {
    const path = join(folder, `${late}.zip`);
    writeFileSync(path, zipped([{ name: 'KH_0002_2022111600_P_000001end.txt', chunks: lines, late }]));
    t.match(execFileSync('unzip', ['-t', path], { encoding: 'utf8' }), /No errors detected/);
    t.same(execFileSync('unzip', ['-p', path]), Buffer.concat(lines));
    t.match(execFileSync('unzip', ['-Z1', path], { encoding: 'utf8' }), /^KH_0002_2022111600_P_000001end\.txt\n$/);
  }
});

t.test('a damaged byte does not pass as whole', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-zip-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const bytes = zipped([{ name: 'a.txt', chunks: lines }]);
  const middle = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  const path = join(folder, 'damaged.zip');
  writeFileSync(path, bytes);
  t.throws(() => execFileSync('unzip', ['-t', path], { stdio: 'ignore' }));
});

t.test('the same content gives the same bytes, however it was cut into chunks', async (t) => {
  const whole = zipped([{ name: 'a.txt', chunks: [Buffer.concat(lines)] }]);
  const pieces = zipped([{ name: 'a.txt', chunks: lines, late: true }]);
  t.ok(whole.equals(pieces));
});

t.test('blocks of every size make one stream, as small as if it had been deflated at once', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-zip-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const text = Buffer.concat(Array.from({ length: 30 }, () => lines).flat());
  t.ok(text.length > 2 * BLOCK_BYTES + 1, `${text.length} bytes`);
  for (const size of [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 1]) {
    const content = text.subarray(0, size);
    const path = join(folder, `${size}.zip`);
    const aligned = [content.subarray(0, BLOCK_BYTES), content.subarray(BLOCK_BYTES)];
    const bytes = zipped([{ name: 'a.txt', chunks: aligned }]);
    writeFileSync(path, bytes);
    t.same(execFileSync('unzip', ['-p', path], { maxBuffer: 10 * BLOCK_BYTES }), content, `${size} bytes`);
    const odd = [content.subarray(0, 7), content.subarray(7, 100_000), content.subarray(100_000)];
    t.ok(zipped([{ name: 'a.txt', chunks: odd }]).equals(bytes), 'the same, cut elsewhere');
    const atOnce = deflateRawSync(content, { level: 6 }).length;
    t.ok(bytes.length < atOnce * 1.01 + 200, `${bytes.length} bytes, at once ${atOnce}`);
  }
});

t.test('several entries, an empty one and incompressible bytes stand side by side', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-zip-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const noise = randomBytes(300_000);
  const path = join(folder, 'three.zip');
  const entries = [
    { name: 'empty.txt', chunks: [] },
    { name: 'noise.bin', chunks: [noise], late: true },
    { name: '照片_001.jpg', chunks: lines },
  ];
  writeFileSync(path, zipped(entries));
  t.match(execFileSync('unzip', ['-t', path], { encoding: 'utf8' }), /No errors detected/);
  t.same(execFileSync('unzip', ['-p', path, 'noise.bin']), noise);
  const names = execFileSync('python3', [
    '-c',
    'import sys,zipfile;print("|".join(zipfile.ZipFile(sys.argv[1]).namelist()))',
    path,
  ]);
  t.equal(names.toString().trim(), 'empty.txt|noise.bin|照片_001.jpg');
});
