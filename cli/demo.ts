import { resolve } from 'node:path';
import { IovError } from '../contract/error.js';
import type { Day } from '../demo/day.js';
import { LEVELS } from '../engine/logWords.js';
import { type Command, complain, EXIT, type Given, logLevel, print, textOption } from './command.js';
import { Progress } from './progress.js';
import { verdict } from './report.js';

export const command: Command = {
  usage: 'demo [--out DIR] [--records N] [--photos N] [--bytes-max N] [--seed S] [--stay] [--log LEVEL]',
  help: `All three roles on loopback: a car maker sends N registrations over TLS and their pictures by SFTP, the regulator
sends commands for them, pictures and contracts come back; the operator delivers the day's and the month's files, and the
regulator checks everything. Ends with a summary; exit 0 when everything is right.

  --out DIR         where everything is left (demo-out); what an earlier demo left there is removed
  --records N       registrations, each with its vehicle message (2000)
  --photos N        cards with pictures, each asked for by a command (100, or all records where there are fewer)
  --bytes-max N     greatest size of a text file, so that several show (1000000)
  --seed S          another seed, other people (2022)
  --stay            keeps everything up until Ctrl-C: DIR/demo.json tells curl and sftp where
  --log LEVEL       log lines on stderr: debug, info, warn, error or silent (silent)`,
  options: {
    out: { type: 'string' },
    records: { type: 'string' },
    photos: { type: 'string' },
    'bytes-max': { type: 'string' },
    seed: { type: 'string' },
    stay: { type: 'boolean' },
    log: { type: 'string' },
  },
  words: { log: LEVELS },
  positionalsMax: 0,
  async run(given) {
    const { runDay } = await import('../demo/day.js');
    const { openLog } = await import('../engine/log.js');
    const started = performance.now();
    const folder = resolve(textOption(given, 'out') ?? 'demo-out');
    const teller = new ProgressTeller(given.values.stay === true);
    const records = wholeNumber(given, 'records', 2_000, 1, 10_000_000);
    const day = await runDay(
      {
        folder,
        records,
        photos: wholeNumber(given, 'photos', Math.min(100, records), 0, records),
        bytesMax: wholeNumber(given, 'bytes-max', 1_000_000, 10_000, 100_000_000),
        seed: wholeNumber(given, 'seed', 2_022, 0, 4_294_967_295),
        log: openLog({ level: logLevel(given, 'silent') }),
      },
      teller,
    );
    teller.end();
    print(summary(day, folder, performance.now() - started));
    const isRight = day.report.problems.length === 0 && day.refused.length === 0 && day.unsent === 0;
    const right = isRight && reportsOf(day).every(({ green }) => green);
    if (given.values.stay) {
      complain(`staying up; ${folder}/demo.json names the endpoints; Ctrl-C ends`);
      await new Promise((stop) => process.once('SIGINT', stop).once('SIGTERM', stop));
    }
    await day.world.stop();
    return right ? EXIT.done : EXIT.failed;
  },
};

class ProgressTeller {
  #progress: Progress | undefined;
  #label = '';
  readonly #stays: boolean;

  constructor(stays: boolean) {
    this.#stays = stays;
  }

  /** Of a demo that ends by itself the page would be gone before it is read. */
  page(address: string): void {
    this.end();
    if (this.#stays) complain(`the operator's page: ${address}`);
  }

  phase(label: string, steps: number): void {
    if (label !== this.#label) {
      this.end();
      this.#label = label;
      this.#progress = new Progress(label);
    }
    this.#progress?.of(steps);
  }

  done(steps: number): void {
    this.#progress?.done(steps);
  }

  end(): void {
    this.#progress?.end();
    this.#progress = undefined;
  }
}

/** A day without commands has nothing to report. */
const reportsOf = ({ reports }: Day) => reports.filter(({ windows, commands }) => windows.length + commands.length > 0);

const PROBLEMS_SHOWN = 20;

function summary(day: Day, folder: string, durationMs: number): string {
  const { files, problems } = day.report;
  const count = (kind: 'account' | 'vehicle') => day.sent.filter((sent) => sent.kind === kind).length;
  const rows = (['KH', 'CL'] as const).flatMap((content) =>
    (['P', 'F'] as const).map((type) => {
      const own = files.filter((file) => file.content === content && file.type === type);
      const records = own.reduce((total, file) => total + file.records, 0);
      const label = `${content} ${type === 'P' ? 'daily' : 'monthly'}`;
      return `  ${label.padEnd(12)} ${String(own.length).padStart(4)} files ${String(records).padStart(8)} records`;
    }),
  );
  const wrong = [...problems, ...day.refused];
  const told = wrong.slice(0, PROBLEMS_SHOWN).map((problem) => `  ${problem}`);
  return [
    `sent and answered with success: ${count('account')} accounts, ${count('vehicle')} vehicles; not: ${day.unsent}`,
    `commands answered with pictures and contract: ${day.commands}`,
    'received by the regulator:',
    ...rows,
    "the regulator's report:",
    ...reportsOf(day).map((report) => `  ${verdict(report)}`),
    wrong.length === 0
      ? 'every message is in exactly one daily file and in the monthly one, as it was sent: all right'
      : `${wrong.length} problems:\n${told.join('\n')}`,
    `${(durationMs / 1000).toFixed(1)} s; everything is in ${folder}: regulator/inbox, oem/sent.ndjson, demo.json`,
  ].join('\n');
}

function wholeNumber(given: Given, name: string, fallback: number, min: number, max: number): number {
  const text = textOption(given, name);
  if (text === undefined) return fallback;
  const value = Number(text.replaceAll('_', ''));
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new IovError('USAGE', `--${name}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)}`);
}
