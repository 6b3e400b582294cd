import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ZipWriter } from '../../workers/zip.js';

const mtimeMs = Date.UTC(2022, 10, 15, 16);

async function zipped(entries: { name: string; chunks: Uint8Array[]; late?: boolean }[], level = 6): Promise<Buffer> {
  const out: Uint8Array[] = [];
  const zip = new ZipWriter(level, (bytes) => out.push(Buffer.from(bytes)));
  for (const { name, chunks, late } of entries) {
    zip.begin(late ? undefined : { name, mtimeMs });
    for (const chunk of chunks) await zip.write(chunk);
    await zip.end({ name, mtimeMs });
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
    writeFileSync(path, await zipped([{ name: 'KH_0002_2022111600_P_000001end.txt', chunks: lines, late }]));
    t.match(execFileSync('unzip', ['-t', path], { encoding: 'utf8' }), /No errors detected/);
    t.same(execFileSync('unzip', ['-p', path]), Buffer.concat(lines));
    t.match(execFileSync('unzip', ['-Z1', path], { encoding: 'utf8' }), /^KH_0002_2022111600_P_000001end\.txt\n$/);
  }
});

t.test('a damaged byte does not pass as whole', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-zip-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const bytes = await zipped([{ name: 'a.txt', chunks: lines }]);
  const middle = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  const path = join(folder, 'damaged.zip');
  writeFileSync(path, bytes);
  t.throws(() => execFileSync('unzip', ['-t', path], { stdio: 'ignore' }));
});

t.test('the same content gives the same bytes, however it was cut into chunks', async (t) => {
  const whole = await zipped([{ name: 'a.txt', chunks: [Buffer.concat(lines)] }]);
  const pieces = await zipped([{ name: 'a.txt', chunks: lines, late: true }]);
  t.ok(whole.equals(pieces));
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
  writeFileSync(path, await zipped(entries));
  t.match(execFileSync('unzip', ['-t', path], { encoding: 'utf8' }), /No errors detected/);
  t.same(execFileSync('unzip', ['-p', path, 'noise.bin']), noise);
  const names = execFileSync('python3', [
    '-c',
    'import sys,zipfile;print("|".join(zipfile.ZipFile(sys.argv[1]).namelist()))',
    path,
  ]);
  t.equal(names.toString().trim(), 'empty.txt|noise.bin|照片_001.jpg');
});
