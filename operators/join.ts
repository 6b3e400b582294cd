import { isDeepStrictEqual } from 'node:util';
import { defineOperator, type Kernel } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError, reasonOf } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { Type } from '../contract/schema.js';
import type { CardContent, CardSide, CardState, Effect } from '../contract/store.js';
import { isRequest, type JsonObject, madeFor, type Tags, withoutPlace } from '../contract/tags.js';
import { personOf } from '../notice/person.js';
import type { Merge } from '../notice/registration.js';
import { CardTurns } from '../stores/cardTurns.js';
import { requestOnce, seenRequest } from '../stores/requestOnce.js';

const Field = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 64, description, examples: ['ICCID'] }));

export const spec = defineOperator({
  name: 'join',
  summary: 'Brings registrations (table 8) and the operator’s card data together: table-12 records.',
  description:
    'Each side is stored in the state by card, in whatever order they come; `status` and `trace` show what still waits. A record leaves when both sides are there, and again when a registration comes or the card data changes. A side that waits is durable before its receipt settles. Card data that came before as it is, is passed over. Belongs before an `archive` sink, in whose transaction the side and the record are stored together.',
  sections: ['6.2.1.3'],
  takes: ['record'],
  gives: 'record',
  stores: true,
  options: Type.Object(
    {
      cards: Field('Among registrations: the field by which their card is found.'),
      registrations: Field('Among card data: the field by which its registration is found.'),
      inFlightMax: Type.Integer({
        default: 1000,
        minimum: 1,
        maximum: 100_000,
        description: 'Sides that may wait for the disk at once.',
      }),
    },
    { additionalProperties: false },
  ),
  check: ({ cards, registrations }) => {
    if ((cards === undefined) !== (registrations === undefined)) return [];
    return [
      { field: '', label: '', rule: 'either `cards` (among registrations) or `registrations` (among card data)' },
    ];
  },
  examples: [
    { title: 'Registrations that wait for their card', yaml: 'cards: ICCID' },
    { title: 'Card data that waits for its registration', yaml: 'registrations: ICCID' },
  ],
  async create({ cards, registrations = 'ICCID', inFlightMax }, context) {
    const { compileMerge } = await import('../notice/registration.js');
    const side = cards === undefined ? 'card' : 'registration';
    return new Join(
      { side, field: cards ?? registrations, inFlightMax, merge: compileMerge(context.site.tables) },
      context,
    );
  },
});

interface Options {
  side: CardSide;
  field: string;
  inFlightMax: number;
  merge: Merge;
}

/** So many registrations of one card may wait for its data. */
const EARLIER_MAX = 100;

/** Two sides of a card take turns in this process; another process is found out in the transaction, by `#unchanged`. */
class Join implements Kernel {
  readonly #options: Options;
  readonly #context: Context;
  readonly #other: CardSide;
  readonly #turns: CardTurns;
  readonly #storing = new Set<Promise<void>>();

  constructor(options: Options, context: Context) {
    this.#options = options;
    this.#context = context;
    this.#other = options.side === 'card' ? 'registration' : 'card';
    this.#turns = new CardTurns(context.store);
  }

  transform(item: Item): Item[] | Promise<Item[]> {
    const iccid = (item.value as JsonObject)[this.#options.field];
    if (typeof iccid !== 'string' || iccid === '') {
      const fault = { field: this.#options.field, label: 'ICCID', rule: 'the number of the card, a text' };
      throw new IovError('RECORD_INVALID', 'no card to join with', { faults: [fault] });
    }
    return this.#blocker(iccid) ? this.#afterOthers(item, iccid) : this.#join(item, iccid);
  }

  async flush(): Promise<Item[]> {
    await Promise.all(this.#storing);
    return [];
  }

  async close(): Promise<void> {
    this.#turns.releaseAll();
    await Promise.all(this.#storing);
  }

  async #afterOthers(item: Item, iccid: string): Promise<Item[]> {
    for (let blocker = this.#blocker(iccid); blocker; blocker = this.#blocker(iccid)) await blocker;
    return this.#join(item, iccid);
  }

  #blocker(iccid: string): Promise<void> | undefined {
    const oldest = this.#storing.size < this.#options.inFlightMax ? undefined : this.#storing.values().next().value;
    return this.#turns.before(iccid) ?? oldest;
  }

  #join(item: Item, iccid: string): Item[] {
    const { store } = this.#context;
    const tags = Object.assign({}, item.tags, { iccid });
    const request = { kind: 'KH' as const, tags };
    const [seen, state] = store.read((state) => [seenRequest(state, request), state.card(iccid)]);
    const other = state?.[this.#other];
    const content = this.#content(item.value as JsonObject, withoutPlace(tags));
    const isStored = this.#isStored(content, state, seen !== undefined);
    // data that is stored already comes too late for a registration that had been refused with it: that one alone leaves
    if (isStored ? !other?.earlier?.length : seen) {
      this.#store(item, () => {}); // what is found may not be on the disk yet: it has arrived once a flush has passed
      return [];
    }
    if (other) {
      const receipt = this.#turns.take(iccid, item.receipt);
      // a registration's record bears its request, which the archive remembers; that of card data bears another's
      const earlier = this.#options.side === 'registration' ? state?.registration?.earlier : undefined;
      const put = this.#put(iccid, earlier ? { earlier, ...content } : content);
      const stored = this.#options.side === 'card' ? requestOnce(request, [put]) : put;
      const whole = { ...item, tags, receipt, effects: [...item.effects, stored] };
      const waited = other.earlier ?? [];
      return this.#records(whole, content, other, isStored ? waited : [...waited, other]);
    }
    const waiting = this.#options.side === 'card' ? content : { earlier: earlierOf(state), ...content };
    const effects = [...item.effects, this.#unchanged(iccid, undefined), this.#put(iccid, waiting)];
    const receipt = this.#turns.take(iccid, item.receipt);
    this.#store({ ...item, tags, receipt }, requestOnce(request, effects));
    return [];
  }

  #content(fields: JsonObject, tags: Tags): CardContent {
    // a person's cards are counted (article 11), a company's are not
    const isPerson = this.#options.side === 'registration' && fields.CustomerType === '1';
    const person = isPerson ? personOf(fields) : undefined;
    return { fields, tags, ...(person !== undefined && { person }) };
  }

  /** Whether this is nothing new: a file or topic read again. A request is a business of its own, until it comes again. */
  #isStored({ fields, tags }: CardContent, state: CardState | undefined, seen: boolean): boolean {
    const stored = state?.[this.#options.side];
    if (!stored || (isRequest(tags) && !seen)) return false;
    return stored.tags.operType === tags.operType && isDeepStrictEqual(stored.fields, fields);
  }

  #put(iccid: string, content: CardContent): Effect {
    return (transaction) => transaction.putCardSide(iccid, this.#options.side, content);
  }

  /** In the transaction: the other side is still the one that was found before. */
  #unchanged(iccid: string, found: CardContent | undefined): Effect {
    return (transaction) => {
      const now = transaction.card(iccid)?.[this.#other];
      if (isDeepStrictEqual([now?.fields, now?.tags], [found?.fields, found?.tags])) return;
      throw new IovError('CARD_CHANGED', `${this.#context.place}: the other side changed in between`);
    };
  }

  /**
   * The records that leave: one for a registration; for card data one for each registration that has waited for it.
   * @param others what the record of each is made with
   */
  #records(item: Item, content: CardContent, other: CardContent, others: readonly CardContent[]): Item[] {
    const iccid = content.tags.iccid ?? '';
    const guard = this.#unchanged(iccid, other);
    if (others.length === 1 && others[0] === other) {
      return [{ ...item, ...this.#merged(item, content, other), effects: [guard, ...item.effects] }];
    }
    // Each record takes its registration off the list in its own transaction; the last one stores the card data.
    const share = item.receipt.share();
    const items = others.map((registration, index) => {
      const takeOff = registration === other ? [] : [this.#takeOff(iccid, registration)];
      const stored = index === others.length - 1 ? item.effects : [];
      const { requestId = index + 1 } = registration.tags;
      const origin = registration === other ? item.origin : `${item.origin}, with registration ${requestId}`;
      const effects = [guard, ...takeOff, ...stored];
      return { ...item, ...this.#merged(item, content, registration), origin, receipt: share.part(), effects };
    });
    share.close();
    return items;
  }

  /** It alone: one before it whose record has been refused goes on waiting. */
  #takeOff(iccid: string, registration: CardContent): Effect {
    return (transaction) => {
      const now = transaction.card(iccid)?.registration;
      const at = now?.earlier?.findIndex((waiting) => isDeepStrictEqual(waiting, registration)) ?? -1;
      if (now && at >= 0)
        transaction.putCardSide(iccid, 'registration', { ...now, earlier: now.earlier?.toSpliced(at, 1) ?? [] });
    };
  }

  /**
   * The table-12 record and its tags. That of card data bears the RequestID of its registration, so that `trace` finds it, but
   * is no retry of that request: it is known again by both sides (made and sent, and made again after a crash). Nor has it a
   * place in a topic.
   */
  #merged(item: Item, content: CardContent, other: CardContent): { value: JsonObject; tags: Tags } {
    const operType = operTypeOf(content) ?? operTypeOf(other) ?? '';
    if (this.#options.side === 'registration') {
      const value = this.#options.merge(content.fields, other.fields, operType);
      return { value, tags: { ...item.tags, operType } };
    }
    const { platformId: _platform, part: _part, digest: _digest, ...rest } = { ...content.tags, ...other.tags };
    const platformId = madeFor(content.tags, other.tags);
    const value = this.#options.merge(other.fields, content.fields, operType);
    return { value, tags: { ...rest, ...(platformId !== undefined && { platformId }), operType } };
  }

  /** Stores a side that waits for the other; its receipt settles when it is on the disk. */
  #store(item: Item, effect: Effect): void {
    const stored = this.#context.store
      .commit([effect])
      .then(
        () => item.receipt.arrived(),
        (thrown: unknown) => this.#refuse(item, IovError.from(thrown)),
      )
      .finally(() => this.#storing.delete(stored));
    this.#storing.add(stored);
  }

  /** The item has left the chain, so that the engine cannot keep it among the dead letters. */
  async #refuse(item: Item, error: IovError): Promise<void> {
    const { store, pipeline, log } = this.#context;
    const { tags, origin, raw, receipt } = item;
    log.warn({ origin, code: error.code, requestId: tags.requestId }, error.message);
    // whether anybody hears of it is not known here; a letter too many does no harm
    if (error.keep || !error.retryable) {
      const letter = { pipeline, origin, code: error.code, reason: reasonOf(error), tags, ...(raw && { raw }) };
      await store
        .commit([(transaction) => transaction.addDeadLetter(letter)])
        .catch((thrown: unknown) =>
          log.error({ origin }, `a dead letter was not kept: ${IovError.from(thrown).message}`),
        );
    }
    receipt.failed(error);
  }
}

/** Registrations of a card that wait for its data; each is an operation of its own, to be reported in its turn. */
function earlierOf(state: CardState | undefined): CardContent[] {
  if (!state?.registration) return [];
  const { earlier = [], fields, tags } = state.registration;
  if (earlier.length < EARLIER_MAX) return [...earlier, { fields, tags }];
  throw new IovError('OVERLOADED', `more than ${EARLIER_MAX} registrations of one card wait for its data`);
}

/** Table 7 says it outside the record; card data may have it as a field. */
function operTypeOf({ tags, fields }: CardContent): string | undefined {
  return tags.operType ?? (typeof fields.OperType === 'string' ? fields.OperType : undefined);
}
