import { IovError } from '../contract/error.js';
import type { CardState, Effect, Store, StoredRequest, Transaction } from '../contract/store.js';
import { isRequest } from '../contract/tags.js';

/** What is kept of a dry run, in memory. */
const REQUESTS_MAX = 500_000;
const CARDS_MAX = 100_000;

type Looked = Pick<Transaction, 'request' | 'card' | 'cardsOf'>;

/**
 * An archive as it would be if what is committed here were: open for reading alone, with what would have changed in memory.
 * @param store is only asked
 */
export function dryStore(store: Store): Store {
  const dry = new DryCommits(store);
  const instead: Partial<Store> = {
    commit: (effects) => dry.commit(effects),
    read: (work) => work(dry.looked),
  };
  return new Proxy(store, {
    get(target, name) {
      const own: unknown = Reflect.get(instead, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

class DryCommits {
  readonly looked: Looked;
  readonly #requests = new Map<string, StoredRequest>();
  readonly #cards = new Map<string, CardState>();
  #id = 0;

  constructor(store: Store) {
    this.looked = {
      request: (platformId, requestId) =>
        this.#requests.get(`${platformId} ${requestId}`) ?? store.read((state) => state.request(platformId, requestId)),
      card: (iccid) => this.#cards.get(iccid) ?? store.read((state) => state.card(iccid)),
      cardsOf: (person, except) => store.read((state) => state.cardsOf(person, except)),
    };
  }

  async commit(effects: readonly Effect[]): Promise<void> {
    const changes: (() => void)[] = [];
    const last: Effect[] = [];
    const transaction = this.#transaction(changes, last);
    for (const effect of effects) effect(transaction);
    for (const effect of last) effect(transaction);
    for (const change of changes) change();
    if (this.#requests.size > REQUESTS_MAX || this.#cards.size > CARDS_MAX) {
      const bounds = `${REQUESTS_MAX} requests or ${CARDS_MAX} cards`;
      throw new IovError('OVERLOADED', `a dry run keeps what it sees in memory, expected at most ${bounds}`);
    }
  }

  /** Changes hold when all effects have gone well; what would only be noted is passed over. */
  #transaction(changes: (() => void)[], last: Effect[]): Transaction {
    this.#id += 1;
    const nothing = () => undefined;
    const noted = {
      addDeadLetter: nothing,
      deadLetterRetried: nothing,
      deadLetterMoved: nothing,
      deadLetterMended: nothing,
      setPosition: nothing,
      positionGone: nothing,
      addDueFile: nothing,
      dueFileAsked: nothing,
      dueFileDelivered: nothing,
      dueFileFailed: nothing,
      addSample: nothing,
    };
    const unknown = (): never => {
      throw new IovError('INTERNAL', 'a dry run makes and takes in no files');
    };
    return {
      ...this.looked,
      ...noted,
      id: this.#id,
      planFile: unknown,
      receiveFile: unknown,
      loadRecords: unknown,
      append: () => 0,
      afterwards: (effect) => void last.push(effect),
      // a place in a topic or a file is read once
      rememberRequest: (request) => {
        if (isRequest(request)) changes.push(() => this.#remember(request));
      },
      putCardSide: (iccid, side, content) => {
        changes.push(() => {
          const state = this.looked.card(iccid) ?? { iccid };
          this.#cards.set(iccid, { ...state, [side]: { ...content, updatedAt: 0 } });
        });
      },
    };
  }

  #remember(request: Omit<StoredRequest, 'acceptedAt'>): void {
    this.#requests.set(`${request.platformId} ${request.requestId}`, { ...request, acceptedAt: 0 });
  }
}
