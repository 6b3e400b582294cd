import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { generator } from '../../demo/generator.js';
import { checkInbox } from '../../demo/inbox.js';
import { CarMaker } from '../support/carMaker.js';
import { brokenSequences, deliveredFiles, notOnce } from '../support/deliveredFiles.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { changesIn, eventsOf, signalAfter } from '../support/killMoment.js';
import { startOpenSsh } from '../support/openssh.js';
import { AFTER_MIDNIGHT_MS, AFTERNOON_MS, EXPORTS, operatorSite } from '../support/operatorSite.js';
import { seededRandom } from '../support/seededRandom.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
const KILLS = 25;
const CALLERS = 16;
const CARDS_A_RESTART = 30;
const BYTES_MAX = 200_000;

const ssh = await startOpenSsh();
if (ssh) t.teardown(() => ssh.stop());

t.test('what was answered before a kill -9 is delivered once', { skip: ssh ? false : 'no OpenSSH' }, async (t) => {
  if (!ssh) return;
  t.setTimeout(600_000);
  t.comment(`seed ${SEED}`);
  const random = seededRandom(SEED);
  const draw = (min: number, max: number) => min + Math.floor(random() * (max - min + 1));
  const upload = join(ssh.directory, 'intake');
  mkdirSync(upload);
  const site = await operatorSite({ folder: t.testdir({}), server: ssh, upload, bytesMax: BYTES_MAX });
  const made = generator(SEED);
  const maker = new CarMaker(site, made);

  // Card data comes in as the day goes: half of the registrations wait for theirs, and the file is read anew each time.
  let cards = 0;
  const addCards = (upTo: number) => {
    for (; cards < upTo; cards += 1) {
      appendFileSync(join(site.folder, 'cards.ndjson'), `${JSON.stringify(made.card(cards))}\n`);
    }
  };
  const happenings = { answers: eventsOf(maker, 'answer'), store: changesIn(join(site.folder, 'var')) };
  let sending: Promise<void> | undefined;
  let kills = 0;
  while (kills < KILLS) {
    addCards(cards + CARDS_A_RESTART);
    const daemon = new IovpipeProcess(['run', site.path], site.folder, AFTERNOON_MS);
    maker.wait(daemon.ready());
    sending ??= maker.send(CALLERS);
    const [happening, count] =
      random() < 0.5 ? (['answers', draw(1, 120)] as const) : (['store', draw(1, 300)] as const);
    const killed = await signalAfter(count, happenings[happening], daemon);
    t.ok(killed, `killed after ${count} of ${happening}`);
    if (!killed) throw new Error(`the daemon ended by itself: ${daemon.words}`);
    kills += 1;
  }

  maker.stopAfter();
  addCards(Math.max(maker.cars, cards + 1));
  const daemon = new IovpipeProcess(['run', site.path], site.folder, AFTERNOON_MS);
  maker.wait(daemon.ready());
  await Promise.race([sending, daemon.ended]);
  maker.giveUp();
  await daemon.says(({ msg, pipeline }) => msg === 'pipeline has ended' && pipeline === 'cards-in');
  daemon.signal('SIGTERM');
  t.same(await daemon.ended, { code: 0, signal: null }, 'the last one stops when asked to');
  t.same(maker.wrong, [], 'no message got another answer');
  t.equal(maker.answered.length, 2 * maker.cars, 'each message was answered in the end');

  for (const name of EXPORTS) {
    const run = new IovpipeProcess(['run', site.path, '--once', name], site.folder, AFTER_MIDNIGHT_MS);
    t.same(await run.ended, { code: 0, signal: null }, name, { said: run.words });
  }
  const files = deliveredFiles(upload, site.regulator);
  t.same(brokenSequences(files), []);
  t.same(
    notOnce(files, maker.delivered()),
    [],
    'what was answered is in one P file and in F, once each, and nothing else',
  );
  const ciphers = { t1: site.maker.cipher!, t2: site.regulator.cipher! };
  const report = await checkInbox(upload, { sent: maker.answered, ciphers, bytesMax: BYTES_MAX });
  t.same(report.problems, [], 'each record holds what was sent');
  t.comment(
    `${kills} kills; ${maker.answered.length} messages answered, ${maker.broken} attempts broken, ${maker.refused} refused; ` +
      `${files.length} files with ${files.reduce((sum, { records }) => sum + records.length, 0)} records delivered`,
  );
});
