import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { PackedFile } from '../../contract/file.js';
import { newPassword, writeSite } from '../../demo/site.js';
import { systemClock } from '../../engine/clock.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { changesIn, signalAfter } from '../support/killMoment.js';
import { seededRandom } from '../support/seededRandom.js';
import { until } from '../support/until.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
const KILLS = 6;
/** A kill that comes when all have moved, since this process or its disk was busy with others, is one too many. */
const IN_THE_MIDDLE = 3;
const ROUNDS_MAX = 40;
/** More than are waited for before the kill, so that some are left. */
const FILES_A_ROUND = 20;
const MOVES_MAX = 10;

t.setTimeout(240_000);

t.test('kill -9 while refused files move: each is where its letter says, once, or still in its place', async (t) => {
  t.comment(`seed ${SEED}`);
  const random = seededRandom(SEED);
  const folder = t.testdir({ box: { refused: {} } });
  const box = join(folder, 'box');
  const path = writeSite({
    folder,
    pipeline: `timezone: Asia/Shanghai
peers: \${file:peers.yaml}
archive: { sqlite: { path: var/archive.db } }
pipelines:
  pictures-in:
    source: { directoryWatch: { directory: box, pollMs: 10 } }
    operators:
      - tie: { peer: oem, directory: pictures }
    sink: { discard: {} }
`,
    peers: { oem: { platformId: 'OEM-1', password: newPassword(), codes: ['LSV1'] } },
    secrets: {},
    files: {},
  });
  mkdirSync(join(folder, 'var'));
  const contents = new Map<string, string>();
  const put = () => {
    const name = `HT_NOT-ASKED-FOR-${contents.size}_LSV1.bin`;
    contents.set(name, `content of ${name}`);
    writeFileSync(join(box, `${name}.tmp`), `content of ${name}`);
    renameSync(join(box, `${name}.tmp`), join(box, name));
  };
  const inPlace = () => readdirSync(box).filter((name) => name !== 'refused');
  let surprised = 0;
  let kills = 0;
  for (; kills < KILLS || (surprised < IN_THE_MIDDLE && kills < ROUNDS_MAX); kills += 1) {
    for (let file = 0; file < FILES_A_ROUND; file += 1) put();
    const daemon = new IovpipeProcess(['run', path], folder);
    const moves = changesIn(join(box, 'refused'));
    if (!(await signalAfter(1 + Math.floor(random() * MOVES_MAX), moves, daemon)))
      throw new Error(`the daemon ended by itself: ${daemon.words}`);
    if (inPlace().length > 0) surprised += 1;
  }
  put();
  const daemon = new IovpipeProcess(['run', path], folder);
  await until('all are moved', () => inPlace().length === 0, { ms: 60_000, instead: () => daemon.words });
  daemon.signal('SIGTERM');
  t.same(await daemon.ended, { code: 0, signal: null });

  const store = await openSqliteStore({
    path: join(folder, 'var/archive.db'),
    clock: systemClock,
    log: keptLog(),
  });
  t.teardown(() => store.close());
  const letters = store.deadLetters();
  t.equal(letters.length, contents.size);
  for (const { id, origin, reason } of letters) {
    const { name, path } = JSON.parse(String(store.deadLetter(id)?.raw)) as PackedFile;
    if (!existsSync(path) || readFileSync(path, 'utf8') !== contents.get(origin)) t.fail(`${name} is not at ${path}`);
    if (!reason.endsWith(`; it is kept as refused/${path.slice(box.length + '/refused/'.length)}`)) t.fail(reason);
  }
  t.equal(readdirSync(join(box, 'refused')).length, contents.size, 'each once');
  t.ok(surprised >= IN_THE_MIDDLE, 'some were killed in the middle');
  t.comment(`${kills} kills, ${surprised} in the middle, ${contents.size} files`);
});
