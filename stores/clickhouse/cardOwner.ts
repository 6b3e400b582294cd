import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { IovError } from '../../contract/error.js';
import { localTime } from '../../notice/cutoff.js';
import type { Tables } from './schema.js';
import type { ClickHouseServer } from './server.js';
import { sql } from './sql.js';

/** A claim as it stands in ClickHouse. */
export interface Owner {
  epoch: number;
  claim: string;
  host: string;
  sinceMs: number;
  /** Whether nobody else claims the same epoch. */
  isAlone: boolean;
}

const OWNER = 'cardsOwner';

/**
 * Whose the state by card in ClickHouse is: a row of the table `settings` for each claim. The greatest epoch counts, and of
 * several claims to it the one whose name comes first. Whoever claims looks afterwards: of two that note the same epoch one at
 * least sees both, and nobody goes on who is not alone. So an epoch has one writer.
 */
export class CardOwner {
  readonly #server: ClickHouseServer;
  readonly #tables: Tables;

  constructor(server: ClickHouseServer, tables: Tables) {
    this.#server = server;
    this.#tables = tables;
  }

  async find(): Promise<Owner | undefined> {
    // values of one epoch are ordered by the name of the claim, which comes next in them
    const query = sql`SELECT value, min(set_at), visitParamExtractUInt(value, 'epoch') AS epoch FROM ${this.#settings} WHERE setting = ${OWNER} GROUP BY value ORDER BY epoch DESC, value LIMIT 2`;
    const [first, second] = await this.#server.rows('looking whose the state by card is', query);
    if (!first) return undefined;
    const [value = '{}', since, epoch] = first;
    const { claim, host } = JSON.parse(value) as Pick<Owner, 'claim' | 'host'>;
    return { epoch: Number(epoch), claim, host, sinceMs: Number(since), isAlone: second?.[2] !== epoch };
  }

  /** Notes a claim, once `keep` has it for good. */
  async claim(epoch: number, nowMs: number, keep: (claim: string) => void): Promise<void> {
    const claim = randomUUID();
    keep(claim);
    const value = JSON.stringify({ epoch, claim, host: hostname() });
    const query = sql`INSERT INTO ${this.#settings} SELECT ${OWNER}, ${value}, toInt64(${nowMs})`;
    await this.#server.run('claiming the state by card', query);
  }

  get #settings() {
    return this.#tables.named('settings');
  }
}

/** What a ledger is told that is not the owner's. */
export function elsewhere(ledger: string, what: string, owner: Owner | undefined): IovError {
  const whose = owner
    ? `the state by card in ClickHouse belongs to ${owner.host} since ${localTime(owner.sinceMs)}`
    : 'nobody owns the state by card in ClickHouse any more';
  const remedy = `To take that state over here: stop the daemon there, move ${ledger} with the files beside it away, and start`;
  return new IovError('CARDS_ELSEWHERE', `${whose}, and ${what}. ${remedy}`);
}
