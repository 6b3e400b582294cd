import { EventEmitter } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Store } from '../../contract/store.js';
import { OPERATOR_CODE } from '../../demo/agreed.js';
import { checkAlbums } from '../../demo/albums.js';
import { type Asked, type Made, make } from '../../demo/made.js';
import { systemClock } from '../../engine/clock.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from '../support/bareContext.js';
import { FinalNames } from '../support/deliveredFiles.js';
import { IovpipeProcess } from '../support/iovpipeProcess.js';
import { changesIn, type Happening, signalAfter } from '../support/killMoment.js';
import { AFTERNOON_MS } from '../support/operatorSite.js';
import { seededRandom } from '../support/seededRandom.js';
import { type ThreeRoles, threeRoles } from '../support/threeRoles.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 2022);
const COMMANDS = Number(process.env.IOVPIPE_COMMANDS ?? 300);
/** Of the three roles and the regulator's second process, which sends the commands, in turn. */
const KILLS = Number(process.env.IOVPIPE_KILLS ?? 12);
/** Commands a second, about as many as are fulfilled: it is in the middle of them that a role is killed. */
const RATE = Number(process.env.IOVPIPE_RATE ?? 25);
const CARDS = 100;
/** A command's pictures and contracts. */
const FILES = 2 * COMMANDS;
const CHANGES_MAX = 40;
/** Commands whose pictures are looked at, one by one, at the end. */
const LOOKED_AT_MAX = 500;
const DEADLINE_MS = 240_000 + 200 * COMMANDS;

const ARCHIVES = { regulator: 'regulator.db', operator: 'archive.db', maker: 'oem.db' } as const;
type Name = keyof typeof ARCHIVES;
const NAMES = Object.keys(ARCHIVES) as Name[];

/** The operator's drop box for the car maker, in its `var`. */
const BOX = 't1/oem';

/** The regulator's inbox: its final names, counted as they come. */
class Inbox extends EventEmitter<{ file: [] }> {
  readonly directory: string;
  readonly finals: FinalNames;
  readonly #leave: () => void;

  constructor(directory: string) {
    super();
    this.setMaxListeners(0);
    this.directory = directory;
    this.finals = new FinalNames(directory);
    const watching = changesIn(directory, (name) => this.finals.lookAt(name));
    this.#leave = watching(() => this.emit('file'));
  }

  /** Resolves when so many files have come. */
  holds(count: number): Promise<void> {
    const held = new Promise<void>((resolve) => {
      const look = () => {
        if (this.finals.count < count) return;
        this.off('file', look);
        resolve();
      };
      this.on('file', look);
      look();
    });
    return within(DEADLINE_MS, `${count} files in the inbox`, held);
  }

  close(): void {
    this.#leave();
  }
}

/** A process that is killed again and again, and started again on the same folder. */
class Victim {
  kills = 0;
  running: IovpipeProcess;
  readonly happenings: readonly Happening[];
  readonly #start: () => IovpipeProcess;
  readonly #before: IovpipeProcess[] = [];

  constructor(start: () => IovpipeProcess, directories: readonly string[]) {
    this.#start = start;
    this.running = start();
    this.happenings = directories.map((directory) => changesIn(directory));
  }

  /** @returns false where it has done all that it had to do */
  async kill(count: number, happening: Happening, atLast: Promise<void>): Promise<boolean> {
    const { running } = this;
    const kill = () => running.signal('SIGKILL');
    atLast.then(kill, kill); // one that nothing happens to any more
    if (await signalAfter(count, happening, running)) {
      this.kills += 1;
      this.#before.push(running);
      this.running = this.#start();
      return true;
    }
    if ((await running.ended).code !== 0) throw new Error(`it ended by itself: ${running.words}`);
    return false;
  }

  /** For good; nothing where it has ended. */
  async end(): Promise<void> {
    this.running.signal('SIGKILL');
    await this.running.ended;
  }

  /** What stands between its log lines, such as a warning of Node's; a line may be cut short by the kill. */
  get noise(): string[] {
    const words = [...this.#before, this.running].flatMap(({ said }) => said);
    return words.filter(({ level, msg }) => level === undefined && !msg.startsWith('{')).map(({ msg }) => msg);
  }
}

t.setTimeout(2 * DEADLINE_MS);
t.test('each command that was answered is fulfilled once, whichever role is killed when', async (t) => {
  t.comment(`seed ${SEED}`);
  const folder = t.testdir({});
  const made = make({ folder, seed: SEED, records: CARDS, photos: CARDS }, () => undefined);
  const asked = Array.from({ length: COMMANDS }, (_, index): Asked => {
    return { ...made.asked[index % CARDS]!, requestId: `KILL-${String(index).padStart(5, '0')}` };
  });
  const sites = await threeRoles({ folder, makers: made.makers }, { 'commands-out': { ratePerSecondMax: RATE } });
  writeCommands(sites, made.details, asked);
  const inbox = new Inbox(join(sites.regulator.folder, 'inbox'));
  t.teardown(() => inbox.close());

  const { roles, startSender } = startRoles(sites, inbox);
  for (const role of Object.values(roles)) t.teardown(() => role.end());
  for (const { running } of Object.values(roles)) await running.ready();
  await untilLedger(sites, 'operator', 'cards and their pictures', (store) => {
    return store.status().cards.complete === CARDS && dueFiles(store).delivered === CARDS;
  });

  const beganMs = performance.now();
  const sender = startSender();
  t.teardown(() => sender.end());
  const everything = inbox.holds(FILES);
  everything.catch(() => undefined); // it is waited for below
  await killInTurn([sender, ...Object.values(roles)], inbox, everything);
  t.same(await sender.running.ended, { code: 0, signal: null }, 'every command was answered');
  await everything;
  const tookMs = performance.now() - beganMs;
  for (const name of NAMES)
    await untilLedger(sites, name, `what is due at the ${name}`, (store) => dueFiles(store).waiting === 0);
  const box = join(sites.operator.folder, 'var', BOX);
  await until('an empty drop box at the operator', () => readdirSync(box).length === 0, { ms: DEADLINE_MS });
  for (const [name, { running, kills }] of Object.entries(roles)) {
    t.ok(kills >= Math.floor(KILLS / 4), `the ${name} was killed`);
    await running.ready();
    running.signal('SIGTERM');
    t.same(await running.ended, { code: 0, signal: null }, `and ended well at last`);
  }

  t.same(
    [sender, ...Object.values(roles)].flatMap(({ noise }) => noise),
    [],
    'nothing stands between log lines',
  );

  await checkInbox(t, sites, inbox, asked);
  await checkLedgers(t, sites);
  const killed = [...Object.entries(roles), ['sender', sender] as const].map(([name, { kills }]) => `${name} ${kills}`);
  const [seconds, rate] = [tookMs / 1_000, (1_000 * FILES) / tookMs].map((number) => number.toFixed(1));
  t.comment(`${COMMANDS} commands in ${seconds} s, ${rate} files a second; killed: ${killed.join(', ')}`);
});

/** A command for one card after the other, in turn. */
function writeCommands({ regulator }: ThreeRoles, details: Made['details'], asked: readonly Asked[]): void {
  const lines = asked.map(({ requestId, registered }, index) => {
    const ICCID = details.get(registered)?.detail.ICCID;
    // one in ten is for all operators (table 5)
    const OperatorID = index % 10 === 9 ? '9999' : OPERATOR_CODE;
    return `${JSON.stringify({ RequestID: requestId, OperatorID, ICCID })}\n`;
  });
  writeFileSync(join(regulator.folder, 'commands.ndjson'), lines.join(''));
}

/** Three daemons; the regulator's commands are sent by a process beside its daemon. */
function startRoles(sites: ThreeRoles, inbox: Inbox) {
  // it stays the same afternoon, however often a role is started: no window is due
  const startedMs = Date.now();
  const start = (name: Name, ...words: string[]) => {
    const nowMs = AFTERNOON_MS + Date.now() - startedMs;
    return new IovpipeProcess(['run', sites[name].path, ...words], sites[name].folder, nowMs, 2 * DEADLINE_MS);
  };
  const at = (name: Name, ...parts: string[]) => parts.map((part) => join(sites[name].folder, 'var', part));
  return {
    roles: {
      regulator: new Victim(() => start('regulator'), [...at('regulator', '.'), inbox.directory]),
      operator: new Victim(() => start('operator'), at('operator', '.', 'outbox', BOX)),
      maker: new Victim(() => start('maker'), [...at('maker', '.', 'outbox'), ...at('operator', BOX)]),
    },
    startSender: () => new Victim(() => start('regulator', '--once', 'commands-out'), at('operator', '.')),
  };
}

/** One after the other, as the inbox fills; one in four is killed once more while it begins again. */
async function killInTurn(victims: readonly Victim[], inbox: Inbox, everything: Promise<void>): Promise<void> {
  const random = seededRandom(SEED);
  const draw = (min: number, max: number) => min + Math.floor(random() * (max - min + 1));
  for (let kills = 0; kills < KILLS; kills += 1) {
    await inbox.holds(Math.floor((kills * FILES) / (KILLS + 1)));
    const victim = victims[kills % victims.length]!;
    const happening = victim.happenings[draw(0, victim.happenings.length - 1)]!;
    const isKilled = await victim.kill(draw(1, CHANGES_MAX), happening, everything);
    const [first] = victim.happenings;
    if (draw(1, 4) === 1 && isKilled && first) await victim.kill(draw(1, 4), first, everything);
  }
}

async function checkInbox(t: Test, sites: ThreeRoles, { directory, finals }: Inbox, asked: readonly Asked[]) {
  const pictures = asked.map(({ requestId }) => `KH_${requestId}_${OPERATOR_CODE}.bin`);
  const contracts = asked.map(({ requestId, code }) => `HT_${requestId}_${code}.bin`).sort();
  t.same(readdirSync(directory).sort(), [...contracts, ...pictures].sort(), 'each file is there, and nothing else');
  finals.lookAtAll();
  t.same(finals.problems, [], 'no file was replaced by another');
  const { t1, t2 } = sites.agreed;
  const looked = asked.filter((_, index) => index % Math.ceil(COMMANDS / LOOKED_AT_MAX) === 0);
  const problems = await checkAlbums(directory, looked, { t1: t1.cipher!, t2: t2.cipher! });
  t.same(problems, [], `${looked.length} commands brought the right pictures`);
}

async function checkLedgers(t: Test, sites: ThreeRoles) {
  const due = { regulator: FILES, operator: FILES + CARDS, maker: COMMANDS };
  for (const name of NAMES) {
    const store = await openLedger(sites, name);
    t.same(dueFiles(store), { waiting: 0, delivered: due[name], failed: 0 }, `${name}: each file was due once`);
    t.same(store.deadLetters(), [], `${name}: no dead letter`);
    await store.close();
    const outbox = join(sites[name].folder, 'var/outbox');
    t.same(existsSync(outbox) ? readdirSync(outbox) : [], [], `${name}: nothing left in its outbox`);
  }
}

/** Looks into the ledger of a running role until it says so. A change of its files comes a moment before it can be read. */
async function untilLedger(sites: ThreeRoles, name: Name, what: string, says: (store: Store) => boolean) {
  const store = await openLedger(sites, name);
  await until(what, () => says(store), { ms: DEADLINE_MS }).finally(() => store.close());
}

function openLedger(sites: ThreeRoles, name: Name): Promise<Store> {
  const path = join(sites[name].folder, 'var', ARCHIVES[name]);
  return openSqliteStore({ path, clock: systemClock, log: keptLog(), readOnly: true });
}

function dueFiles(store: Store) {
  const sum = { waiting: 0, delivered: 0, failed: 0 };
  for (const { open, asked, delivered, failed } of store.status().dueFiles) {
    sum.waiting += open + asked;
    sum.delivered += delivered;
    sum.failed += failed;
  }
  return sum;
}
