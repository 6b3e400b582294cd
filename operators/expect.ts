import { defineOperator, type Kernel } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { type Fault, IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { type Static, Type } from '../contract/schema.js';
import type { Effect, NewDueFile, Transaction } from '../contract/store.js';
import type { JsonObject } from '../contract/tags.js';
import { iccidsOf } from '../notice/iccids.js';

const Options = Type.Object(
  {
    file: Type.Union([Type.Literal('KH'), Type.Literal('HT')], {
      description: '`KH`: pictures of the operator, or of a registration. `HT`: contracts of the car maker.',
    }),
    code: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9-]{1,64}$',
        expected: 'a code of letters, digits and hyphens',
        description: 'Who owes the file, where that is always the same: our own code in table A.1.',
        examples: ['0002'],
      }),
    ),
    codeOf: Type.Optional(
      Type.Union([Type.Literal('message'), Type.Literal('maker'), Type.Literal('unknown')], {
        description:
          'Who owes the file. `message` (where there is no `code`): the code that the message names. `maker`: the car maker that has registered the card, a file for each where a command names cards of several. `unknown`: nobody can tell yet; a file under any code will do.',
      }),
    ),
    unnameable: Type.Union([Type.Literal('refuse'), Type.Literal('pass')], {
      default: 'refuse',
      description:
        'An item whose RequestID or code cannot stand in a file name (letters, digits and hyphens, at most 64): it is answered 400, or passes with nothing expected, which is logged.',
    }),
    withinMs: Type.Integer({
      default: 21_600_000,
      minimum: 1,
      maximum: 2_592_000_000,
      description: 'Time until it is due, from acceptance (7.1.2: six hours).',
    }),
  },
  { additionalProperties: false },
);
type Options = Static<typeof Options>;

export const spec = defineOperator({
  name: 'expect',
  summary: 'Notes a file as due for a command or a registration, in the transaction that stores it.',
  description:
    'The file is called `KH_<RequestID>_<code>` or `HT_<RequestID>_<code>`; whoever delivers one of that name fulfils it, `status` and `trace` show it, and the engine raises the alarm at half the time, in the last half hour and when it is too late. Contracts of a card that no car maker has registered are noted as failed, and the command succeeds. Belongs before a sink that stores what comes with an item: `requests`, `archive`, `https`.',
  sections: ['5.1', '5.2', '6.1.3.2', '6.2.3.2', '7.1.2'],
  takes: ['message', 'record'],
  gives: 'same',
  stores: true,
  options: Options,
  check: ({ code, codeOf }) =>
    code !== undefined && codeOf !== undefined
      ? [{ field: 'codeOf', label: '', rule: 'either `code` or `codeOf`, not both' }]
      : [],
  examples: [
    {
      title: 'The operator’s own pictures',
      yaml: 'file: KH\ncode: "0002"',
      input: [{ RequestID: 'CMD-7', OperatorID: '0002', ICCID: '89860012345678901234' }],
      output: [{ RequestID: 'CMD-7', OperatorID: '0002', ICCID: '89860012345678901234' }],
    },
    { title: 'Contracts, from the car maker that has registered the card', yaml: 'file: HT\ncodeOf: maker' },
    { title: 'What the regulator asks for, of whom it cannot tell', yaml: 'file: HT\ncodeOf: unknown' },
    { title: 'A car maker’s pictures of a registration', yaml: 'file: KH\nunnameable: pass' },
  ],
  create: (options, context) => new Expect(options, context),
});

class Expect implements Kernel {
  readonly #options: Options;
  readonly #context: Context;

  constructor(options: Options, context: Context) {
    this.#options = options;
    this.#context = context;
  }

  transform(item: Item): Item[] {
    try {
      return [{ ...item, effects: [...item.effects, expectation(this.#options, item)] }];
    } catch (thrown) {
      const { code, message } = IovError.from(thrown);
      if (this.#options.unnameable === 'refuse' || code !== 'RECORD_INVALID') throw thrown;
      const { log, pipeline, place } = this.#context;
      log.warn({ pipeline, place, origin: item.origin }, `${message}; it passes, and none is expected`);
      return [item];
    }
  }
}

const NO_MAKER = 'no car maker has registered this card';

/**
 * What the store has to note for an item.
 * @throws IovError RECORD_INVALID where no file can be named after it
 */
function expectation({ file: content, code, codeOf = 'message', withinMs }: Options, { tags, value }: Item): Effect {
  const message = value as JsonObject;
  const requestId = nameable('RequestID', '请求标识', tags.requestId ?? message.RequestID);
  const card = message.ICCID ?? tags.iccid;
  const iccids = typeof card === 'string' ? iccidsOf(card) : [];
  const due = (owner: string, cards: readonly string[]): NewDueFile => {
    const name = [content, requestId, ...(owner === '' ? [] : [owner])].join('_');
    const forMore = tags.part !== undefined; // the pictures of a message are those of each of its cards
    return { name, content, requestId, code: owner, iccid: cards.join(','), withinMs, forMore };
  };
  if (code === undefined && codeOf === 'maker') return (transaction) => expectOfMakers(transaction, iccids, due);
  const owner = code ?? (codeOf === 'unknown' ? '' : nameable('Code', '编码', tags.code ?? message.Code));
  const file = due(owner, iccids);
  return (transaction) => transaction.addDueFile(file);
}

/** One file for each car maker among the cards; inside the transaction, where every registration accepted before is seen. */
function expectOfMakers(
  transaction: Transaction,
  iccids: readonly string[],
  due: (owner: string, cards: readonly string[]) => NewDueFile,
): void {
  const cards = new Map<string, string[]>();
  for (const iccid of iccids) {
    const maker = transaction.card(iccid)?.registration?.tags.code ?? '';
    if (maker !== '') nameable('Code', '车企编码', maker);
    cards.set(maker, [...(cards.get(maker) ?? []), iccid]);
  }
  for (const [maker, ofMaker] of cards) {
    const file = due(maker, ofMaker);
    transaction.addDueFile(file);
    if (maker === '') transaction.dueFileFailed(file.name, NO_MAKER, true);
  }
}

/** Part of a file name: nothing that separates, or has a meaning in a path. */
function nameable(field: string, label: string, text: unknown): string {
  if (typeof text === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(text)) return text;
  const fault: Fault = { field, label, rule: '1 to 64 letters, digits or hyphens, since files are named after it' };
  throw new IovError('RECORD_INVALID', 'no file can be named after this message', { faults: [fault] });
}
