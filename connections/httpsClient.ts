import { createSecureContext } from 'node:tls';
import { Agent, request } from 'undici';
import { IovError } from '../contract/error.js';

export interface ClientOptions {
  url: string;
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
  /** Connections at once. */
  connections: number;
  keepAlive: boolean;
  /** From the first step of connecting to the last byte of the answer. */
  timeoutMs: number;
  answerBytesMax: number;
}

export interface Reply {
  status: number;
  body: Uint8Array;
}

/** An answer whose body is read as it comes; whoever does not read it to its end must give it up. */
export interface OpenReply {
  status: number;
  /** Of the whole, where the peer says so; of `range` too. */
  bytes: number | undefined;
  body: AsyncIterable<Uint8Array>;
  giveUp(): void;
}

/** POSTs to one address over TLS, or GETs; short connections unless told otherwise (4.2.2: 短连接), TLS sessions resumed. */
export class HttpsClient {
  readonly #options: ClientOptions;
  readonly #agent: Agent;
  #closed: Promise<void> | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    const { ca, cert, key, connections, keepAlive, timeoutMs, answerBytesMax } = options;
    this.#agent = new Agent({
      connections,
      pipelining: keepAlive ? 1 : 0, // undici: 0 closes each connection after its answer
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: answerBytesMax,
      connect: {
        timeout: timeoutMs,
        // read once, not for each of many short connections
        secureContext: createSecureContext({
          ...(ca !== undefined && { ca }),
          ...(cert !== undefined && { cert }),
          ...(key !== undefined && { key }),
        }),
      },
    });
  }

  /**
   * @throws IovError PEER_UNREACHABLE whatever kept an answer from coming; PEER_PROTOCOL for an answer above its bound
   */
  async post(body: Uint8Array): Promise<Reply> {
    const deadline = this.#deadline();
    try {
      const reply = await request(this.#options.url, {
        dispatcher: this.#agent,
        method: 'POST',
        headers: { 'content-type': 'application/json; charset=utf-8' },
        body,
        signal: deadline.signal,
      });
      return { status: reply.statusCode, body: new Uint8Array(await reply.body.arrayBuffer()) };
    } catch (cause) {
      throw this.#failure(cause);
    } finally {
      deadline.met();
    }
  }

  /**
   * GETs an address; what fails is told by `url` of the options, so that an address made from personal data is not shown.
   * @param firstBytes asks for so many alone; a peer may send the whole all the same
   * @throws IovError as `post`; reading the body does too
   */
  async get(address: string, firstBytes?: number): Promise<OpenReply> {
    const deadline = this.#deadline();
    try {
      const { statusCode, headers, body } = await request(address, {
        dispatcher: this.#agent,
        headers: { 'accept-encoding': 'identity', ...(firstBytes && { range: `bytes=0-${firstBytes - 1}` }) },
        signal: deadline.signal,
      });
      body.once('close', deadline.met).on('error', () => undefined); // who reads it is told; who gave it up need not be
      return {
        status: statusCode,
        bytes: wholeBytes(headers),
        body: this.#told(body),
        giveUp: () => void body.destroy(),
      };
    } catch (cause) {
      deadline.met();
      throw this.#failure(cause);
    }
  }

  /** Ends every POST under way. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#agent.destroy();
    return this.#closed;
  }

  #deadline(): { signal: AbortSignal; met: () => void } {
    const { timeoutMs } = this.#options;
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    return { signal: controller.signal, met: () => clearTimeout(timer) };
  }

  async *#told(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  #failure(cause: unknown): IovError {
    const { url, answerBytesMax } = this.#options;
    const { message, code } =
      cause instanceof Error ? (cause as NodeJS.ErrnoException) : { message: String(cause), code: undefined };
    if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
      return new IovError('PEER_PROTOCOL', `${url}: expected an answer of at most ${answerBytesMax} bytes`, { cause });
    }
    return new IovError('PEER_UNREACHABLE', `${url}: ${code ? `${code} ` : ''}${message}`, { cause });
  }
}

/** `Content-Range: bytes 0-31/12345` of a part; `Content-Length` of a whole. */
function wholeBytes(headers: { [name: string]: string | string[] | undefined }): number | undefined {
  const { 'content-range': range, 'content-length': length } = headers;
  const text = range === undefined ? String(length) : String(range).replace(/^.*\//, '');
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
