import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log, Observer } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { SimulatedClock, systemClock } from '../engine/clock.js';
import { waitingLetters } from '../engine/deadLetters.js';
import { cutoffMs } from '../notice/cutoff.js';
import { type DayReport, dayReport } from '../notice/dayReport.js';
import { checkAlbums } from './albums.js';
import { checkInbox, type InboxReport, type Sent } from './inbox.js';
import { type Made, make } from './made.js';
import { EXPORTS } from './roles.js';
import { type Role, World } from './world.js';

/** The afternoon before the day on which both the daily and the monthly files are due (notice 7.1.1). */
const AFTERNOON = cutoffMs('2026111516');
const MIDNIGHT = cutoffMs('2026111600');
const LOOK_MS = 20;
const MARK = 'demo.json';

export interface DayOptions {
  /** Absolute. */
  folder: string;
  records: number;
  /** Cards with pictures, each of which a command asks for. */
  photos: number;
  bytesMax: number;
  seed: number;
  log: Log;
}

/** Is told how the day goes: `phase` begins a stretch of so many steps, `done` says how many are behind. */
export interface Teller {
  phase(label: string, steps: number): void;
  done(steps: number): void;
  /** The operator is up, and this is its page; the day waits until it has been opened. */
  page(address: string): void | Promise<void>;
}

export interface Day {
  world: World;
  operator: Role;
  sent: Sent[];
  report: InboxReport;
  /** Commands that were answered, each by both its files. */
  commands: number;
  /** Messages that were not answered with success. */
  unsent: number;
  /** Files that the regulator's own pipeline found wrong. */
  refused: string[];
  /** What `iovpipe report` tells the regulator of the day of the commands, and of the day of the files. */
  reports: DayReport[];
}

/** A day of registrations and commands from a car maker through the operator to the regulator, and the midnight before the 16th. */
export async function runDay(options: DayOptions, tell: Teller): Promise<Day> {
  prepareFolder(options.folder);
  tell.phase('people, vehicles, cards and pictures', options.records);
  const made = make(options, (records) => tell.done(records));
  const clock = new SimulatedClock(AFTERNOON);
  const world = await World.create({ ...options, makers: made.makers, clock });
  const watch = new Watch(made);
  try {
    const regulator = await world.start('regulator', watch.regulator);
    const operator = await world.start('operator', () => undefined);
    await tell.page(operator.page);
    world.writeDemoJson();
    const { status, position } = ledgerOf(operator);

    const pictures = made.asked.length;
    tell.phase('messages over TLS and pictures over SFTP (T1)', made.details.size + pictures);
    const maker = await world.start('maker', watch.maker);
    const roles = [regulator, operator, maker];
    await until(() => {
      tell.done(watch.settled);
      if (watch.settled < made.details.size + pictures) return false; // the ledger is asked at the end alone
      const { cards, dueFiles } = status();
      const kept = sum(dueFiles.map(({ delivered }) => delivered)); // pictures that are with their registration
      return cards.waitingForCard === 0 && kept === pictures;
    }, roles);
    writeFileSync(
      join(options.folder, 'oem', 'sent.ndjson'),
      watch.sent.map((line) => `${JSON.stringify(line)}\n`).join(''),
    );

    tell.phase('commands, pictures and contracts (T2, T1)', 2 * pictures);
    if (pictures > 0) await regulator.engine.once('commands-out', {});
    await until(() => {
      const due = ledgerOf(regulator).status().dueFiles;
      tell.done(sum(due.map(({ delivered }) => delivered)));
      return sum(due.map(({ open, asked }) => open + asked)) === 0;
    }, roles);

    clock.set(MIDNIGHT);
    tell.phase('files to the regulator (T2)', EXPORTS.length);
    await until(() => {
      const { windows } = status();
      tell.phase('files to the regulator (T2)', sum(windows.map(({ files }) => files)));
      tell.done(sum(windows.map(({ filesDelivered }) => filesDelivered)));
      return EXPORTS.every((name) => position(name, 'schedule')?.offset === MIDNIGHT);
    }, roles);
    const files = 2 * pictures + sum(status().windows.map(({ filesDelivered }) => filesDelivered));
    await until(() => watch.received >= files, roles);

    const { store } = regulator.engine;
    const reports = ['20261115', '20261116'].map((day) =>
      dayReport({ day, nowMs: MIDNIGHT, expected: [] }, store.received.day(day, MIDNIGHT), waitingLetters(store)),
    );
    const { sent, refused, unsent } = watch;
    const ciphers = { t1: world.agreed.t1.cipher!, t2: world.agreed.t2.cipher! };
    const report = await checkInbox(world.inbox, { sent, ciphers, bytesMax: options.bytesMax });
    report.problems.push(...(await checkAlbums(world.inbox, made.asked, ciphers)));
    return { world, operator, sent, unsent, report, refused, reports, commands: pictures };
  } catch (thrown) {
    await world.stop();
    throw thrown;
  }
}

/** Counts what the car maker's and the regulator's pipelines settle. */
class Watch {
  readonly sent: Sent[] = [];
  readonly refused: string[] = [];
  unsent = 0;
  settled = 0;
  received = 0;
  readonly #made: Made;

  constructor(made: Made) {
    this.#made = made;
  }

  readonly maker: Observer = ({ pipeline, tags, error }) => {
    if (!pipeline.endsWith('-out') || pipeline === 'contracts-out') return;
    this.settled += 1;
    const message = this.#made.details.get(tags.requestId ?? '');
    if (error) this.unsent += 1;
    else if (message && pipeline !== 'pictures-out') this.sent.push(message);
  };

  readonly regulator: Observer = ({ pipeline, error }) => {
    if (pipeline === 'inbox') this.received += 1;
    else this.unsent += error ? 1 : 0;
    if (error) this.refused.push(error.message);
  };
}

const ledgerOf = ({ engine: { store } }: Role) => ({
  status: () => store.status(),
  position: (pipeline: string, source: string) => store.position(pipeline, source),
});

/** An empty folder; what an earlier demo left is removed, anything else is not touched. */
function prepareFolder(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    if (!existsSync(join(folder, MARK))) {
      throw new IovError(
        'USAGE',
        `--out: ${folder} holds something that no demo left there; name an empty or a new folder`,
      );
    }
    for (const part of [MARK, 'oem', 'operator', 'regulator'])
      rmSync(join(folder, part), { recursive: true, force: true });
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, MARK), '{}\n', { mode: 0o600 });
}

/** Looks again and again, and gives up when a role breaks. */
async function until(condition: () => boolean, roles: readonly Role[]): Promise<void> {
  let broken: unknown;
  for (const role of roles) role.ended.catch((thrown: unknown) => (broken = thrown));
  while (!condition()) {
    await systemClock.until(systemClock.now() + LOOK_MS);
    if (broken) throw broken;
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
