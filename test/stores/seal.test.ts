import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Seal } from '../../contract/seal.js';
import { systemClock } from '../../engine/clock.js';
import { opensWith, rekey } from '../../stores/sqlite/rekey.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { changesIn } from '../support/killMoment.js';

const PERSON = '张三丰先生的登记';
const seal = (cipher: Seal['cipher'] = 'aegis'): Seal => ({ cipher, key: randomBytes(32).toString('hex') });

const open = (path: string, sealed?: Seal) =>
  openSqliteStore({ path, clock: systemClock, log: keptLog(), ...(sealed && { seal: sealed }) });

/** So many records of one person, durable, and the store still open. */
async function filled(path: string, sealed: Seal | undefined, records: number) {
  const store = await open(path, sealed);
  const bytes = Buffer.from(JSON.stringify({ CustomerName: PERSON }));
  const append = (at: number) =>
    store.commit([(transaction) => transaction.append({ kind: 'KH', code: '0002', iccid: `8986${at}`, bytes })]);
  await Promise.all(Array.from({ length: records }, (_, at) => append(at)));
  return store;
}

/** Whether the person stands anywhere in this folder in plain text. */
async function plainIn(folder: string): Promise<boolean> {
  const names = await readdir(folder);
  const files = await Promise.all(names.map((name) => readFile(join(folder, name))));
  return files.some((file) => file.includes(PERSON));
}

const recordsOf = async (path: string, sealed?: Seal) => {
  const store = await open(path, sealed);
  const { records } = await store.status();
  await store.close();
  return records[0]?.count;
};

for (const cipher of ['aegis', 'aes256'] as const) {
  t.test(`a file sealed with ${cipher} shows nobody, nor does the log beside it`, async (t) => {
    const folder = t.testdir();
    const path = join(folder, 'archive.db');
    const key = seal(cipher);
    const store = await filled(path, key, 100);
    t.notOk(await plainIn(folder), 'while it is open');
    await store.close();
    t.notOk(await plainIn(folder));
    t.equal(await recordsOf(path, key), 100);
    await t.rejects(open(path), { code: 'STORE_FAILED', message: /sealed with another key/ });
    await t.rejects(open(path, seal(cipher)), { code: 'STORE_FAILED' }, 'another key');
  });
}

t.test('control: without a seal the person is found', async (t) => {
  const folder = t.testdir();
  const store = await filled(join(folder, 'archive.db'), undefined, 1);
  t.ok(await plainIn(folder));
  await store.close();
});

t.test('rekey seals a plain file, changes key and cipher, and unseals; nothing is lost', async (t) => {
  const folder = t.testdir();
  const path = join(folder, 'archive.db');
  const store = await filled(path, undefined, 500);
  const [first, second] = [seal(), seal('aes256')];
  await t.rejects(rekey(path, undefined, first), { code: 'STORE_FAILED', message: /in use: stop the daemon/ });
  await store.close();
  await rekey(path, undefined, first);
  t.notOk(await plainIn(folder));
  t.equal(await recordsOf(path, first), 500);
  await rekey(path, first, second);
  t.notOk(await opensWith(path, first), 'the old key is worth nothing');
  t.equal(await recordsOf(path, second), 500);
  await t.rejects(rekey(path, first, second), { code: 'STORE_FAILED', message: /another key/ });
  await rekey(path, second, undefined);
  t.equal(await recordsOf(path), 500);
});

t.test('killed at any moment, the file opens with the old key or the new one, and is whole', async (t) => {
  const folder = t.testdir();
  const path = join(folder, 'archive.db');
  await (await filled(path, undefined, 20_000)).close();
  const module = new URL('../../stores/sqlite/rekey.js', import.meta.url).href;
  let now: Seal | undefined;
  let kills = 0;
  for (const changes of [1, 2, 5, 20, 60, 200, 100_000]) {
    const next = seal();
    const script = `import { rekey } from ${JSON.stringify(module)}; process.stdout.write('begins');
      await rekey(...${JSON.stringify([path, now ?? null, next])}.map((given) => given ?? undefined));`;
    const child = execFile(process.execPath, ['--input-type=module', '-e', script]);
    const ended = once(child, 'exit');
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    let seen = 0;
    const leave = changesIn(folder)((more) => {
      seen += more;
      if (seen >= changes) child.kill('SIGKILL');
    });
    const [, signal] = await ended;
    if (signal === 'SIGKILL') kills += 1;
    leave();
    const isNew = await opensWith(path, next);
    if (isNew) now = next;
    t.ok(
      isNew || (await opensWith(path, now)),
      `after ${changes} changes in the folder: ${isNew ? 'the new key' : 'the old key'}`,
    );
    t.equal(await recordsOf(path, now), 20_000);
  }
  t.ok(kills > 0, `killed ${kills} times`);
});

t.test('a rekey that fails leaves the file as it was, and no copy of it', async (t) => {
  const folder = t.testdir();
  const path = join(folder, 'archive.db');
  await (await filled(path, undefined, 3)).close();
  await t.rejects(rekey(path, undefined, { ...seal(), cipher: 'none' as 'aegis' }), { code: 'STORE_FAILED' });
  t.strictSame(await readdir(folder), ['archive.db']);
  t.equal(await recordsOf(path), 3);
});
