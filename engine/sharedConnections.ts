import type { Connection } from '../contract/connection.js';
import { IovError } from '../contract/error.js';
import { inTurn } from './inTurn.js';

/** The connections of a pipeline file by name: opened when they are needed, once each, and closed last. */
export class SharedConnections {
  readonly #named = new Map<string, Connection>();
  readonly #opened = new Map<string, Promise<void>>();

  get named(): ReadonlyMap<string, Connection> {
    return this.#named;
  }

  get<Kind extends Connection>(name: string): Kind {
    const connection = this.#named.get(name);
    if (!connection) throw new IovError('CONFIG_INVALID', `no connection is called ${name}`);
    return connection as Kind;
  }

  add(name: string, connection: Connection): void {
    this.#named.set(name, connection);
  }

  /** What failed to open is tried again by whoever asks next. */
  async open(name: string): Promise<void> {
    const opening = this.#opened.get(name) ?? Promise.resolve(this.get(name).open?.());
    this.#opened.set(name, opening);
    await opening.catch((thrown: unknown) => {
      this.#opened.delete(name);
      throw thrown;
    });
  }

  /** Closes one, and forgets it. */
  async drop(name: string): Promise<void> {
    const connection = this.#named.get(name);
    this.#named.delete(name);
    this.#opened.delete(name);
    await connection?.close?.();
  }

  /**
   * Closes all of them, the last added first. Idempotent.
   * @throws what the first threw that would not close, once the others have been
   */
  async close(): Promise<void> {
    await inTurn([...this.#named.values()].reverse().map((connection) => () => connection.close?.()));
  }
}
