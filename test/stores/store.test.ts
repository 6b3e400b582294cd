import { chmod, stat, writeFile } from 'node:fs/promises';
import t from 'tap';
import { IovError } from '../../contract/error.js';
import type { Effect, NewDeadLetter } from '../../contract/store.js';
import type { Tags } from '../../contract/tags.js';
import { openDatabase } from '../../stores/sqlite/database.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { append, DAY_16_MS, HOUR_MS, newRecord, testStore } from '../support/testStore.js';

const ICCID = '89860412101880000012';
const registered = { fields: { ICCID, CustomerName: '张三' }, tags: { requestId: 'R1' } };

t.test('a new archive is its owner’s alone, and so are the files beside it', async (t) => {
  const path = `${t.testdir({ 'archive.db': '' })}/archive.db`;
  await chmod(path, 0o644);
  const { store } = await testStore(t, { path });
  await append(store, newRecord('one'));
  for (const file of [path, `${path}-wal`, `${path}-shm`])
    t.equal((await stat(file)).mode & 0o777, 0o600, file.slice(-4));
});

t.test('each side of a card stays when the other changes, and what waits is counted', async (t) => {
  const { store, clock } = await testStore(t);
  await store.commit([
    (transaction) => transaction.putCardSide(ICCID, 'registration', { ...registered, person: 'p1' }),
  ]);
  t.match(store.status().cards, { complete: 0, waitingForCard: 1, waitingForRegistration: 0 });
  clock.set(DAY_16_MS);
  await store.commit([(transaction) => transaction.putCardSide(ICCID, 'card', { fields: { IMSI: '1' }, tags: {} })]);
  await store.commit([(transaction) => transaction.putCardSide('other', 'card', { fields: {}, tags: {} })]);
  t.match(store.status().cards, { complete: 1, waitingForCard: 0, waitingForRegistration: 1 });
  t.same(
    store.read((state) => state.card(ICCID)),
    {
      iccid: ICCID,
      registration: { ...registered, person: 'p1', updatedAt: DAY_16_MS - 24 * HOUR_MS },
      card: { fields: { IMSI: '1' }, tags: {}, updatedAt: DAY_16_MS },
    },
  );
  t.equal(
    store.read((state) => state.card('unknown')),
    undefined,
  );
});

t.test('a card that was read before is read anew once this process or another has changed it', async (t) => {
  const path = `${t.testdir()}/archive.db`;
  const { store } = await testStore(t, { path });
  const { store: other } = await testStore(t, { path });
  const name = (name: string): Effect => {
    return (transaction) => transaction.putCardSide(ICCID, 'card', { fields: { name }, tags: {} });
  };
  const seen = () => store.read((state) => state.card(ICCID))?.card?.fields.name;
  t.equal(seen(), undefined);
  await store.commit([name('ours')]);
  t.equal(seen(), 'ours');
  await other.commit([name('another’s')]);
  t.equal(seen(), 'another’s');
  const undone = store.commit([
    name('undone'),
    (transaction) => t.equal(transaction.card(ICCID)?.card?.fields.name, 'undone', 'a transaction sees what it wrote'),
    () => {
      throw new IovError('CARD_CHANGED', 'to be undone');
    },
  ]);
  await t.rejects(undone, { code: 'CARD_CHANGED' });
  t.equal(seen(), 'another’s');
});

t.test(
  'a person’s cards are counted without the one in question, and no longer once it has gone to another',
  async (t) => {
    const { store } = await testStore(t);
    const put = (iccid: string, person?: string) =>
      store.commit([
        (transaction) => transaction.putCardSide(iccid, 'registration', { ...registered, ...(person && { person }) }),
      ]);
    const count = () => store.read((state) => state.cardsOf('p1', 'A'));
    for (const iccid of ['A', 'B', 'C']) await put(iccid, 'p1');
    t.equal(count(), 2);
    await put('B', 'p2');
    await put('C');
    t.equal(count(), 0);
  },
);

t.test('a dead letter is replaced when its item fails again, and kept apart from other pipelines', async (t) => {
  const { store } = await testStore(t);
  const letter = (reason: string, pipeline = 'cards-in') => ({
    pipeline,
    origin: 'cards:3',
    code: 'RECORD_INVALID',
    reason,
    tags: { iccid: ICCID } as Tags,
  });
  const add = (...letters: NewDeadLetter[]) =>
    store.commit([
      (transaction) => {
        for (const one of letters) transaction.addDeadLetter(one);
      },
    ]);
  await add({ ...letter('first'), raw: Buffer.from('raw') }, letter('elsewhere', 'backfill'));
  store.deadLetterRetried(1);
  t.match(store.deadLetters({ state: 'waiting' }), [{ id: 2, reason: 'elsewhere' }]);
  await add(letter('second'));
  const [second, ...others] = store.deadLetters({ pipeline: 'cards-in' });
  t.match(second, { id: 1, reason: 'second', state: 'waiting', raw: undefined });
  t.same(others, [], 'none of another pipeline');
  t.match(store.deadLetters({ afterId: 1, limit: 5 }), [{ id: 2 }]);
  await add({ ...letter('large'), raw: Buffer.alloc(1024 * 1024 + 1) });
  t.match(store.deadLetter(1), {
    raw: undefined,
    reason: 'large; the item itself (1048577 bytes) is too large to be kept here',
  });
  await add({ ...letter('small'), raw: Buffer.alloc(1024 * 1024) });
  t.equal(store.deadLetter(1)?.raw?.length, 1024 * 1024);
  t.equal(store.status().deadLetters, 2);
  t.equal(store.deadLetter(99), undefined);
});

t.test('trace tells the life of a request, a card and a file, and names no card', async (t) => {
  const { store, clock } = await testStore(t);
  const request = { platformId: 'OEM-1', requestId: 'R1', kind: 'KH', code: 'LSV1', iccid: ICCID };
  await store.commit([
    (transaction) => {
      transaction.rememberRequest(request);
      transaction.putCardSide(ICCID, 'registration', registered);
    },
  ]);
  t.match(store.trace('R1'), [{ step: 'accepted', text: 'request R1 from OEM-1 (KH LSV1)' }, { step: 'waiting' }]);
  t.same(store.trace(ICCID), store.trace('R1'));
  clock.set(clock.now() + HOUR_MS);
  await store.commit([
    (transaction) => {
      transaction.putCardSide(ICCID, 'card', { fields: {}, tags: {} });
      transaction.append(newRecord('before'));
      transaction.append(newRecord('record', { iccid: ICCID, requestId: 'R1' }));
    },
  ]);
  clock.set(DAY_16_MS);
  const key = { kind: 'KH', code: '0002', cutoff: '2022111600', type: 'P' } as const;
  const window = store.openWindow(key, DAY_16_MS, 'accounts-daily');
  const plan = (sequence: number) => ({
    baseName: `KH_0002_2022111600_P_00000${sequence}`,
    window: key,
    sequence,
    records: 1,
    textBytes: 7,
    iv: '',
    mtimeMs: 0,
    state: 'planned' as const,
  });
  store.planFile({ windowId: window.id, plan: plan(1), fromPosition: 1, toPosition: 1 });
  const { name } = store.planFile({ windowId: window.id, plan: plan(2), fromPosition: 2, toPosition: 2 });
  clock.set(DAY_16_MS + 1);
  await store.filePacked(name, { packedName: `${name}.bin`, path: '/x', bytes: 99, sm3: 'ab' });
  clock.set(DAY_16_MS + 2);
  await store.fileDelivered(name, `/upload/${name}.bin`);
  const steps = store.trace('R1');
  t.same(
    steps.map(({ step, text }) => `${step}: ${text}`),
    [
      'accepted: request R1 from OEM-1 (KH LSV1)',
      'archived: KH 0002, position 2, 6 bytes',
      'window: KH_0002_2022111600_P of accounts-daily, open',
      `file: ${name}: 1 records, 7 bytes`,
      `packed: ${name}.bin: 99 bytes, SM3 ab`,
      `delivered: /upload/${name}.bin`,
    ],
  );
  t.notMatch(JSON.stringify(steps), ICCID);
  t.same(store.trace(ICCID), steps);
  for (const file of [name, `${name}.bin`, `${name}.bin.tmp`, `${name}.txt`])
    t.same(store.trace(file), steps.slice(2), file);
  await store.commit([
    (transaction) =>
      transaction.addDeadLetter({
        pipeline: 'p',
        origin: 'o',
        code: 'CARD_LIMIT',
        reason: 'no',
        tags: { requestId: 'R1' },
      }),
  ]);
  t.match(store.trace('R1').at(-1), { step: 'dead', text: 'dead letter 1 of p (waiting): CARD_LIMIT no' });
  t.same(store.trace('nobody knows'), []);
});

t.test('positions of sources are kept by pipeline and source', async (t) => {
  const { store } = await testStore(t);
  const position = { offset: 2 ** 40, line: 7, fingerprint: 'f' };
  await store.commit([(transaction) => transaction.setPosition('p', 's', { ...position, line: 1 })]);
  await store.commit([(transaction) => transaction.setPosition('p', 's', position)]);
  t.same(store.position('p', 's'), position);
  t.equal(store.position('p', 'other'), undefined);
});

t.test('an archive opened to read refuses to write, while and after another process has it', async (t) => {
  const { store, path, clock, log } = await testStore(t);
  await append(store, newRecord('one'));
  const open = () => openSqliteStore({ path, clock, log, readOnly: true });
  const beside = await open();
  t.equal(beside.status().records[0]?.count, 1);
  await t.rejects(append(beside, newRecord('two')), { code: 'STORE_FAILED', message: /cannot be written/ });
  await beside.close();
  await store.close();
  const after = await open();
  t.equal(after.status().records[0]?.count, 1);
  await after.close();
});

t.test('what is no archive, or one of a newer program, is refused with a reason', async (t) => {
  const { path, clock, log, store } = await testStore(t);
  await store.close();
  const open = (given: { path: string; readOnly?: boolean }) => openSqliteStore({ clock, log, ...given });
  await t.rejects(open({ path: `${path}.missing`, readOnly: true }), {
    code: 'STORE_FAILED',
    message: /there is no such file/,
  });
  await writeFile(
    `${path}.text`,
    'this is a text, and a long one at that, which SQLite will not take for a database of its own',
  );
  await t.rejects(open({ path: `${path}.text` }), { code: 'STORE_FAILED', message: /not an archive/ });
  const database = await openDatabase(path, false);
  database.pragma('user_version = 99');
  database.close();
  await t.rejects(open({ path }), { code: 'STORE_FAILED', message: /schema 99.*use the newer program/ });
  await writeFile(`${path}.empty`, '');
  await t.rejects(open({ path: `${path}.empty`, readOnly: true }), {
    code: 'STORE_FAILED',
    message: /`iovpipe run` upgrades it/,
  });
});
