import { DialectOptions } from '../contract/peer.js';
import type { Static } from '../contract/schema.js';
import { tableOf } from '../notice/tables/index.js';
import type { ConfigSchema } from './configSchema.js';
import { conform } from './conform.js';
import { Faults } from './fault.js';
import { jsonSchema } from './jsonSchema.js';
import { type Located, locate, type Path } from './located.js';
import type { Steps } from './rules.js';
import { didYouMean } from './suggest.js';

/** Messages, Auth, and the records inside: what a dialect may name otherwise. Answers have `reply`. */
const TABLES = [1, 2, 5, 6, 7, 8, 10, 11];

/** Tells of an option; `at` the key where its name is what is wrong. */
type Tell = (steps: Path, problem: string, at?: 'key') => void;

/** Rules of dialects that no schema can say; and a message for a peer that has one is sent in it. */
export function checkDialects(root: Located, pipelines: readonly Steps[], faults: Faults): void {
  const peers = root.children.get('peers')?.children ?? new Map<string, Located>();
  const names = namesOf(root);
  const speakers = new Set<string>();
  for (const [name, peer] of peers) {
    const dialect = peer.children.get('dialect');
    if (!dialect) continue;
    speakers.add(name);
    const path = ['peers', name, 'dialect'];
    // What the schema says against it has been told.
    if (!conform(jsonSchema(DialectOptions), dialect, path, new Faults())) continue;
    const tell: Tell = (steps, problem, at) => {
      const { found, exact } = locate(dialect, steps);
      const mark = exact && at === undefined ? found.mark : (found.key ?? found.mark);
      if (!found.broken) faults.add(mark, [...path, ...steps], problem);
    };
    const options = dialect.value as DialectOptions;
    checkFields(options, names, tell);
    checkCards(options, names, tell);
    checkReply(options, tell);
  }
  for (const pipeline of pipelines) checkSender(pipeline, speakers, faults);
}

/** Every field name of the notice, as the site has it. */
function namesOf(root: Located): ReadonlySet<string> {
  const overrides = root.children.get('tables')?.value as Static<typeof ConfigSchema>['tables'] | undefined;
  const fields = (number: number) => {
    try {
      return tableOf(number, overrides).fields;
    } catch {
      return tableOf(number).fields; // a wrong override is told of by itself
    }
  };
  return new Set(TABLES.flatMap((number) => fields(number).map(({ name }) => name)));
}

function checkFields({ fields }: DialectOptions, names: ReadonlySet<string>, tell: Tell): void {
  const owners = new Map<string, string>();
  for (const [ours, theirs] of Object.entries(fields)) {
    const owner = owners.get(theirs);
    owners.set(theirs, ours);
    if (!names.has(ours)) {
      const turned = names.has(theirs)
        ? `; the notice’s name comes first: ${theirs}: ${ours}`
        : didYouMean(ours, names);
      tell(['fields', ours], `expected a field of the notice, got ${JSON.stringify(ours)}${turned}`, 'key');
    } else if (owner !== undefined) {
      tell(['fields', ours], `expected a name of its own, got ${JSON.stringify(theirs)}, which ${owner} has already`);
    } else if (names.has(theirs) && fields[theirs] === undefined) {
      const expected = 'expected a name that the notice does not use';
      tell(['fields', ours], `${expected}, got ${JSON.stringify(theirs)}, another field of its tables`);
    }
  }
}

function checkCards({ cards, fields }: DialectOptions, names: ReadonlySet<string>, tell: Tell): void {
  if (!cards) return;
  const taken = names.has(cards.list) || Object.values(fields).includes(cards.list);
  if (taken) tell(['cards', 'list'], `expected a name of its own, got ${JSON.stringify(cards.list)}, another field`);
  for (const [index, name] of cards.fields.entries()) {
    if (names.has(name)) continue;
    const got = `${JSON.stringify(name)}${didYouMean(name, names)}`;
    tell(['cards', 'fields', String(index)], `expected a field of the notice, got ${got}`);
  }
  if (!cards.fields.includes('ICCID'))
    tell(['cards', 'fields'], 'expected ICCID among them, by which a card is known, got a list without it');
}

function checkReply({ reply }: DialectOptions, tell: Tell): void {
  if (!reply) return;
  const { result, cause, requestId, success, again, failure } = reply;
  if (cause === result) tell(['reply', 'cause'], `expected another field than result, got ${cause}`);
  if (requestId === result || requestId === cause)
    tell(['reply', 'requestId'], `expected a field of its own, got ${requestId}`);
  const good = new Set(success.map(String));
  for (const [index, value] of again.entries()) {
    if (good.has(String(value)))
      tell(['reply', 'again', String(index)], `expected no value of success, got ${JSON.stringify(value)}`);
  }
  if (failure !== undefined && good.has(String(failure)))
    tell(['reply', 'failure'], `expected no value of success, got ${JSON.stringify(failure)}`);
}

/** Whoever signs for a peer with a dialect sends to it, too. */
function checkSender({ operators, sink }: Steps, speakers: ReadonlySet<string>, faults: Faults): void {
  if (sink?.spec.name !== 'https') return;
  const given = sink.located.children.get('peer');
  for (const operator of operators) {
    const peer = operator?.spec.name === 'sign' ? operator.located.children.get('peer')?.value : undefined;
    if (typeof peer !== 'string' || !speakers.has(peer) || given?.value === peer) continue;
    const got = given ? String(given.value) : 'nothing';
    const { mark } = given ?? { mark: sink.located.key ?? sink.located.mark };
    faults.add(
      mark,
      given ? [...sink.path, 'peer'] : sink.path,
      `expected peer: ${peer}, whose dialect the message is to be sent in, got ${got}`,
    );
  }
}
