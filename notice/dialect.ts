import { IovError } from '../contract/error.js';
import type { DialectOptions, Peers } from '../contract/peer.js';
import type { JsonObject } from '../contract/tags.js';
import { type Answer, FAILURES, isFailureCode, type Outcome, readAnswer } from './failure.js';
import { isObject } from './report.js';

/** What one peer says otherwise than the notice: its field names, its lists of cards, its answers. Pure; both directions. */
export class Dialect {
  readonly #options: DialectOptions;
  readonly #toPeer: ReadonlyMap<string, string>;
  readonly #toNotice: ReadonlyMap<string, string>;

  constructor(options: DialectOptions) {
    const names = Object.entries(options.fields);
    this.#options = options;
    this.#toPeer = new Map(names);
    this.#toNotice = new Map(names.map(([ours, theirs]) => [theirs, ours]));
  }

  /**
   * A message as the notice has it (tables 1, 5, 7, 10).
   * @throws IovError RECORD_INVALID for a field that came under both its names
   */
  messageFromPeer(message: JsonObject): JsonObject {
    return withAuth(renamed(message, this.#toNotice), (auth) => renamed(auth, this.#toNotice));
  }

  messageToPeer(message: JsonObject): JsonObject {
    return renamed(
      withAuth(message, (auth) => renamed(auth, this.#toPeer)),
      this.#toPeer,
    );
  }

  /**
   * The records that a decrypted field holds (tables 8, 11): one a card, in the order of the peer's list.
   * @throws IovError RECORD_INVALID
   */
  recordsFromPeer(record: JsonObject): JsonObject[] {
    const { cards } = this.#options;
    if (!cards || record[cards.list] === undefined) return [renamed(record, this.#toNotice)];
    const { [cards.list]: list, ...common } = record;
    const rest = renamed(common, this.#toNotice);
    const records: JsonObject[] = cardsOf(list, cards).map((card) => ({ ...rest, ...renamed(card, this.#toNotice) }));
    if (new Set(records.map((record) => record.ICCID)).size < records.length)
      throw badList(cards.list, 'each card once');
    return records;
  }

  /** The record as the peer wants it, its card in a list of one that stands where the first of its fields stood. */
  recordToPeer(record: JsonObject): JsonObject {
    const { cards } = this.#options;
    if (!cards) return renamed(record, this.#toPeer);
    const rest: JsonObject = {};
    const card: JsonObject = {};
    for (const [name, value] of Object.entries(record)) {
      if (!cards.fields.includes(name)) rest[this.#toPeer.get(name) ?? name] = value;
      else {
        rest[cards.list] = [card];
        card[this.#toPeer.get(name) ?? name] = value;
      }
    }
    return rest;
  }

  /** Whether a message claims to come from this platform, under the names that its peer has for `Auth` and `PlatformID`. */
  isOf(message: JsonObject, platformId: string): boolean {
    const auth = message[this.#toPeer.get('Auth') ?? 'Auth'];
    return isObject(auth) && auth[this.#toPeer.get('PlatformID') ?? 'PlatformID'] === platformId;
  }

  /** Our answer in the peer's words. */
  answerToPeer(answer: Answer): JsonObject {
    const { reply } = this.#options;
    if (!reply) return { ...answer };
    const { success, failure } = reply;
    const cause = answer.FailureCause ?? '604';
    const code = /^\d{3}(?!\d)/.exec(cause)?.[0] ?? '';
    const told = isFailureCode(code) ? code : '400';
    const result = failure ?? (typeof success[0] === 'number' ? Number(told) : told);
    const done = answer.OprRst === '1';
    return {
      ...(reply.requestId !== undefined && { [reply.requestId]: answer.RequestID }),
      [reply.result]: done ? success[0] : result,
      [reply.cause]: done ? 'success' : isFailureCode(cause) ? `${cause} ${FAILURES[cause].description}` : cause,
    };
  }

  /** What the peer's answer means; undefined where it is none. */
  readAnswer(body: JsonObject): Outcome | undefined {
    const { reply } = this.#options;
    if (!reply) return readAnswer(body);
    const { [reply.result]: result, [reply.cause]: cause } = body;
    if (!['string', 'number', 'boolean'].includes(typeof result)) return undefined;
    const requestId = reply.requestId === undefined ? undefined : body[reply.requestId];
    if (reply.requestId !== undefined && typeof requestId !== 'string') return undefined;
    const isAmong = (values: readonly unknown[]) => values.some((value) => String(value) === String(result));
    const told = `${reply.result} ${result}${typeof cause === 'string' && cause !== '' ? `: ${cause}` : ''}`;
    return {
      requestId: typeof requestId === 'string' ? requestId : undefined,
      done: isAmong(reply.success),
      again: isAmong(reply.again),
      cause: told,
    };
  }
}

/** Finds the dialect of whoever sent a message, by the PlatformID that it claims; undefined where nobody has one. */
export function dialectFinder(peers: Peers): ((message: JsonObject) => Dialect | undefined) | undefined {
  const dialects = [...(dialectsOf(peers) ?? [])];
  if (dialects.length === 0) return undefined;
  return (message) => dialects.find(([platformId, dialect]) => dialect.isOf(message, platformId))?.[1];
}

/** The dialects of peers by PlatformID; undefined where every peer speaks as the notice does. */
export function dialectsOf(peers: Peers): ReadonlyMap<string, Dialect> | undefined {
  const dialects = new Map<string, Dialect>();
  for (const { platformId, dialect } of Object.values(peers)) {
    if (dialect) dialects.set(platformId, new Dialect(dialect));
  }
  return dialects.size > 0 ? dialects : undefined;
}

function renamed(object: JsonObject, names: ReadonlyMap<string, string>): JsonObject {
  if (names.size === 0) return object;
  const result: JsonObject = {};
  for (const [name, value] of Object.entries(object)) {
    const other = names.get(name) ?? name;
    if (Object.hasOwn(result, other)) throw twice(other);
    result[other] = value;
  }
  return result;
}

function withAuth(message: JsonObject, change: (auth: JsonObject) => JsonObject): JsonObject {
  return isObject(message.Auth) ? { ...message, Auth: change(message.Auth) } : message;
}

function cardsOf(list: unknown, { list: field, max }: { list: string; max: number }): JsonObject[] {
  if (!Array.isArray(list) || list.length === 0 || !list.every(isObject)) throw badList(field, 'a list of cards');
  if (list.length > max) throw badList(field, `at most ${max} cards, got ${list.length}`);
  return list;
}

function badList(field: string, rule: string): IovError {
  return new IovError('RECORD_INVALID', 'the list of cards cannot be taken', { faults: [{ field, label: '', rule }] });
}

function twice(field: string): IovError {
  const fault = { field, label: '', rule: 'under one name, got it under the notice’s and the peer’s' };
  return new IovError('RECORD_INVALID', 'a field came twice, under two names', { faults: [fault] });
}
