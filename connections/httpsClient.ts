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

/** POSTs to one address over TLS; short connections unless told otherwise (4.2.2: 短连接), TLS sessions resumed. */
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
    const { url, timeoutMs } = this.#options;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      const reply = await request(url, {
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
      clearTimeout(timer);
    }
  }

  /** Ends every POST under way. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#agent.destroy();
    return this.#closed;
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
