import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Sink } from '../../contract/component.js';
import type { Item } from '../../contract/item.js';
import type { WindowRow } from '../../contract/store.js';
import { systemClock } from '../../engine/clock.js';
import { spec } from '../../sinks/received.js';
import { openSqliteStore, type SqliteStore } from '../../stores/sqlite/store.js';
import { bareContext, keptLog } from '../support/bareContext.js';
import { optionsOf } from '../support/options.js';
import { fileItemAt, regulator } from '../support/regulator.js';
import { accounts, album, batch, cipher, JPG, lines, makerCipher, vehicles } from '../support/sentFiles.js';
import { DAY_16_MS, HOUR_MS, textsOf } from '../support/testStore.js';

const P = 'KH_0002_2022111600_P_000001end.bin';
const F = 'KH_0002_2022111600_F_000001end.bin';
const CL = 'CL_LSV1_2022111600_P_000001end.zip';

/** Everything of a kind and code that the archive has. */
function archived(store: SqliteStore, kind: 'KH' | 'CL' = 'KH', code = '0002'): string[] {
  const all: WindowRow = {
    id: 0,
    kind,
    code,
    cutoff: '',
    type: 'F',
    fromPosition: 0,
    toPosition: 1e9,
    pipeline: '',
    state: 'open',
    plannedAt: 0,
    options: '',
  };
  return textsOf(store.records(all, 0, 1e9));
}

t.test('records come into the archive in order, and are found by card and RequestID', async (t) => {
  const { receive, store, clock } = await regulator(t);
  const records = accounts(0, 1_234);
  await receive(P, await batch(P, lines(records)));
  await receive(CL, await batch(CL, lines(vehicles(0, 3))));
  t.same(archived(store), records);
  t.same(archived(store, 'CL', 'LSV1'), vehicles(0, 3));
  const { ICCID } = JSON.parse(records[7] ?? '') as { ICCID: string };
  t.match(store.trace(ICCID), [{ step: 'archived' }]);
  t.match(store.trace('R-2'), [{ step: 'archived' }]);
  t.match(store.received.day('20221116', clock.now()).files, [
    {
      sender: 'CMCC',
      name: P,
      content: 'KH',
      code: '0002',
      batch: { cutoff: '2022111600', type: 'P', sequence: 1, end: true },
      count: 1_234,
      loaded: 1_234,
      twice: 0,
      receivedAt: clock.now(),
    },
    { name: CL, content: 'CL', code: 'LSV1', count: 3, loaded: 3 },
  ]);
});

t.test('each record is archived once, whichever file brings it first', async (t) => {
  const { receive, store } = await regulator(t);
  await receive(P, await batch(P, lines(accounts(0, 10))));
  await receive(F, await batch(F, lines(accounts(0, 15))));
  t.same(archived(store), accounts(0, 15), 'a full file adds what no daily one brought');
  const next = 'KH_0002_2022111700_P_000001end.bin';
  await receive(next, await batch(next, lines(accounts(12, 20))));
  t.same(archived(store), accounts(0, 20), 'and the other way round');
  const { files } = store.received.day('20221117', 0);
  t.match(files, [{ name: next, twice: 0 }], 'what only a full file has brought has not come twice');
});

t.test('the same file once more is nothing new; other content under its name is refused', async (t) => {
  const { receive, store, clock } = await regulator(t);
  const content = await batch(P, lines(accounts(0, 5)));
  t.equal(await receive(P, content), undefined);
  const at = clock.now();
  clock.set(at + HOUR_MS);
  t.equal(await receive(P, content), undefined);
  t.match(store.received.day('20221116', 0).files, [{ receivedAt: at, loaded: 5, twice: 0 }]);
  const told = await receive(P, await batch(P, lines(accounts(0, 6))));
  t.match(told, /^FILE_INVALID KH_\S+: came with other content at \S+; expected each name once$/);
  t.equal(archived(store).length, 5);
});

t.test('the same file twice at once, as through two drop boxes of a sender, is loaded once', async (t) => {
  const { receive, store } = await regulator(t);
  const records = accounts(0, 1_200);
  const content = await batch(P, lines(records));
  t.same(await Promise.all([receive(P, content), receive(P, content)]), [undefined, undefined]);
  t.same(archived(store), records);
  t.match(store.received.day('20221116', 0).files, [{ loaded: 1_200, twice: 0 }]);
});

t.test('an album fulfils the due file of its name when it came, with or without the code', async (t) => {
  const { receive, store, clock } = await regulator(t);
  const card = { requestId: 'CMD-7', iccid: '89860412101880000012', withinMs: 6 * HOUR_MS };
  await store.commit([
    (transaction) => transaction.addDueFile({ ...card, name: 'KH_CMD-7_0002', content: 'KH', code: '0002' }),
    (transaction) => transaction.addDueFile({ ...card, name: 'HT_CMD-7', content: 'HT', code: '' }),
  ]);
  clock.set(clock.now() + HOUR_MS);
  await receive('KH_CMD-7_0002.bin', await album(cipher, ['KH_CMD-7_0002_001.jpg', JPG]));
  t.match(store.dueFile('KH_CMD-7_0002'), { state: 'delivered', deliveredAt: clock.now() });
  t.match(store.dueFile('HT_CMD-7'), { state: 'open' });
  const contracts = await album(makerCipher, ['HT_CMD-7_LSV1_001.jpg', JPG]);
  t.match(await receive('HT_CMD-7_LSV1.bin', contracts.subarray(0, -16)), /^UNDECRYPTABLE/);
  t.match(store.dueFile('HT_CMD-7'), { state: 'open' }, 'a wrong one fulfils nothing');
  t.equal(await receive('HT_CMD-7_LSV1.bin', contracts), undefined);
  t.match(store.dueFile('HT_CMD-7'), { state: 'delivered' });
});

t.test('a dead letter that is sent again counts as retried in the transaction that takes the file in', async (t) => {
  const { store, path: archive } = await regulator(t);
  const folder = join(archive, '..', 'inbox');
  const sink = (await spec.create(optionsOf(spec, {}), { ...bareContext({ directory: folder, store }) })) as Sink;
  for (const [name, records] of [
    [P, accounts(0, 1_100)],
    [F, []],
  ] as const) {
    const path = join(folder, name);
    writeFileSync(path, await batch(name, lines(records)));
    const counts: number[] = [];
    const effect = () => void counts.push(archived(store).length);
    await sink.write({ ...verifiedItem(path, records), effects: [effect] });
    t.same(counts, [1_100], 'once, when every record is in');
  }
  const path = join(folder, P);
  const { verified: _, ...bare } = fileItemAt(path).value as { verified?: object };
  await t.rejects(sink.write({ ...fileItemAt(path), value: bare }), { message: /expected verify before received/ });
});

function verifiedItem(path: string, records: readonly string[]): Item {
  const item = fileItemAt(path);
  const read = async function* () {
    for (const record of records) yield Buffer.from(record);
  };
  return {
    ...item,
    value: { ...(item.value as object), verified: { count: records.length, bytes: 1, records: read } },
  };
}

t.test('a file that changes between its two passes is no part of the archive’s promise', async (t) => {
  const { store, path: archive } = await regulator(t);
  const folder = join(archive, '..', 'inbox');
  const sink = (await spec.create(optionsOf(spec, {}), { ...bareContext({ directory: folder, store }) })) as Sink;
  const path = join(folder, P);
  writeFileSync(path, 'x');
  const item = verifiedItem(path, accounts(0, 3));
  const { verified, ...value } = item.value as { verified: object };
  const shorter = { ...item, value: { ...value, verified: { ...verified, count: 4 } } };
  await t.rejects(sink.write(shorter), { code: 'FILE_INVALID', message: /changed since it was verified/ });
});

const SCRIPT = fileURLToPath(new URL('../support/receiveProcess.js', import.meta.url));

const run = (...words: string[]) => once(spawn(process.execPath, [SCRIPT, ...words], { stdio: 'inherit' }), 'exit');

t.test('killed at any moment, it goes on where it was, and nothing is doubled or lost', async (t) => {
  const records = accounts(0, 200);
  const folder = t.testdir({});
  const file = join(folder, P);
  writeFileSync(file, await batch(P, lines(records)));
  // the first commit notes the file, each of the others takes ten records
  for (const moment of [1, 2, 9, 21]) {
    const archive = join(folder, `${moment}.db`);
    t.same(await run(archive, file, String(moment)), [null, 'SIGKILL'], `killed in commit ${moment}`);

    const store = await openSqliteStore({ path: archive, clock: systemClock, log: keptLog() });
    const before = archived(store).length;
    t.ok(before === Math.max(0, 10 * (moment - 2)) || before === 10 * (moment - 1), `${before} records were in`);
    const [known = { loaded: 0 }] = store.received.day('20221116', 0).files;
    t.equal(known.loaded, before, 'the ledger knows how far it came');
    await store.close();

    t.same(await run(archive, file), [0, null]);
    const after = await openSqliteStore({ path: archive, clock: systemClock, log: keptLog() });
    t.same(archived(after), records);
    t.match(after.received.day('20221116', 0).files, [{ loaded: 200, twice: 0 }]);
    await after.close();
  }
});

t.test('a file counts as received when it got its name, whenever it is taken in', async (t) => {
  const { store, path: archive } = await regulator(t);
  const folder = join(archive, '..', 'inbox');
  const later = systemClock.now() + 24 * HOUR_MS;
  const clock = { now: () => later, until: systemClock.until };
  const context = { ...bareContext({ directory: folder, store }), clock };
  const sink = (await spec.create(optionsOf(spec, {}), context)) as Sink;
  const path = join(folder, P);
  writeFileSync(path, 'x');
  await sink.write(verifiedItem(path, []));
  const [file] = store.received.day('20221116', DAY_16_MS).files;
  t.ok((file?.receivedAt ?? later) < later - 23 * HOUR_MS);
});
