import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { purge } from '../../engine/retention.js';
import { setAside } from '../../files/refusedFiles.js';
import { checkedConfig } from '../support/checkedConfig.js';
import { DAY_MS } from '../support/endedService.js';
import { changedSite, writeSite } from '../support/site.js';
import { HOUR_MS, testStore } from '../support/testStore.js';

const PIPELINES = `retention: { directories: [pictures] }
pipelines:
  box:
    source:
      sftpServer:
        listen: 127.0.0.1:0
        hostKey: "\${secret:t1.key}"
        directory: box
        logins: [{ username: oem1, publicKey: ssh-ed25519 AAAA }, { username: oem2, publicKey: ssh-ed25519 AAAA, directory: elsewhere }]
    operators: [{ tie: { peer: oem, directory: pictures } }]
    sink: { discard: {} }
  watched:
    source: { directoryWatch: { directory: "srv/{login}/upload" } }
    sink: { discard: {} }
  flat:
    source: { directoryWatch: { directory: box/oem1, match: ["HT_*"] } }
    sink: { discard: {} }
  fetched:
    source: { sftpWatch: { on: regulator, spool: spool } }
    sink: { discard: {} }
`;

/** An operator whose every source of files has a folder of refused ones. */
async function place(t: Test) {
  const folder = t.testdir();
  const { store, clock } = await testStore(t, { path: join(folder, 'archive.db') });
  writeSite(folder, changedSite('pipeline.yaml', 'pipelines:\n', PIPELINES));
  const { retention, site } = await checkedConfig(join(folder, 'pipeline.yaml'));
  clock.set(Date.now()); // the time of an inode is the machine's
  const begunMs = clock.now();
  return {
    store,
    folder,
    put(path: string) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), 'personal');
      return join(folder, path);
    },
    is: (path: string) => existsSync(join(folder, path)),
    days: (count: number) => clock.set(begunMs + count * DAY_MS),
    purge: (dryRun = false) => purge(store, clock, { ...retention!, site, dryRun }),
    letterOf: (path: string, origin = path, pipeline = 'box') =>
      store.commit([
        (transaction) => {
          const raw = Buffer.from(JSON.stringify({ name: 'x', path, bytes: 8, sm3: '' }));
          transaction.addDeadLetter({ pipeline, origin, code: 'FILE_INVALID', reason: 'no', tags: {}, raw });
        },
      ]),
    due: (name: string, withinMs: number) =>
      store.commit([
        (transaction) =>
          transaction.addDueFile({ name, content: 'KH', requestId: 'R', code: 'LSV1', iccid: '1', withinMs }),
      ]),
  };
}

t.test('refused files, and pictures that nobody registered, go when their term is over', async (t) => {
  const { put, is, days, purge, store, folder } = await place(t);
  const paths = ['box/oem1', 'box/elsewhere', 'srv/a/upload', 'srv/b.c/upload', 'spool'].map(
    (path) => `${path}/refused/20221116051203123_HT_CMD-7_LSV1.bin`,
  );
  paths.push('pictures/unregistered/KH_REQ-1_LSV1.bin');
  const others = [
    'box/oem1/HT_CMD-8_LSV1.bin', // it was taken, and is kept
    'box/oem1/refused/folder/a.bin',
    'box/stranger/refused/a.bin', // nobody's login
    'srv/refused/a.bin',
    'pictures/89860012345678901234/KH_REQ-2_LSV1.bin',
  ];
  for (const path of [...paths, ...others]) put(path);
  days(700);
  t.match(await purge(), { asideFiles: 0 }, 'not before');
  days(800);
  t.match(await purge(true), { asideFiles: paths.length });
  t.ok(paths.every(is), 'a dry run takes nothing');
  const { failure, ...outcome } = await purge();
  t.match(outcome, { asideFiles: paths.length });
  t.equal(failure, undefined);
  t.notOk(paths.some(is));
  t.ok(others.every(is));
  t.match(store.purges.list(1), [{ asideFiles: paths.length }]);
  t.match(await purge(), { asideFiles: 0 }, 'once');
  t.same(readdirSync(join(folder, 'box/oem1/refused')), ['folder']);
});

t.test('what is still waited for stays: it is due, or a letter that waits is about it', async (t) => {
  const { put, is, days, purge, letterOf, due, store } = await place(t);
  const refused = (number: number) => put(`box/oem1/HT_CMD-${number}_LSV1.bin`);
  const asideOf = async (number: number) => {
    let kept = '';
    const note = async (path: string) => {
      kept = path;
    };
    await setAside(refused(number), { atMs: Date.now(), filesMax: 10, note });
    return kept;
  };
  const [old, again, mended] = [await asideOf(1), await asideOf(2), await asideOf(3)];
  await letterOf(old);
  await letterOf(again);
  await letterOf(mended);
  put('pictures/unregistered/KH_REQ-1_LSV1.bin');
  put('pictures/unregistered/KH_REQ-2_LSV1.bin');
  await due('KH_REQ-2_LSV1', HOUR_MS);
  days(700);
  await letterOf(again); // somebody has sent it again, and it failed again
  await letterOf(mended);
  await store.commit([(transaction) => transaction.deadLetterMended('box', mended)]);
  await due('KH_REQ-1_LSV1', HOUR_MS);
  days(800);
  const going = { asideFiles: 3, deadLetters: 1, dueFiles: 1 };
  t.match(await purge(true), going, 'a dry run knows what goes before');
  t.match(await purge(), going);
  t.same([old, mended].map(existsSync), [false, false]);
  t.ok(existsSync(again));
  t.ok(is('pictures/unregistered/KH_REQ-1_LSV1.bin'));
  t.notOk(is('pictures/unregistered/KH_REQ-2_LSV1.bin'));
});

t.test('what a link leads to is left alone, wherever a sender has put one', async (t) => {
  const { put, is, days, purge, folder } = await place(t);
  put('outside/refused/a.bin');
  put('outside/b.bin');
  put('srv/c/upload/refused/c.bin');
  mkdirSync(join(folder, 'srv/a'), { recursive: true });
  mkdirSync(join(folder, 'srv/b/upload'), { recursive: true });
  symlinkSync(join(folder, 'outside'), join(folder, 'srv/a/upload'));
  symlinkSync(join(folder, 'outside/refused'), join(folder, 'srv/b/upload/refused'));
  symlinkSync(join(folder, 'outside/b.bin'), join(folder, 'srv/c/upload/refused/b.bin'));
  symlinkSync(join(folder, 'outside'), join(folder, 'srv/d'));
  days(800);
  t.match(await purge(), { asideFiles: 1 });
  t.notOk(is('srv/c/upload/refused/c.bin'));
  t.ok(['outside/refused/a.bin', 'outside/b.bin'].every(is));
});

t.test('what cannot be looked at is told without a name, and the rest goes', async (t) => {
  const { put, is, days, purge, folder } = await place(t);
  put('box/oem1/refused/a.bin');
  put('srv/a/upload/refused/b.bin');
  writeFileSync(join(folder, 'spool'), '');
  mkdirSync(join(folder, 'pictures'));
  writeFileSync(join(folder, 'pictures/unregistered'), 'no folder');
  days(800);
  const { failure, asideFiles } = await purge();
  t.equal(asideFiles, 2);
  t.match(failure, { code: 'FILE_UNREADABLE', message: /pictures\/unregistered: files that lie aside .*ENOTDIR/ });
  t.notOk(is('box/oem1/refused/a.bin'));
});
