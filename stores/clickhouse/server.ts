import { Readable } from 'node:stream';
import type { ClickHouseClient } from '@clickhouse/client';
import { IovError } from '../../contract/error.js';
import { timeLimit } from '../../contract/timeLimit.js';
import { clickHouseFailed } from './failures.js';
import type { Sql } from './sql.js';

export interface ServerOptions {
  url: string;
  username: string;
  password?: string;
  connectionsMax: number;
  requestTimeoutMs: number;
}

/** Sockets that have been idle for longer are not used again: 18.16 closes them after three seconds. */
const IDLE_SOCKET_MS = 1_500;
/** The server sends nothing before it has all of it: what goes wrong in the middle would else stand as text among the rows. */
const WHOLE = { wait_end_of_query: 1 } as const;

/**
 * A ClickHouse server over HTTP, from 18.16 on: no parameters beside a query, and no setting that it does not know. Answers
 * are bounded by what was asked for.
 */
export class ClickHouseServer {
  readonly #client: ClickHouseClient;
  readonly #options: ServerOptions;
  readonly #closing = new AbortController();

  private constructor(client: ClickHouseClient, options: ServerOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Connects to nobody yet. */
  static async create(options: ServerOptions): Promise<ClickHouseServer> {
    const { createClient, ClickHouseLogLevel } = await import('@clickhouse/client').catch((cause: unknown) => {
      throw new IovError('COMPONENT_UNAVAILABLE', 'archive.clickhouse needs the package @clickhouse/client', { cause });
    });
    const { url, username, password = '', connectionsMax, requestTimeoutMs } = options;
    const client = createClient({
      url,
      username,
      password,
      max_open_connections: connectionsMax,
      request_timeout: 2 * requestTimeoutMs, // ours comes first, and holds for the answer too
      keep_alive: { enabled: true, idle_socket_ttl: IDLE_SOCKET_MS },
      log: { level: ClickHouseLogLevel.OFF },
    });
    return new ClickHouseServer(client, options);
  }

  /** Runs a statement that answers nothing. */
  async run(doing: string, { text }: Sql, timeoutMs?: number): Promise<void> {
    await this.#asked(doing, { query: text }, timeoutMs);
  }

  /** The rows of a bounded query, each value as text. */
  async rows(doing: string, { text }: Sql, timeoutMs?: number): Promise<string[][]> {
    const query = `${text} FORMAT JSONCompact`;
    const answer = await this.#asked(doing, { query, clickhouse_settings: WHOLE }, timeoutMs);
    const { data } = JSON.parse(Buffer.concat(answer).toString()) as { data: (string | number | null)[][] };
    return data.map((row) => row.map((value) => String(value ?? '')));
  }

  /** A bounded answer in one piece; its format is part of the query. */
  async bytes(doing: string, { text }: Sql): Promise<Buffer> {
    return Buffer.concat(await this.#asked(doing, { query: text, clickhouse_settings: WHOLE }));
  }

  /**
   * The answer as it comes: resolves when it begins. Whoever reads it destroys it if not to the end; nobody holds what has been
   * read, so that memory that was used a moment ago is used again.
   */
  async stream(doing: string, { text }: Sql): Promise<Readable> {
    try {
      // one thread is enough for what one reader takes, and the others are needed here or there
      return await this.#began({ query: text, clickhouse_settings: { max_threads: 1 } });
    } catch (thrown) {
      throw this.#failed(thrown, doing);
    }
  }

  /** Rows in RowBinary, in the order of the table's columns. */
  async insert(doing: string, into: Sql, rows: Buffer): Promise<void> {
    const query = `INSERT INTO ${into.text} FORMAT RowBinary`;
    await this.#asked(doing, { query, rows });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#client.close();
  }

  async #asked(doing: string, request: Request, timeoutMs?: number): Promise<Buffer[]> {
    try {
      const pieces: Buffer[] = [];
      for await (const piece of await this.#began(request, timeoutMs)) pieces.push(piece as Buffer);
      return pieces;
    } catch (thrown) {
      throw this.#failed(thrown, doing);
    }
  }

  #failed(thrown: unknown, doing: string): IovError {
    if (this.#closing.signal.aborted) return new IovError('STOPPED', `${doing}: stopped before ClickHouse answered`);
    return clickHouseFailed(thrown, doing);
  }

  /** Asks, and once more where the server has just closed the socket that was taken: everything asked may be asked twice. */
  async #began(request: Request, timeoutMs?: number): Promise<Readable> {
    return await this.#ask(request, timeoutMs).catch((thrown: unknown) => {
      if (!isStaleSocket(thrown) || this.#closing.signal.aborted) throw thrown;
      return this.#ask(request, timeoutMs);
    });
  }

  async #ask({ rows, ...asked }: Request, timeoutMs = this.#options.requestTimeoutMs): Promise<Readable> {
    const deadline = timeLimit(timeoutMs, this.#closing.signal);
    const late = () => new Error(`no answer within ${timeoutMs} ms`);
    const request = { ...asked, ...(rows && { values: Readable.from([rows]) }), abort_signal: deadline };
    const { stream } = await this.#client.exec(request).catch((thrown: unknown) => {
      throw deadline.aborted ? late() : thrown;
    });
    const stop = () => void stream.destroy(late());
    if (deadline.aborted) stop();
    deadline.addEventListener('abort', stop);
    stream.on('error', () => undefined); // whoever reads it is told; one that was asked for ahead may have no reader yet
    stream.once('close', () => deadline.removeEventListener('abort', stop));
    return stream;
  }
}

interface Request {
  query: string;
  /** What an insert sends after it. */
  rows?: Buffer;
  clickhouse_settings?: { wait_end_of_query?: 1; max_threads?: number };
}

function isStaleSocket(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && (thrown.code === 'ECONNRESET' || thrown.code === 'EPIPE');
}
