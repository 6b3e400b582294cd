import { copyFileSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import t, { type Test } from 'tap';
import type { WorkerStep } from '../../contract/component.js';
import type { CipherOptions } from '../../contract/peer.js';
import { createCipher } from '../../crypto/cipher.js';
import { Packer } from '../../workers/packer.js';
import { CARD, collecting, picture, put } from '../support/pictures.js';
import { testStore } from '../support/testStore.js';

const BASE = 'KH_CMD-7_0002';
const CIPHER: CipherOptions = {
  name: 'sm4-cbc',
  key: '00112233445566778899aabbccddeeff',
  iv: 'prefix',
  encoding: 'base64',
};
const NEW_KEY = 'ffeeddccbbaa99887766554433221100';

const stepsOf = (cipher?: CipherOptions, level = 0): WorkerStep[] => [
  { worker: 'zip', level },
  ...(cipher ? [{ worker: 'encrypt', cipher } as const] : []),
];

/** An album that is packed as often as a run takes it up, by the steps that its pipeline has by then. */
async function site(t: Test) {
  const folder = t.testdir({ outbox: {} });
  const outbox = join(folder, 'outbox');
  const { store, path } = await testStore(t, { path: join(folder, 'archive.db') });
  put(folder, { [`contracts/${CARD}/a.jpg`]: picture('jpg', 50_000) });
  const { collect } = await collecting(folder, store, { contracts: [{ directory: 'contracts/{iccid}' }] });
  const packer = new Packer(store, outbox);
  t.teardown(() => packer.close());
  const pack = async (steps: WorkerStep[]) => packer.pack(await collect(), steps, new AbortController().signal);
  return { folder, outbox, store, path, pack };
}

const isZip = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1', 0, 2) === 'PK';

t.test(
  'what waits in the outbox is packed again once its pipeline encrypts, and nothing of it stays plain',
  async (t) => {
    const { outbox, pack, store } = await site(t);
    await pack(stepsOf());
    t.same(readdirSync(outbox), [`${BASE}.zip`]);
    const packed = await pack(stepsOf(CIPHER));
    t.equal(packed.name, `${BASE}.bin`);
    t.ok(isZip(createCipher(CIPHER).decrypt(readFileSync(packed.path))));
    t.same(readdirSync(outbox), [`${BASE}.bin`]);
    t.match(store.file(BASE), { state: 'packed', packedName: `${BASE}.bin`, path: packed.path, sm3: packed.sm3 });
  },
);

t.test('under another key, cipher, IV mode or level it is packed again; under the same it is taken over', async (t) => {
  const { pack, folder } = await site(t);
  const first = await pack(stepsOf(CIPHER));
  const changes: WorkerStep[][] = [
    stepsOf({ ...CIPHER, key: NEW_KEY }),
    stepsOf({ ...CIPHER, name: 'sm4-ctr' }),
    stepsOf({ ...CIPHER, iv: 'fixed', fixedIv: '0'.repeat(32) }),
    stepsOf(CIPHER, 9),
  ];
  for (const steps of changes) {
    const packed = await pack(steps);
    const [, encrypt] = steps;
    const { cipher } = encrypt as { cipher: CipherOptions };
    t.not(packed.sm3, first.sm3);
    t.ok(isZip(createCipher(cipher).decrypt(readFileSync(packed.path))), 'who has the key of now opens it');
  }
  const again = await pack(stepsOf(CIPHER));
  t.equal(again.sm3, first.sm3, 'back under the first steps: the same bytes as at first');
  rmSync(join(folder, 'contracts'), { recursive: true });
  t.equal((await pack(stepsOf(CIPHER))).sm3, first.sm3, 'taken over, without its pictures');
});

t.test('two contents of a file never go under one key and IV; the same content goes under the same', async (t) => {
  const { pack } = await site(t);
  const counter: CipherOptions = { ...CIPHER, name: 'sm4-ctr' };
  const ivAt = async (level: number) => readFileSync((await pack(stepsOf(counter, level))).path).toString('hex', 0, 16);
  const [stored, deflated, again] = [await ivAt(0), await ivAt(9), await ivAt(0)];
  t.not(stored, deflated);
  t.equal(again, stored);
});

t.test('one that was uploading: to the same bytes it may have arrived, to others it has not', async (t) => {
  const { pack, store } = await site(t);
  const first = await pack(stepsOf(CIPHER));
  await store.fileUploading(BASE);
  rmSync(first.path);
  t.equal((await pack(stepsOf(CIPHER))).plan?.state, 'uploading', 'its rename may have got through');
  const other = await pack(stepsOf({ ...CIPHER, key: NEW_KEY }));
  t.equal(other.bytes, first.bytes, 'what lies there may have the same size');
  t.equal(other.plan?.state, 'packed');
  t.equal(store.file(BASE)?.state, 'packed');
  await store.fileDelivered(BASE, '/upload/x');
  t.equal((await pack(stepsOf(CIPHER))).plan?.state, 'delivered', 'what is delivered stays delivered');
});

t.test('the ledger tells nothing of a key, and a file of an older program is packed again', async (t) => {
  const { pack, path, store, folder } = await site(t);
  const first = await pack(stepsOf(CIPHER));
  const steps = store.file(BASE)?.steps ?? '';
  t.match(steps, /^[0-9a-f]{64}$/);
  for (const name of readdirSync(folder).filter((file) => file.startsWith('archive.db')))
    t.notMatch(readFileSync(join(folder, name)).toString('latin1'), CIPHER.key);
  const older = new Sqlite(path);
  older.exec('UPDATE files SET steps = NULL');
  older.close();
  copyFileSync(first.path, join(folder, 'first.bin'));
  const packed = await pack(stepsOf(CIPHER));
  t.ok(readFileSync(packed.path).equals(readFileSync(join(folder, 'first.bin'))));
  t.equal(store.file(BASE)?.steps, steps);
});
