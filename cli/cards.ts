import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CardState, Store } from '../contract/store.js';
import { localTime } from '../notice/cutoff.js';
import { compileServiceEnd, type ServiceEnd } from '../notice/service.js';
import { type Command, EXIT, type Given, oneOf, textOption } from './command.js';
import { configOf, STORE_HELP, storeOptions, withStore } from './store.js';

const STATES = ['unregistered', 'waitingForCard', 'complete', 'ended'] as const;
type State = (typeof STATES)[number];

/** Cards read at a time. */
const PAGE = 1_000;

export const command: Command = {
  usage: 'cards [--state STATE] [--file FILE | --archive PATH] [--json]',
  help: [
    'Writes every card with its state, one a line, by ICCID: for the switch side, which limits those without a registration',
    '(article 14). Unlike every other command this one shows ICCIDs, since it is meant for a machine; keep what it writes',
    'as you keep the archive. Any number of cards takes the same little memory.',
    '',
    '  --state STATE    only cards of one state:',
    '                     unregistered    known to the operator, and nobody has registered it',
    '                     waitingForCard  registered, and the operator’s card data has not come',
    '                     complete        both are there',
    '                     ended           its last registration (or card data) says that service has ended',
    '  --json           each line as {"iccid", "state", "since"}',
    STORE_HELP.replace(/\n[^\n]*$/, ''),
  ].join('\n'),
  options: { ...storeOptions, state: { type: 'string' } },
  words: { state: STATES },
  positionalsMax: 0,
  audited: true,
  async run(given) {
    const wanted = stateOf(given);
    const endOf = compileServiceEnd(await siteOf(given));
    await withStore(given, (store) => {
      const lines = linesOf(store, wanted, endOf, given.values.json === true);
      return pipeline(Readable.from(lines), process.stdout, { end: false });
    });
    return EXIT.done;
  },
};

/** A page at a time, so that a slow reader holds the archive back and nothing piles up. */
function* linesOf(store: Store, wanted: State | undefined, endOf: ServiceEnd, asJson: boolean): Generator<string> {
  for (let afterIccid = ''; ; ) {
    // a card without a registration may be found without looking at those that have one
    const page = store.cards({ unregistered: wanted === 'unregistered', afterIccid, limit: PAGE });
    const lines = page.flatMap((card) => {
      const { state, sinceMs } = told(card, endOf);
      if (wanted !== undefined && state !== wanted) return [];
      const since = new Date(sinceMs).toISOString();
      return asJson
        ? JSON.stringify({ iccid: card.iccid, state, since })
        : `${card.iccid}  ${state.padEnd(14)}  ${localTime(sinceMs)}`;
    });
    if (lines.length > 0) yield `${lines.join('\n')}\n`;
    if (page.length < PAGE) return;
    afterIccid = page.at(-1)?.iccid ?? '';
  }
}

function told(state: CardState, endOf: ServiceEnd): { state: State; sinceMs: number } {
  const { registration, card } = state;
  const endedMs = endOf(state);
  if (endedMs !== undefined) return { state: 'ended', sinceMs: endedMs };
  if (!registration) return { state: 'unregistered', sinceMs: card?.updatedAt ?? 0 };
  if (!card) return { state: 'waitingForCard', sinceMs: registration.updatedAt };
  return { state: 'complete', sinceMs: Math.max(registration.updatedAt, card.updatedAt) };
}

function stateOf(given: Given): State | undefined {
  const word = textOption(given, 'state');
  return word === undefined ? undefined : oneOf(STATES, word, '--state');
}

/** The site's own code tables say what ends service; `--archive` alone does with the placeholders. */
async function siteOf(given: Given) {
  const none = { codes: {}, tables: {} };
  if (textOption(given, 'archive') !== undefined && textOption(given, 'file') === undefined) return none;
  return (await configOf(given)).site;
}
