import { IovError } from '../contract/error.js';
import type { Store } from '../contract/store.js';
import { shownLetter } from '../engine/deadLetters.js';
import { LEVELS } from '../engine/logWords.js';
import { localTime } from '../notice/cutoff.js';
import { type Command, complain, EXIT, type Given, print, printJson, textOption } from './command.js';
import { STORE_HELP, storeOptions, withStore } from './store.js';
import { table } from './table.js';

const REASON_LENGTH_MAX = 100;
/** Letters of one listing. */
const LISTED_MAX = 200;

export const command: Command = {
  usage:
    'dead [list | show ID | retry ID… | retry --all] [--pipeline NAME] [--code CODE] [--after ID] [--file FILE | --archive PATH] [--json]',
  help: [
    'Lists what could not be handled and why, or shows one of them. Values of records are never shown.',
    '`retry` sends letters through their pipeline again, beside a daemon that may be running: those named, those of one',
    'pipeline, or all that wait. What fails again stays, with its new reason; exit code 2 then.',
    '',
    '  --pipeline NAME  only those of one pipeline',
    '  --code CODE      only those of one code, as CARD_LIMIT (article 11), kept for review (list)',
    '  --after ID       only those after this one (list)',
    '  --all            every letter that waits (retry)',
    '  --log LEVEL      log lines on stderr: debug, info, warn, error or silent (silent; retry)',
    STORE_HELP,
  ].join('\n'),
  options: {
    ...storeOptions,
    pipeline: { type: 'string' },
    code: { type: 'string' },
    after: { type: 'string' },
    all: { type: 'boolean' },
    log: { type: 'string' },
  },
  words: { '': ['list', 'show', 'retry'], log: LEVELS },
  positionalsMax: 1_000,
  audited: true,
  async run(given) {
    const [action = 'list', id, ...more] = given.positionals;
    if (action === 'retry') {
      const { retry } = await import('./deadRetry.js');
      return retry(given, given.positionals.slice(1));
    }
    if (action === 'list' && id === undefined) return withStore(given, (store) => list(store, given));
    if (action === 'show' && id !== undefined && /^\d+$/.test(id) && more.length === 0) {
      return withStore(given, (store) => show(store, Number(id), given));
    }
    complain(`usage: iovpipe ${command.usage}`);
    return EXIT.usage;
  },
};

function list(store: Store, given: Given): number {
  const pipeline = textOption(given, 'pipeline');
  const code = textOption(given, 'code');
  const after = textOption(given, 'after') ?? '0';
  if (!/^\d+$/.test(after))
    throw new IovError('USAGE', `--after: expected the id of a dead letter, got ${JSON.stringify(after)}`);
  const found = store.deadLetters({
    ...(pipeline !== undefined && { pipeline }),
    ...(code !== undefined && { code }),
    afterId: Number(after),
    limit: LISTED_MAX,
  });
  const letters = found.map(shownLetter);
  if (given.values.json) {
    printJson(letters);
    return EXIT.done;
  }
  const rows = letters.map(({ id, at, pipeline, origin, code, reason, state }) => [
    id,
    localTime(at),
    state,
    pipeline,
    origin,
    code,
    reason.length > REASON_LENGTH_MAX ? `${reason.slice(0, REASON_LENGTH_MAX)}…` : reason,
  ]);
  print(
    rows.length === 0
      ? 'no dead letters'
      : table(['id', 'when', 'state', 'pipeline', 'origin', 'code', 'reason'], rows),
  );
  if (letters.length === LISTED_MAX) complain(`there may be more: iovpipe dead --after ${letters.at(-1)?.id}`);
  return EXIT.done;
}

function show(store: Store, id: number, given: Given): number {
  const letter = store.deadLetter(id);
  if (!letter) {
    complain(`iovpipe: there is no dead letter ${id}`);
    return EXIT.refused;
  }
  if (given.values.json) printJson(shownLetter(letter));
  else {
    const { at, ...rest } = shownLetter(letter);
    const rows = Object.entries({ when: localTime(at), ...rest }).map(([name, value]) => [
      name,
      typeof value === 'object' ? JSON.stringify(value) : String(value),
    ]);
    print(rows.map(([name, value]) => `${name?.padEnd(10)} ${value}`).join('\n'));
  }
  return EXIT.done;
}
