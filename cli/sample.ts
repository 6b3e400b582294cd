import { IovError } from '../contract/error.js';
import type { Sample, Verdict } from '../contract/sample.js';
import type { Store } from '../contract/store.js';
import { localTime } from '../notice/cutoff.js';
import { type Command, complain, EXIT, type Given, print, printJson, textOption } from './command.js';
import { STORE_HELP, storeOptions, withStore } from './store.js';
import { table } from './table.js';

/** Samples of one listing. */
const LISTED_MAX = 200;
const NOTE_LENGTH_MAX = 1_000;

export const command: Command = {
  usage:
    'sample [list | show ID | review ID --verdict right|wrong [--note TEXT]] [--all] [--after ID] [--file FILE | --archive PATH] [--json]',
  help: [
    'Lists the records drawn for review (article 10, operator `sample`), shows one of them, or notes what was found.',
    'Records are shown masked; the full one is in the archive, where `iovpipe trace REQUESTID` finds it.',
    '',
    '  --verdict WORD   right, or wrong (review)',
    '  --note TEXT      what was found; it is shown as it is, so without names and numbers (review)',
    '  --all            those reviewed too (list)',
    '  --after ID       only those after this one (list)',
    STORE_HELP,
  ].join('\n'),
  options: {
    ...storeOptions,
    verdict: { type: 'string' },
    note: { type: 'string' },
    all: { type: 'boolean' },
    after: { type: 'string' },
  },
  words: { '': ['list', 'show', 'review'], verdict: ['right', 'wrong'] },
  positionalsMax: 2,
  audited: true,
  async run(given) {
    const [action = 'list', word] = given.positionals;
    if (action === 'list' && word === undefined) return withStore(given, (store) => list(store, given));
    const id = word !== undefined && /^\d{1,15}$/.test(word) ? Number(word) : undefined;
    if (action === 'show' && id !== undefined) return withStore(given, (store) => show(store, id, given));
    if (action === 'review' && id !== undefined) {
      const verdict = verdictOf(given);
      const note = noteOf(given);
      return withStore(given, (store) => review(store, id, verdict, note), 'write');
    }
    complain(`usage: iovpipe ${command.usage}`);
    return EXIT.usage;
  },
};

function list(store: Store, given: Given): number {
  const after = textOption(given, 'after') ?? '0';
  if (!/^\d{1,15}$/.test(after))
    throw new IovError('USAGE', `--after: expected the id of a sample, got ${JSON.stringify(after)}`);
  const samples = store.samples.list({
    ...(given.values.all !== true && { state: 'open' as const }),
    afterId: Number(after),
    limit: LISTED_MAX,
  });
  if (given.values.json) {
    printJson(samples);
    return EXIT.done;
  }
  const rows = samples.map(({ id, drawnAt, pipeline, requestId = '', code = '', state, verdict }) => [
    id,
    localTime(drawnAt),
    pipeline,
    requestId,
    code,
    verdict ?? state,
  ]);
  print(
    rows.length === 0
      ? 'no samples wait for review'
      : table(['id', 'drawn', 'pipeline', 'request', 'code', 'verdict'], rows),
  );
  if (samples.length === LISTED_MAX) complain(`there may be more: iovpipe sample --after ${samples.at(-1)?.id}`);
  return EXIT.done;
}

function show(store: Store, id: number, given: Given): number {
  const sample = store.samples.get(id);
  if (!sample) return unknown(id);
  if (given.values.json) printJson(sample);
  else print([...headOf(sample), '', ...fieldsOf(sample)].join('\n'));
  return EXIT.done;
}

function review(store: Store, id: number, verdict: Verdict, note: string | undefined): number {
  return store.samples.review(id, verdict, note) ? EXIT.done : unknown(id);
}

function unknown(id: number): number {
  complain(`iovpipe: there is no sample ${id}`);
  return EXIT.refused;
}

function headOf({ id, pipeline, requestId, code, drawnAt, state, verdict, note, reviewedAt }: Sample): string[] {
  const head = {
    id,
    pipeline,
    request: requestId,
    code,
    drawn: localTime(drawnAt),
    state,
    verdict,
    note,
    reviewed: reviewedAt === undefined ? undefined : localTime(reviewedAt),
  };
  return Object.entries(head).flatMap(([name, value]) => (value === undefined ? [] : `${name.padEnd(10)} ${value}`));
}

function fieldsOf({ record }: Sample): string[] {
  const width = Math.max(...Object.keys(record).map((name) => name.length));
  return Object.entries(record).map(([name, value]) => `${name.padEnd(width)}  ${String(value)}`);
}

function verdictOf(given: Given): Verdict {
  const verdict = textOption(given, 'verdict');
  if (verdict === 'right' || verdict === 'wrong') return verdict;
  throw new IovError('USAGE', `--verdict: expected right or wrong, got ${JSON.stringify(verdict ?? 'nothing')}`);
}

function noteOf(given: Given): string | undefined {
  const note = textOption(given, 'note');
  if (note === undefined || note.length <= NOTE_LENGTH_MAX) return note;
  throw new IovError('USAGE', `--note: expected at most ${NOTE_LENGTH_MAX} characters, got ${note.length}`);
}
