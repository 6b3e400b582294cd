import { IovError } from '../../contract/error.js';
import type { Database, Statement } from '../sqlite/database.js';

/** What a ledger says of the state by card in ClickHouse. */
export interface Claim {
  /** How many times the state has been taken over by then, this one counted. */
  epoch: number;
  /** A name of its own. */
  claim: string;
  /** `loading`: the ledger does not have all of it yet. `behind`: cards have changed here that were not noted for ClickHouse. */
  state: 'loading' | 'whole' | 'behind';
}

/** The one row of the ledger's table `card_claim`. */
export class CardClaim {
  readonly #get: Statement<Claim>;
  readonly #put: Statement;
  readonly #setState: Statement;

  constructor(database: Database) {
    this.#get = database.prepare('SELECT epoch, claim, state FROM card_claim');
    this.#put = database.prepare('INSERT OR REPLACE INTO card_claim VALUES (1, @epoch, @claim, @state)');
    this.#setState = database.prepare('UPDATE card_claim SET state = ?');
  }

  get(): Claim | undefined {
    return this.#get.get();
  }

  put(claim: Claim): void {
    this.#put.run(claim);
  }

  /**
   * From now on cards change here that nobody notes.
   * @throws IovError CONFIG_INVALID where the ledger does not have all of them yet
   */
  fallBehind(): void {
    if (this.get()?.state === 'loading') {
      const rule = 'expected true until the state by card has been taken over, got false: the ledger has a part of it';
      throw new IovError('CONFIG_INVALID', `archive.clickhouse.cards: ${rule}`);
    }
    this.setState('behind');
  }

  setState(state: Claim['state']): void {
    this.#setState.run(state);
  }
}
