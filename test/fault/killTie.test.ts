import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { newPassword, writeSite } from '../../demo/site.js';
import { systemClock } from '../../engine/clock.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { changesIn, signalAfter } from '../support/killMoment.js';
import { startOpenSsh } from '../support/openssh.js';
import { seededRandom } from '../support/seededRandom.js';
import { HOUR_MS } from '../support/testStore.js';
import { until } from '../support/until.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
const KILLS = 8;
const FILES_A_ROUND = 12;
const CODE = 'LSV1';
const card = (number: number) => String(89860412101880000000n + BigInt(number));

/** What the operator's drop box is, by how files get there; each takes them in through `tie`. */
const SOURCES = {
  directoryWatch: (box: string, handled: string) =>
    `directoryWatch: { directory: ${box}, handled: ${handled}, pollMs: 10 }`,
  sftpWatch: (box: string, handled: string) =>
    `sftpWatch: { on: box, directory: ${box}, spool: var/spool, handled: ${handled}, pollMs: 10 }`,
};

const MS = 300_000;
t.setTimeout(3 * MS);
const ssh = await startOpenSsh();
if (ssh) t.teardown(() => ssh.stop());

for (const source of ['directoryWatch', 'sftpWatch'] as const) {
  for (const handled of ['keep', 'remove']) {
    const skip = ssh ? false : 'no OpenSSH';
    t.test(`${source}, ${handled}: kill -9 between taking and handling loses nothing`, { skip }, async (t) => {
      if (!ssh) return;
      t.setTimeout(MS);
      t.comment(`seed ${SEED}`);
      const random = seededRandom(SEED);
      const folder = t.testdir({});
      const box = join(ssh.directory, `${source}-${handled}`);
      mkdirSync(box);
      const path = writeSite({
        folder,
        pipeline: `timezone: Asia/Shanghai
peers: \${file:peers.yaml}
connections:
  box:
    sftp:
      host: ${ssh.host}
      port: ${ssh.port}
      username: ${ssh.username}
      hostKey: ${ssh.hostKey}
      privateKey: \${secret:sftp.key}
archive: { sqlite: { path: var/archive.db } }
pipelines:
  pictures-in:
    source: { ${SOURCES[source](box, handled)} }
    operators:
      - tie: { peer: oem, directory: pictures, lookMs: 50 }
    sink: { directory: { directory: out } }
`,
        peers: { oem: { platformId: 'OEM-1', password: newPassword(), codes: [CODE] } },
        secrets: { 'sftp.key': ssh.privateKey },
        files: {},
      });
      mkdirSync(join(folder, 'var'));
      const withStore = async <Result>(
        work: (store: Awaited<ReturnType<typeof openSqliteStore>>) => Promise<Result> | Result,
      ) => {
        const archive = join(folder, 'var/archive.db');
        const store = await openSqliteStore({ path: archive, clock: systemClock, log: keptLog() });
        try {
          return await work(store);
        } finally {
          await store.close();
        }
      };

      let files = 0;
      const contents = new Map<string, Buffer>();
      /** A registration and a command for each number; every third registration comes a round after its pictures. */
      const expectFiles = (numbers: number[]) =>
        withStore((store) =>
          store.commit(
            numbers.flatMap((number) =>
              (['KH', 'HT'] as const).map((content) => (transaction) => {
                const requestId = `R-${number}`;
                const name = `${content}_${requestId}_${CODE}`;
                transaction.addDueFile({
                  name,
                  content,
                  requestId,
                  code: CODE,
                  iccid: card(number),
                  withinMs: 6 * HOUR_MS,
                });
              }),
            ),
          ),
        );
      const put = (name: string, number: number) => {
        const content = Buffer.alloc(20_000 + number, name);
        contents.set(name, content);
        writeFileSync(join(box, `${name}.tmp`), content);
        renameSync(join(box, `${name}.tmp`), join(box, name));
      };
      const unregistered = join(folder, 'pictures/unregistered');
      const ofNumber = (content: string, number: number) => `${content}_R-${number}_${CODE}.bin`;
      const isKept = (number: number) => existsSync(join(folder, 'pictures', card(number), ofNumber('KH', number)));
      const isOut = (name: string) => existsSync(join(folder, 'out', name));
      const takenOf = (numbers: readonly number[], later: readonly number[]) =>
        numbers.every((number) => later.includes(number) || (isKept(number) && isOut(ofNumber('HT', number))));
      let late: number[] = [];
      let kills = 0;
      for (let round = 0; round < KILLS; round += 1) {
        const numbers = Array.from({ length: FILES_A_ROUND }, () => files++);
        const later = numbers.filter((number) => number % 3 === 0);
        await expectFiles([...late, ...numbers.filter((number) => number % 3 !== 0)]);
        late = later;
        for (const number of numbers) {
          put(`KH_R-${number}_${CODE}.bin`, number);
          if (!later.includes(number)) put(`HT_R-${number}_${CODE}.bin`, number);
        }
        const daemon = new IovpipeProcess(['run', path], folder);
        if (round === 0) {
          await until('pictures wait for their registration', () => existsSync(unregistered));
          daemon.signal('SIGKILL');
          await daemon.ended;
        } else {
          const [where, most] = random() < 0.5 ? (['out', 20] as const) : (['var', 60] as const);
          const moment = 1 + Math.floor(random() * most);
          // the kernel counts changes that nobody has read yet as one: a daemon that has done all is killed, too
          let isOver = false;
          void daemon.ended.finally(() => {
            isOver = true;
          });
          void until('all of the round', () => isOver || takenOf(numbers, later), { ms: MS }).then(
            () => daemon.signal('SIGKILL'),
            () => undefined,
          );
          const killed = await signalAfter(moment, changesIn(join(folder, where)), daemon);
          if (!killed) throw new Error(`the daemon ended by itself: ${daemon.words}`);
        }
        kills += 1;
      }
      await expectFiles(late);
      const daemon = new IovpipeProcess(['run', path], folder);
      put(`HT_R-LAST_${CODE}.bin`, 0);
      contents.delete(`HT_R-LAST_${CODE}.bin`); // nobody asked for it
      const outs = [...contents.keys()].filter((name) => name.startsWith('HT_'));
      const isDone = () => Array.from({ length: files }, (_, number) => number).every(isKept) && outs.every(isOut);
      await daemon.says(({ origin }) => String(origin).endsWith(`HT_R-LAST_${CODE}.bin`));
      await until('all are taken', isDone, { ms: 60_000, instead: () => daemon.words });
      await until('the waiting are tied', () => readdirSync(unregistered).length === 0, { ms: 60_000 });
      daemon.signal('SIGTERM');
      t.same(await daemon.ended, { code: 0, signal: null });

      for (const [name, content] of contents) {
        const number = Number(/R-(\d+)/.exec(name)?.[1]);
        const place = name.startsWith('KH_') ? join(folder, 'pictures', card(number)) : join(folder, 'out');
        if (!readFileSync(join(place, name)).equals(content)) t.fail(`${name} has other bytes`);
      }
      t.same(readdirSync(unregistered), [], 'late registrations found their pictures');
      await withStore((store) => {
        const open = store.dueFiles({ content: 'KH', state: 'open', limit: 1_000 });
        t.same(open, [], 'no pictures are due any more');
        t.match(store.deadLetters(), [{ code: 'FILE_INVALID', reason: /no command asked/ }]);
      });
      const left = readdirSync(box).filter((name) => name !== 'refused');
      if (handled === 'remove') t.same(left, []);
      t.equal(kills, KILLS);
      t.comment(`${kills} kills, ${contents.size} files`);
    });
  }
}
