import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { IovError } from '../../contract/error.js';
import type { PackedFile } from '../../contract/file.js';
import { spec } from '../../operators/verify.js';
import { operator } from '../support/kernel.js';
import { accounts, batch, flipped, lines, peers, sealed, vehicles, zipped } from '../support/sentFiles.js';

// What is refused, and how it is told, is the table of spoiled.test.ts.

const KH = 'KH_0002_2022111600_P_000001end.bin';
const CL = 'CL_LSV1_2022111600_F_000001end.zip';
const records = accounts(0, 5);

const folder = mkdtempSync(join(tmpdir(), 'iovpipe-verify-'));
t.teardown(() => rmSync(folder, { recursive: true }));

async function verified(name: string, content: Buffer, options: object = {}) {
  const path = join(folder, name);
  writeFileSync(path, content);
  const verify = await operator(spec, { peer: 'operator', ...options }, { peers });
  return verify({ name, path, bytes: content.length, sm3: '' });
}

/** What verify says of a file of this name and content: nothing, where it is right. */
const said = (name: string, content: Buffer, options: object = {}): Promise<string | undefined> =>
  verified(name, content, options).then(
    () => undefined,
    (error: IovError) => `${error.code} ${error.message}`,
  );

async function recordsIn({ value }: Awaited<ReturnType<typeof verified>>): Promise<string[]> {
  const found: string[] = [];
  for await (const record of (value as PackedFile).verified?.records?.() ?? [])
    found.push(Buffer.from(record).toString());
  return found;
}

t.test('a right file passes, its records one a line or in one array, and may be read once more', async (t) => {
  for (const text of [lines(records), `[${records.join(',')}]`, `[\n ${records.join(' ,\n')} ]\n`]) {
    const item = await verified(KH, await batch(KH, text));
    t.match(item, {
      tags: { platformId: 'CMCC', code: '0002' },
      value: { verified: { count: 5, bytes: Buffer.byteLength(text) } },
    });
    t.same(await recordsIn(item), records);
    t.same(await recordsIn(item), records, 'as often as one likes');
  }
  for (const text of ['', '[]', ' [ ]\n', '\n'])
    t.match(await verified(KH, await batch(KH, text)), { value: { verified: { count: 0 } } }, JSON.stringify(text));
  const item = await verified(CL, await batch(CL, lines(vehicles(0, 3))));
  t.match(item, { tags: { platformId: 'CMCC', code: 'LSV1' }, value: { verified: { count: 3 } } });
});

t.test('vehicle files may be encrypted where both sides have agreed on it', async (t) => {
  const name = CL.replace('.zip', '.bin');
  const content = sealed(await zipped([CL.replace('.zip', '.txt'), lines(vehicles(0, 1))]));
  t.equal(await said(name, content, { vehiclesEncrypted: true }), undefined);
  t.match(await said(CL, await batch(CL, ''), { vehiclesEncrypted: true }), /to be encrypted/);
});

t.test('what is larger than its bound is refused before it is read', async (t) => {
  const content = await batch(KH, lines(records));
  t.match(await said(KH, content, { fileBytesMax: 1_000 }), /MESSAGE_TOO_LARGE/);
  t.match(await said(KH, content, { bytesMax: 1_000 }), /MESSAGE_TOO_LARGE/);
  t.match(await said(KH, content, { recordBytesMax: 1_000 }), /record of at most 1000 bytes/);
  t.match(
    await said(KH, await batch(KH, `[${records.join(',')}]`), { recordBytesMax: 1_000 }),
    /record of at most 1000 bytes/,
  );
});

t.test('of many faults the first are told, up to the bound', async (t) => {
  const told = (await said(KH, await batch(KH, 'x\n'.repeat(100)), { faultsMax: 3 })) ?? '';
  t.equal(told.match(/record \d+/g)?.length, 3);
});

t.test('a link or a directory in the place of a file is not followed', async (t) => {
  const verify = await operator(spec, { peer: 'operator' }, { peers });
  const path = join(folder, 'link.bin');
  symlinkSync('/etc/hostname', path);
  await t.rejects(verify({ name: KH, path, bytes: 1, sm3: '' }), { code: 'FILE_INVALID', message: /got a link/ });
  await t.rejects(verify({ name: KH, path: folder, bytes: 1, sm3: '' }), { code: 'FILE_INVALID' });
  const gone = { name: KH, path: join(folder, 'gone'), bytes: 1, sm3: '' };
  await t.rejects(verify(gone), { code: 'FILE_UNREADABLE', message: `${KH}: ENOENT` });
});

t.test('no damage, wherever it is, is told as anything but a wrong file', async (t) => {
  const verify = await operator(spec, { peer: 'operator' }, { peers });
  const plain = await zipped([KH.replace('.bin', '.txt'), lines(records.slice(0, 1))]);
  const path = join(folder, 'damaged.bin');
  const codes = new Set<string>();
  for (let at = 0; at < plain.length; at += 1) {
    writeFileSync(path, sealed(flipped(plain, at)));
    codes.add(
      await verify({ name: KH, path, bytes: 1, sm3: '' }).then(
        () => 'passed',
        ({ code }: IovError) => code,
      ),
    );
  }
  for (let to = 0; to < plain.length; to += 16) {
    writeFileSync(path, sealed(plain.subarray(0, to)));
    codes.add(
      await verify({ name: KH, path, bytes: 1, sm3: '' }).then(
        () => 'cut, but passed',
        ({ code }: IovError) => code,
      ),
    );
  }
  // a time or an attribute of an entry means nothing to us
  t.same([...codes].sort(), ['FILE_INVALID', 'MESSAGE_TOO_LARGE', 'passed']);
});
