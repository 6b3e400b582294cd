import { readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { reportPage } from '../../cli/report.js';
import { statusPage } from '../../cli/status.js';
import { type Agreed, agree } from '../../demo/agreed.js';
import { make } from '../../demo/made.js';
import { maker, operator, regulator } from '../../demo/roles.js';
import { SimulatedClock } from '../../engine/clock.js';
import { waitingLetters } from '../../engine/deadLetters.js';
import { cutoffMs } from '../../notice/cutoff.js';
import { dayReport } from '../../notice/dayReport.js';
import { iovpipe } from '../support/cli.js';
import { sftpBatch } from '../support/dropBox.js';
import { picture, put } from '../support/pictures.js';
import { type RunningRole, startRole } from '../support/role.js';
import { album, declaring, sealed, zipped } from '../support/sentFiles.js';
import { HOUR_MS } from '../support/testStore.js';
import { until } from '../support/until.js';

const AFTERNOON_MS = cutoffMs('2026111515');
/** The greatest picture that `collect` takes unless it is told otherwise. */
const PICTURE_BYTES_MAX = 20_000_000;

/** A card whose command, `CMD-…`, goes wrong somewhere. */
interface Card {
  iccid: string;
  /** Of its registration, and of the command for it. */
  registered: string;
  command: string;
  maker: string;
}

/** What happens to a card, before the roles start and once its command is under way, and what is said of it where. */
interface Bad {
  what: string;
  before?(card: Card, folder: string): void;
  /** Files that the car maker's people send by hand, instead of its pipelines. */
  byHand?(card: Card, agreed: Agreed): Promise<readonly [name: string, content: Buffer]>;
  /** Its file that does not come to the regulator, though the other does. */
  lacks: 'KH' | 'HT';
  /** Nothing is said of it before its time is over. */
  late?: true;
  /** Where a person reads of it, and the words. */
  said: readonly (readonly [place: Place, words: RegExp])[];
}

type Role = 'maker' | 'operator' | 'regulator';
/** What is asked, of whom. */
type Place = `${Role} ${keyof typeof LINES}`;

const own = (folder: string, role: 'oem' | 'operator', kind: 'contracts' | 'photos', { iccid }: Card) =>
  join(folder, role, kind, iccid);
const empty = (path: string) => {
  for (const name of readdirSync(path)) rmSync(join(path, name));
};
const contracts = (card: Card) => `HT_${card.command}_${card.maker}`;
/** The car maker finds no page of the contract; its people send it by hand. */
const noPages = (card: Card, folder: string) => empty(own(folder, 'oem', 'contracts', card));
const page = (card: Card) => [`${contracts(card)}_001.jpg`, picture('jpg', 30_000)] as const;

/** One of each kind; each comes between two cards with which nothing is wrong. */
const BAD: readonly Bad[] = [
  {
    what: 'the operator has no picture of the card',
    before(card, folder) {
      rmSync(own(folder, 'operator', 'contracts', card), { recursive: true, force: true });
      rmSync(own(folder, 'oem', 'photos', card), { recursive: true });
    },
    lacks: 'KH',
    said: [
      ['operator trace', /KH_CMD-\d+_0002 is due .* \(open\): NO_PICTURES: .*no picture of 1 of 1 card was found/],
      ['maker dead', /pictures-out .* NO_PICTURES KH_\S+: no picture of 1 of 1 card was found/],
    ],
  },
  {
    what: 'an empty picture',
    before: (card, folder) => put(own(folder, 'operator', 'contracts', card), { 'a.jpg': Buffer.alloc(0) }),
    lacks: 'KH',
    said: [
      [
        'operator trace',
        /\(open\): ALBUM_INVALID: \S+: picture 1 in order of names: expected a picture, got an empty file/,
      ],
    ],
  },
  {
    what: 'a picture that is none',
    before: (card, folder) => put(own(folder, 'operator', 'contracts', card), { 'a.jpg': Buffer.from('<html>') }),
    lacks: 'KH',
    said: [
      [
        'operator trace',
        /ALBUM_INVALID: .*picture 1 in order of names: expected a picture .*, got a file that begins with 3c68746d/,
      ],
    ],
  },
  {
    what: 'a picture above the bound',
    before(card, folder) {
      const path = own(folder, 'operator', 'contracts', card);
      put(path, { 'a.jpg': picture('jpg') });
      truncateSync(join(path, 'a.jpg'), PICTURE_BYTES_MAX + 1);
    },
    lacks: 'KH',
    said: [['operator trace', /ALBUM_INVALID: .*expected a picture of at most 20000000 bytes, got 20000001/]],
  },
  {
    what: 'an album of a registration that is cut off, of a card of which there is nothing else',
    before(card, folder) {
      rmSync(own(folder, 'operator', 'contracts', card), { recursive: true, force: true });
      rmSync(own(folder, 'oem', 'photos', card), { recursive: true });
    },
    byHand: async (card, { t1 }) => {
      const name = `KH_${card.registered}_${card.maker}`;
      const whole = await album(t1.cipher!, [`${name}_001.jpg`, picture('jpg', 9_000)]);
      return [`${name}.bin`, whole.subarray(0, 4_001)];
    },
    lacks: 'KH',
    said: [['operator trace', /\(open\): NO_PICTURES/]],
  },
  {
    what: 'a contract without a page at the car maker',
    before: noPages,
    lacks: 'HT',
    said: [
      ['maker trace', /HT_\S+ is due .* \(open\): NO_PICTURES: \S+: no picture of 1 of 1 card was found/],
      ['operator trace', /has been asked for HT_/],
    ],
  },
  {
    what: 'a card that the car maker does not know',
    before: (card, folder) => rmSync(own(folder, 'oem', 'contracts', card), { recursive: true }),
    lacks: 'HT',
    said: [
      ['operator trace', /HT_\S+ is due .* \(failed\): REFUSED_BY_PEER: .*501/],
      ['operator dead', /contracts-asked HT_\S+ REFUSED_BY_PEER .*501/],
    ],
  },
  {
    what: 'contracts under a wrong key',
    before: noPages,
    byHand: async (card, { t2 }) => [`${contracts(card)}.bin`, await album(t2.cipher!, page(card))],
    lacks: 'HT',
    // one wrong key in 256 leaves what looks like padding, and no zip
    said: [['regulator dead', /HT_\S+\.bin (?:UNDECRYPTABLE .*under the key agreed on|FILE_INVALID .*expected a zip)/]],
  },
  {
    what: 'a .bin that is cut off',
    before: noPages,
    byHand: async (card, { t1 }) => [
      `${contracts(card)}.bin`,
      (await album(t1.cipher!, page(card))).subarray(0, 16_001),
    ],
    lacks: 'HT',
    said: [['regulator dead', /inbox sftp operator\/HT_\S+\.bin UNDECRYPTABLE .*under the key agreed on/]],
  },
  {
    what: 'a zip bomb that says so',
    before: noPages,
    byHand: async (card, { t1 }) => [`${contracts(card)}.bin`, sealed(await bombOf(card), t1.cipher!)],
    lacks: 'HT',
    said: [['regulator dead', /HT_\S+\.bin FILE_INVALID .*expected an entry of at most 200 times its packed size/]],
  },
  {
    what: 'a zip bomb that declares little',
    before: noPages,
    byHand: async (card, { t1 }) => [
      `${contracts(card)}.bin`,
      sealed(declaring(await bombOf(card), 1_000), t1.cipher!),
    ],
    lacks: 'HT',
    said: [['regulator dead', /HT_\S+\.bin FILE_INVALID .*is damaged: too many bytes in the stream/]],
  },
  {
    what: 'an upload that stays .tmp for ever',
    before: noPages,
    byHand: async (card) => [`${contracts(card)}.bin.tmp`, Buffer.alloc(9_000, 'half')],
    lacks: 'HT',
    late: true,
    said: [
      ['operator alarm', /"oem\/HT_\S+\.bin\.tmp".*"staleTmp"\} a file stays \.tmp: its sender has not completed it/],
      ['operator trace', /HT_\S+ was not there in time/],
    ],
  },
];

const bombOf = (card: Card) => zipped([page(card)[0], Buffer.concat([picture('jpg'), Buffer.alloc(15_000_000)])]);

t.setTimeout(400_000);

t.test('one bad thing of each kind amid good ones: the good arrive, of each bad one a person reads', async (t) => {
  const folder = t.testdir({});
  const clock = new SimulatedClock(AFTERNOON_MS);
  const count = 2 * BAD.length + 1;
  const made = make({ folder, seed: 3, records: count, photos: count }, () => undefined);
  const cards = made.asked.map(({ requestId, code, registered }): Card => {
    const iccid = String(made.details.get(registered)?.detail.ICCID);
    return { iccid, registered, command: requestId, maker: code };
  });
  const bad = BAD.map((one, index) => ({ ...one, card: cards[2 * index + 1]! }));
  for (const { before, card } of bad) before?.(card, folder);
  const agreed = await agree({ folder, bytesMax: 100_000_000, makers: made.makers });
  const roles = await threeRoles(t, agreed, clock);
  const { store } = roles.operator;

  const sendByHand = async (content: 'KH' | 'HT') => {
    const files = await Promise.all(bad.flatMap(({ byHand, card }) => (byHand ? [byHand(card, agreed)] : [])));
    const { code, output } = await upload(
      agreed,
      files.filter(([name]) => name.startsWith(content)),
    );
    t.equal(code, 0, output);
  };
  const kept = () => store.status().dueFiles.reduce((sum, { delivered }) => sum + delivered, 0);
  await until('every registration', () => store.status().cards.complete === cards.length);
  await until('pictures of all but two of them', () => kept() === cards.length - 2);
  await sendByHand('KH');
  await until('pictures of all but one of them', () => kept() === cards.length - 1);
  await roles.regulator.engine.once('commands-out', {});
  await sendByHand('HT');

  const lacking = new Set(bad.map(({ lacks, card: { command } }) => `${lacks}_${command}`));
  const wanted = cards.flatMap(({ command }) => [`KH_${command}`, `HT_${command}`]);
  const missing = () => wanted.filter((name) => roles.regulator.store.dueFile(name)?.state !== 'delivered');
  await until('all that is good', () => missing().every((name) => lacking.has(name)), {
    instead: () => missing().join(' '),
  });
  await until('all that is refused', () => roles.regulator.store.status().deadLetters === REFUSED);
  t.same(new Set(missing()), lacking, 'what is bad, and nothing else, is missing');
  t.same(
    readdirSync(join(folder, 'regulator/inbox')).filter((name) => name.endsWith('.tmp')),
    [],
  );

  const hear = async (t: Test, { what, said, card }: (typeof bad)[number]) => {
    for (const [place, words] of said) {
      const [role, kind] = place.split(' ') as [Role, keyof typeof LINES];
      const about = () =>
        LINES[kind](roles[role], card)
          .filter((line) => line.includes(card.command) || line.includes(card.registered))
          .join('\n');
      await until(`${what}: ${place} ${words}`, () => words.test(about()), { instead: about });
      t.pass(`${what}: ${place}`);
    }
  };

  await t.test('what is said of each at once', async (t) => {
    for (const one of bad) if (!one.late) await hear(t, one);
    const { stdout } = await iovpipe(['dead', '--archive', roles.regulator.archive], folder);
    t.equal(stdout.match(/ waiting +inbox /g)?.length, REFUSED, stdout);
  });

  await t.test('what is said when the deadline comes nearer and passes', async (t) => {
    for (const [hours, alarm] of [
      [3, 'commandHalf'],
      [5.5, 'commandAtRisk'],
      [6.1, 'commandExpired'],
    ] as const) {
      clock.set(AFTERNOON_MS + hours * HOUR_MS);
      for (const { log } of Object.values(roles)) await until(alarm, () => log.alarms(alarm).length > 0);
    }
    for (const one of bad) if (one.late) await hear(t, one);
    const failed = /KH +0002 +0 +0 +\d+ +5 +5/;
    await until('the operator has given up five albums', () => failed.test(statusPage(store.status())), {
      instead: () => statusPage(store.status()),
    });
  });

  await t.test('the regulator’s report has each that is wrong or missing', async (t) => {
    const { received } = roles.regulator.store;
    const question = { day: '20261115', nowMs: clock.now(), expected: [] };
    const page = reportPage(
      dayReport(question, received.day(question.day, question.nowMs), waitingLetters(roles.regulator.store)),
    );
    t.match(
      page,
      new RegExp(`NOT in order; .*${wanted.length - lacking.size} of ${wanted.length} files of commands in time`),
    );
    t.match(page, `refused files: ${REFUSED}`);
    for (const name of lacking) t.match(page, new RegExp(`${name}: was due at 2026-11-15 21:00:00, missing`));
  });

  const told = JSON.stringify(Object.values(roles).map(({ log }) => log.lines));
  t.same(
    cards.filter(({ iccid }) => told.includes(iccid)),
    [],
    'no card is named in a log',
  );
});

/** Files that come to the regulator and are refused there. */
const REFUSED = BAD.filter(({ said }) => said.some(([place]) => place === 'regulator dead')).length;

/** The shipped pipelines; a .tmp is looked at more often than once a minute. */
async function threeRoles(t: Test, agreed: Agreed, clock: SimulatedClock): Promise<Record<Role, RunningRole>> {
  const { site, changes } = operator(agreed);
  const { sftpServer, ...others } = changes.components ?? {};
  const watchful = { ...changes, components: { ...others, sftpServer: { ...sftpServer, staleTmpMs: 200 } } };
  return {
    regulator: await startRole(t, regulator(agreed), { clock }),
    operator: await startRole(t, { site, changes: watchful }, { clock }),
    maker: await startRole(t, maker(agreed), { clock }),
  };
}

/** Sends files with the system's `sftp` under the car maker's login. */
async function upload({ folder, keys, ports }: Agreed, files: readonly (readonly [string, Buffer])[]) {
  const directory = join(folder, 'by-hand');
  put(directory, Object.fromEntries(files));
  const lines = files.flatMap(([name]) => {
    const tmp = name.endsWith('.tmp') ? name : `${name}.tmp`;
    return [`put ${join(directory, name)} ${tmp}`, ...(tmp === name ? [] : [`rename ${tmp} ${name}`])];
  });
  const path = join(directory, 'key');
  writeFileSync(path, keys.maker.privateKey, { mode: 0o600 });
  const login = { username: 'oem', path, hostKeyLine: keys.operatorHost.publicKey, directory };
  return sftpBatch(ports.operatorSftp, login, lines);
}

/** What a person finds in each place, in lines. */
const LINES = {
  trace: ({ store }: RunningRole, { command }: Card) => store.trace(command).map(({ step, text }) => `${step} ${text}`),
  dead: ({ store }: RunningRole) =>
    [...waitingLetters(store)].map(({ pipeline, origin, code, reason }) => `${pipeline} ${origin} ${code} ${reason}`),
  alarm: ({ log }: RunningRole) =>
    log.lines
      .filter(({ fields }) => 'alarm' in fields)
      .map(({ fields, message }) => `${JSON.stringify(fields)} ${message}`),
};
