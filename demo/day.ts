import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { JsonObject } from '../contract/tags.js';
import { SimulatedClock, systemClock } from '../engine/clock.js';
import { cutoffMs } from '../notice/cutoff.js';
import { generator } from './generator.js';
import { checkInbox, type InboxReport, type Sent } from './inbox.js';
import { EXPORTS, type Role, World } from './world.js';

/** The afternoon before the day on which both the daily and the monthly files are due (notice 7.1.1). */
const AFTERNOON = cutoffMs('2026111516');
const MIDNIGHT = cutoffMs('2026111600');
const LOOK_MS = 20;
const MARK = 'demo.json';

export interface DayOptions {
  /** Absolute. */
  folder: string;
  records: number;
  bytesMax: number;
  seed: number;
  log: Log;
}

/** Is told how the day goes: `phase` begins a stretch of so many steps, `done` says how many are behind. */
export interface Teller {
  phase(label: string, steps: number): void;
  done(steps: number): void;
}

export interface Day {
  world: World;
  sent: Sent[];
  report: InboxReport;
  /** Messages that were not answered with success. */
  unsent: number;
  /** Files that the regulator's own pipeline found wrong. */
  refused: string[];
}

/** A day of registrations from a car maker through the operator to the regulator, and the midnight before the 16th. */
export async function runDay(options: DayOptions, tell: Teller): Promise<Day> {
  prepareFolder(options.folder);
  const clock = new SimulatedClock(AFTERNOON);
  tell.phase('people, vehicles and cards', options.records);
  const made = generate(options, tell);
  const world = await World.create({ ...options, makers: made.makers, clock });
  try {
    const refused: string[] = [];
    let checked = 0;
    const regulator = await world.startRegulator(({ error }) => {
      checked += 1;
      if (error) refused.push(error.message);
    });
    const operator = await world.startOperator(made.cards, () => undefined);
    world.writeDemoJson();

    tell.phase('messages over TLS (T1)', made.details.size);
    const sent: Sent[] = [];
    let unsent = 0;
    const maker = await world.startMaker(made, ({ tags, error }) => {
      const message = made.details.get(tags.requestId ?? '');
      if (error || !message) unsent += 1;
      else sent.push(message);
      tell.done(sent.length + unsent);
    });
    await maker.ended;
    writeFileSync(join(options.folder, 'oem', 'sent.ndjson'), sent.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await until(() => operator.engine.store.status().cards.waitingForCard === 0, [operator]);

    clock.set(MIDNIGHT);
    const finished = (name: string) => operator.engine.store.position(name, 'schedule')?.offset === MIDNIGHT;
    tell.phase('files to the regulator (T2)', EXPORTS.length);
    await until(() => {
      const windows = operator.engine.store.status().windows;
      tell.phase('files to the regulator (T2)', sum(windows.map(({ files }) => files)));
      tell.done(sum(windows.map(({ filesDelivered }) => filesDelivered)));
      return EXPORTS.every(finished);
    }, [operator, regulator]);
    const files = sum(operator.engine.store.status().windows.map(({ filesDelivered }) => filesDelivered));
    await until(() => checked >= files, [operator, regulator]);

    const { t1Cipher, t2Cipher } = world;
    const report = await checkInbox(world.inbox, { sent, t1Cipher, t2Cipher, bytesMax: options.bytesMax });
    return { world, sent, unsent, report, refused };
  } catch (thrown) {
    await world.stop();
    throw thrown;
  }
}

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

interface Made {
  makers: string[];
  /** By RequestID. */
  details: Map<string, Sent>;
  /** Line JSON: the maker's two files, the operator's card data. */
  registrations: string;
  vehicles: string;
  cards: string;
}

function generate({ seed, records }: DayOptions, tell: Teller): Made {
  const source = generator(seed);
  const makers = new Set<string>();
  const details = new Map<string, Sent>();
  const registrations: string[] = [];
  const vehicles: string[] = [];
  const cards: string[] = [];
  const line = (value: JsonObject) => `${JSON.stringify(value)}\n`;
  for (let index = 0; index < records; index += 1) {
    const account = source.registration(index);
    const vehicle = source.vehicle(index);
    makers.add(account.code).add(vehicle.code);
    details.set(account.requestId, { kind: 'account', requestId: account.requestId, detail: account.detail });
    details.set(vehicle.requestId, { kind: 'vehicle', requestId: vehicle.requestId, detail: vehicle.detail });
    const { operType: OperType, requestId: RequestID, code: Code, detail: EncryptUserInfo } = account;
    registrations.push(line({ OperType, RequestID, Code, EncryptUserInfo }));
    vehicles.push(line({ RequestID: vehicle.requestId, Code: vehicle.code, EncryptCarInfo: vehicle.detail }));
    cards.push(line(source.card(index)));
    tell.done(index + 1);
  }
  return {
    makers: [...makers],
    details,
    registrations: registrations.join(''),
    vehicles: vehicles.join(''),
    cards: cards.join(''),
  };
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
