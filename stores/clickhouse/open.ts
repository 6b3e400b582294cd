import type { Log } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import { openDatabase, storeFailed } from '../sqlite/database.js';
import { LogFlush } from '../sqlite/logFlush.js';
import { migrate as migrateLedger } from '../sqlite/schema.js';
import { CardClaim } from './cardClaim.js';
import { checkSchema, Tables } from './schema.js';
import { ClickHouseServer } from './server.js';
import { ClickHouseStore, type ClickHouseStoreOptions } from './store.js';

/**
 * An archive in ClickHouse, shared by many machines, with this machine's ledger in SQLite beside it. A server that is away does
 * not keep a daemon from starting: what it accepts waits in the ledger; only a state by card that is to come from there must come.
 * @throws IovError SCHEMA_MISMATCH; CARDS_ELSEWHERE; STORE_FAILED; COMPONENT_UNAVAILABLE; STOPPED
 */
export async function openClickHouseStore(options: ClickHouseStoreOptions): Promise<ClickHouseStore> {
  const { ledger, readOnly = false, ships = !readOnly, log, stop } = options;
  const database = await openDatabase(ledger, readOnly, options.seal);
  const server = await ClickHouseServer.create(options);
  const breakOff = () => void server.close(); // whoever waits for an answer is told
  stop?.addEventListener('abort', breakOff, { once: true });
  let flush: LogFlush | undefined;
  try {
    stop?.throwIfAborted();
    migrateLedger(database, ledger, readOnly);
    if (!readOnly && !options.cards) new CardClaim(database).fallBehind();
    if (ships) await lookAt(server, new Tables(options.database), log);
    flush = new LogFlush(ledger, options.seal);
    const store = new ClickHouseStore(database, flush, server, options);
    if (ships) await store.begin();
    return store;
  } catch (thrown) {
    await flush?.close();
    database.close();
    await server.close();
    throw storeFailed(thrown, `opening ${ledger}`);
  } finally {
    stop?.removeEventListener('abort', breakOff);
  }
}

/** Who only looks into the ledger need not wait for a server; and one that is away is looked at again. */
async function lookAt(server: ClickHouseServer, tables: Tables, log: Log): Promise<void> {
  await checkSchema(server, tables).catch((thrown: unknown) => {
    const error = IovError.from(thrown);
    if (error.code === 'SCHEMA_MISMATCH' || error.code === 'STOPPED') throw error;
    log.warn({ code: error.code }, `starting without the archive: ${error.message}`);
  });
}
