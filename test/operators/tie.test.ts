import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import type { Kernel } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { PackedFile } from '../../contract/file.js';
import type { Item } from '../../contract/item.js';
import { Receipt } from '../../contract/receipt.js';
import type { Store } from '../../contract/store.js';
import { sm3Hex } from '../../crypto/digest.js';
import { spec } from '../../operators/tie.js';
import { bareContext, keptLog } from '../support/bareContext.js';
import { maker } from '../support/messages.js';
import { optionsOf } from '../support/options.js';
import { HOUR_MS, testStore } from '../support/testStore.js';
import { within } from '../support/within.js';

const ICCID = '89860412101880000012';
const SHM = '/dev/shm';
const FAR = existsSync(SHM) && statfsSync(SHM).type !== statfsSync('.').type;

/** A kernel with a real ledger, and a drop box before it. */
async function place(t: Test, options: object = {}) {
  const { store, path } = await testStore(t);
  const folder = dirname(path);
  const box = join(folder, 'in');
  mkdirSync(box);
  const log = keptLog();
  const context = { ...bareContext({ directory: folder, store, log }), peers: { oem: maker } };
  const given = optionsOf(spec, { peer: 'oem', directory: 'pictures', lookMs: 10, ...options });
  const kernel = (await spec.create(given, context)) as Kernel;
  t.teardown(() => kernel.close?.());
  const settled: string[] = [];
  const item = (name: string, content: string, from = box): Item<PackedFile> => {
    const file = join(from, name);
    writeFileSync(file, content);
    const receipt = new Receipt((error) => void settled.push(error?.code ?? name));
    const value = { name, path: file, bytes: content.length, sm3: sm3Hex(content) };
    return { value, tags: {}, origin: name, effects: [], receipt };
  };
  return { kernel, store, log, folder, box, kept: join(folder, 'pictures'), item, settled };
}

const expected = (store: Store, content: 'KH' | 'HT', requestId: string, code = 'WBA0', iccid = ICCID) =>
  store.commit([
    (transaction) =>
      transaction.addDueFile({
        name: [content, requestId, code].filter(Boolean).join('_'),
        content,
        requestId,
        code,
        iccid,
        withinMs: 6 * HOUR_MS,
      }),
  ]);

t.test('pictures move to the folder of their card, and are no longer due', async (t) => {
  const { kernel, store, box, kept, item, settled, log } = await place(t);
  await expected(store, 'KH', 'REQ-1');
  const one = item('KH_REQ-1_WBA0.bin', 'pictures');
  one.effects = [(transaction) => transaction.setPosition('test', 'x', { offset: 1, line: 0, fingerprint: '' })];
  t.same(await kernel.transform(one), [], 'they go no further');
  t.same(settled, ['KH_REQ-1_WBA0.bin']);
  t.match(store.dueFile('KH_REQ-1_WBA0'), { state: 'delivered' });
  t.ok(store.position('test', 'x'), 'the item’s own effects are stored with it');
  t.equal(readFileSync(join(kept, ICCID, 'KH_REQ-1_WBA0.bin'), 'utf8'), 'pictures');
  t.same(readdirSync(box), []);
  t.same(readdirSync(kept), [ICCID]);
  t.equal(statSync(join(kept, ICCID)).mode & 0o777, 0o700);
  t.notMatch(JSON.stringify(log.lines), ICCID, 'a card is never named in a log line');
});

t.test('pictures of a registration of several cards are kept with each of them', async (t) => {
  const { kernel, store, box, kept, item } = await place(t);
  const OTHER = '89860412101880000020';
  await expected(store, 'KH', 'REQ-1', 'WBA0', `${ICCID},${OTHER}`);
  await kernel.transform(item('KH_REQ-1_WBA0.bin', 'pictures'));
  for (const iccid of [ICCID, OTHER]) t.equal(readFileSync(join(kept, iccid, 'KH_REQ-1_WBA0.bin'), 'utf8'), 'pictures');
  t.same(readdirSync(kept), [ICCID, OTHER]);
  t.same(readdirSync(box), []);
  t.match(store.dueFile('KH_REQ-1_WBA0'), { state: 'delivered' });
});

t.test('a move to another file system works', { skip: FAR ? false : 'one file system here' }, async (t) => {
  const far = mkdtempSync(join(SHM, 'iovpipe-tie-'));
  t.teardown(() => rmSync(far, { recursive: true }));
  const { kernel, store, box, item, settled } = await place(t, { directory: far });
  await expected(store, 'KH', 'REQ-1');
  const content = 'x'.repeat(300_000);
  const folder = join(far, ICCID);
  mkdirSync(folder);
  writeFileSync(join(folder, 'KH_REQ-1_WBA0.bin.tmp'), 'longer '.repeat(100_000)); // a copy that was broken off
  await kernel.transform(item('KH_REQ-1_WBA0.bin', content));
  t.equal(readFileSync(join(folder, 'KH_REQ-1_WBA0.bin'), 'utf8'), content);
  t.same(readdirSync(folder), ['KH_REQ-1_WBA0.bin']);
  t.same(readdirSync(box), []);
  await t.rejects(async () => kernel.transform(item('KH_REQ-1_WBA0.bin', 'other')), { code: 'FILE_INVALID' });
  t.equal(readFileSync(join(folder, 'KH_REQ-1_WBA0.bin'), 'utf8'), content, 'never replaced');
  t.same(settled, ['KH_REQ-1_WBA0.bin']);
});

t.test('the same bytes again are harmless; others under a name that is kept are refused, and not lost', async (t) => {
  const { kernel, store, box, kept, item, settled } = await place(t);
  await expected(store, 'KH', 'REQ-1');
  const name = 'KH_REQ-1_WBA0.bin';
  for (let time = 0; time < 2; time += 1) t.same(await kernel.transform(item(name, 'pictures')), []);
  t.same([settled.length, readdirSync(box).length], [2, 0]);
  await t.rejects(async () => kernel.transform(item(name, 'others..')), {
    code: 'FILE_INVALID',
    message: `${name}: it is kept already, with other content`,
  });
  t.equal(readFileSync(join(box, name), 'utf8'), 'others..');
  t.equal(readFileSync(join(kept, ICCID, name), 'utf8'), 'pictures');
});

t.test('wherever an earlier attempt ended, the next one comes to the same end', async (t) => {
  const { kernel, store, box, kept, item } = await place(t);
  await expected(store, 'KH', 'REQ-1');
  const name = 'KH_REQ-1_WBA0.bin';
  const target = join(kept, ICCID, name);
  mkdirSync(dirname(target), { recursive: true });
  const inPlace = item(name, 'pictures');
  linkSync(inPlace.value.path, target); // put in its place, not noted
  await kernel.transform(inPlace);
  t.match(store.dueFile('KH_REQ-1_WBA0'), { state: 'delivered' });
  t.same(readdirSync(box), []);
  const gone = item(name, 'pictures');
  rmSync(gone.value.path); // noted, removed, and given again from a listing that is older
  t.same(await kernel.transform(gone), []);
  t.equal(readFileSync(target, 'utf8'), 'pictures');
  const lost = item('KH_REQ-2_WBA0.bin', 'pictures');
  rmSync(lost.value.path);
  await t.rejects(async () => kernel.transform(lost), { code: 'FILE_UNREADABLE', retryable: false });
});

t.test('pictures before their registration wait, and are tied when it comes', async (t) => {
  const { kernel, store, kept, item, settled, log } = await place(t);
  for (const requestId of ['REQ-1', 'REQ-2']) await kernel.transform(item(`KH_${requestId}_WBA0.bin`, requestId));
  t.equal(settled.length, 2, 'kept is kept');
  t.same(readdirSync(join(kept, 'unregistered')).sort(), ['KH_REQ-1_WBA0.bin', 'KH_REQ-2_WBA0.bin']);
  const tied = new Promise<void>((resolve) => {
    log.info = (_fields, message) => message === 'pictures are kept' && resolve();
  });
  await expected(store, 'KH', 'REQ-1');
  await within(30_000, 'the pictures to be tied', tied);
  t.match(store.dueFile('KH_REQ-1_WBA0'), { state: 'delivered' });
  t.same(readdirSync(join(kept, ICCID)), ['KH_REQ-1_WBA0.bin']);
  t.same(readdirSync(join(kept, 'unregistered')), ['KH_REQ-2_WBA0.bin']);
});

t.test('pictures that cannot be tied to their registration are told once, and stay', async (t) => {
  const { kernel, store, kept, item, log } = await place(t);
  await kernel.transform(item('KH_REQ-1_WBA0.bin', 'one'));
  mkdirSync(join(kept, ICCID));
  writeFileSync(join(kept, ICCID, 'KH_REQ-1_WBA0.bin'), 'other');
  const told = new Promise<void>((resolve) => {
    const { error } = log;
    log.error = (fields, message) => {
      error(fields, message);
      resolve();
    };
  });
  await expected(store, 'KH', 'REQ-1');
  await within(30_000, 'the report', told);
  await kernel.close?.();
  t.match(
    log.lines.filter(({ level }) => level === 'error'),
    [{ fields: { file: 'KH_REQ-1_WBA0.bin', code: 'FILE_INVALID' } }],
  );
  t.same(readdirSync(join(kept, 'unregistered')), ['KH_REQ-1_WBA0.bin']);
});

t.test('contracts pass, unopened, when a command asked for them', async (t) => {
  const { kernel, store, box, item, settled } = await place(t);
  await expected(store, 'HT', 'CMD-1');
  await expected(store, 'HT', 'CMD-2', '');
  for (const name of ['HT_CMD-1_WBA0.bin', 'HT_CMD-2_WBA0.bin']) {
    const given = item(name, 'contracts');
    const [passed, ...others] = await kernel.transform(given);
    t.equal(passed?.value, given.value);
    t.match(passed?.tags, { requestId: name.slice(3, 8), code: 'WBA0' });
    t.same(others, []);
  }
  t.same([settled, readdirSync(box).length], [[], 2], 'the receipt goes with them');
  await t.rejects(async () => kernel.transform(item('HT_CMD-3_WBA0.bin', 'x')), {
    code: 'FILE_INVALID',
    message: /no command asked for these contracts/,
  });
});

t.test('anything else is refused by its name', async (t) => {
  const { kernel, store, item, box, kept } = await place(t);
  await expected(store, 'KH', 'REQ-1', 'LSV1');
  await expected(store, 'KH', 'REQ-9', 'WBA0', '../../etc');
  const wrong: [string, RegExp][] = [
    ['KH_REQ-1_LSV1.bin', /its code is not among those that this car maker may speak for/],
    ['KH_REQ-9_WBA0.bin', /an ICCID that no folder can be called by/],
    ['KH_REQ-1_WBA0.zip', /expected a name of 6\.1\.3\.2/],
    ['KH_REQ-1_WBA0.bin.tmp', /expected a name of 6\.1\.3\.2/],
    ['KH_0002_2022111600_P_000001end.bin', /expected a name of 6\.1\.3\.2/],
    ['KH_REQ-1_WBA0_001.jpg', /expected a name of 6\.1\.3\.2/],
    ['readme.bin', /expected a name of 6\.1\.3\.2/],
  ];
  for (const [name, message] of wrong) {
    const failed = await Promise.resolve(kernel.transform(item(name, 'x'))).catch(IovError.from);
    t.match(failed, { code: 'FILE_INVALID', message }, name);
  }
  t.equal(readdirSync(box).length, wrong.length, 'each stays where it came from');
  t.notOk(existsSync(kept));
});

t.test('a file that was changed, or made a link, after it was read is not kept', async (t) => {
  const { kernel, store, folder, kept, item } = await place(t);
  await expected(store, 'KH', 'REQ-1');
  const changed = item('KH_REQ-1_WBA0.bin', 'pictures');
  writeFileSync(changed.value.path, 'picture5');
  await t.rejects(async () => kernel.transform(changed), {
    code: 'FILE_INVALID',
    message: /it changed while it was taken/,
  });
  writeFileSync(join(folder, 'secret'), 'pictures');
  const linked = item('KH_REQ-1_WBA0.bin', 'pictures');
  rmSync(linked.value.path);
  symlinkSync(join(folder, 'secret'), linked.value.path);
  await t.rejects(async () => kernel.transform(linked), { code: 'FILE_INVALID' });
  t.same(readdirSync(join(kept, ICCID)), []);
  t.match(store.dueFile('KH_REQ-1_WBA0'), { state: 'open' });
});

t.test('what stands in the way of one card fails that file alone, for good, and names no card', async (t) => {
  const { kernel, store, kept, item } = await place(t);
  await expected(store, 'KH', 'REQ-1');
  mkdirSync(kept);
  writeFileSync(join(kept, ICCID), 'a file where a folder belongs');
  const failure = await Promise.resolve(kernel.transform(item('KH_REQ-1_WBA0.bin', 'pictures'))).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  t.match(failure, { code: 'FILE_UNREADABLE', retryable: false });
  t.notMatch(String(failure), /8986/);
});
