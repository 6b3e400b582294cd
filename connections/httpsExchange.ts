import type { IncomingMessage, ServerResponse } from 'node:http';
import { IovError } from '../contract/error.js';
import type { Dialect } from '../notice/dialect.js';
import { answer } from '../notice/failure.js';

/** What a route wants of the messages on its path. */
export interface RouteOptions {
  bodyBytesMax: number;
  /** Appends the reason to a bare code of table 4. */
  explain: boolean;
  /** Of the one peer that calls on the path. */
  dialect?: Dialect | undefined;
}

export interface ExchangeBounds {
  bodyTimeoutMs: number;
  answerTimeoutMs: number;
  lingerMs: number;
  /** Answers with the HTTP status that a FailureCause means, instead of 200. */
  mirrorStatus: boolean;
}

/** One message and its answer, tables 3 and 9. It is answered once; what is said later is said into nothing. */
export class Exchange {
  readonly path: string;
  /** The caller's address, IPv4 as such where it came mapped into IPv6. */
  readonly address: string;
  /** As it came in the message; empty until known (tables 3 and 9: RequestID). */
  requestId = '';
  /** How the caller wants to be answered, where that is not as in tables 3 and 9; known once it is known who calls. */
  dialect: Dialect | undefined;
  /** Called when the exchange is over: answered, or its caller gone. */
  onOver: (() => void) | undefined;
  /** Called when the caller is answered 401. */
  onUnauthorized: (() => void) | undefined;
  /** Called when the body is there; what it returns is waited for before the body goes on. */
  onWhole: ((moreMayCome: boolean) => Promise<void> | undefined) | undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #bounds: ExchangeBounds;
  readonly #deadline: NodeJS.Timeout;
  #route: RouteOptions | undefined;
  #over = false;
  /** The caller waits for our word before it sends the body (`Expect: 100-continue`). */
  #invited: boolean;
  #giveUpBody: ((error: IovError) => void) | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, bounds: ExchangeBounds) {
    this.#request = request;
    this.#response = response;
    this.#bounds = bounds;
    this.#invited = request.headers.expect?.toLowerCase() !== '100-continue';
    this.path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    this.address = addressOf(request.socket);
    this.#deadline = setTimeout(() => this.#tooLate(), bounds.answerTimeoutMs);
    response.once('close', () => this.#finish());
    response.on('error', () => undefined); // the caller is gone; `close` follows
    request.on('error', () => undefined);
  }

  get over(): boolean {
    return this.#over;
  }

  /** Bytes of the body, as its caller announced them; undefined where it comes in chunks. */
  get bodyBytes(): number | undefined {
    const announced = this.#request.headers['content-length'];
    return announced === undefined ? undefined : Number(announced);
  }

  /** W3C trace context of the caller, as it came. */
  get traceparent(): string | undefined {
    const { traceparent } = this.#request.headers;
    return typeof traceparent === 'string' ? traceparent : undefined;
  }

  /** From here on the route's options hold; set before its body is read. */
  enter(route: RouteOptions): void {
    this.#route = route;
    this.dialect = route.dialect;
  }

  /**
   * Reads the body; nothing of it is read before, so that the socket holds the caller back. Then it waits a little for those
   * that are arriving, while there is room for one of them.
   * @throws IovError MESSAGE_TOO_LARGE, MESSAGE_TOO_SLOW, or STOPPED where the exchange is over first
   */
  async body(hasRoom: () => boolean): Promise<Buffer> {
    const bytesMax = this.#route?.bodyBytesMax ?? 0;
    if ((this.bodyBytes ?? 0) > bytesMax) throw tooLarge(bytesMax);
    if (this.#over) throw gone();
    if (!this.#invited) {
      this.#invited = true;
      this.#response.writeContinue();
    }
    const { bodyTimeoutMs } = this.#bounds;
    const request = this.#request;
    const chunks: Buffer[] = [];
    let bytes = 0;
    const body = await new Promise<Buffer>((resolve, reject) => {
      const slow = setTimeout(() => done(tooSlow('body', bodyTimeoutMs)), bodyTimeoutMs);
      const taken = (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > bytesMax) done(tooLarge(bytesMax));
        else chunks.push(chunk);
      };
      const ended = () => done(undefined);
      const done = (error: IovError | undefined) => {
        clearTimeout(slow);
        request.off('data', taken).off('end', ended);
        this.#giveUpBody = undefined;
        if (error) reject(error);
        else resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
      };
      this.#giveUpBody = done;
      request.on('data', taken).on('end', ended);
    });
    await this.onWhole?.(hasRoom());
    return body;
  }

  /** Writes the answer: `OprRst` 1, or 2 with the error's FailureCause. */
  settle(error?: IovError): void {
    if (this.#over) return;
    if (error?.failureCause === '401') this.onUnauthorized?.();
    const body = answerBytes(this.requestId, error, this.#route?.explain ?? false, this.dialect);
    const response = this.#response;
    const headers = {
      ...ANSWER_HEADERS,
      'content-length': body.length,
      ...(error?.code === 'METHOD_NOT_ALLOWED' && { allow: 'POST' }),
    };
    response.writeHead(statusOf(error, this.#bounds.mirrorStatus), headers);
    this.#finish();
    if (this.#request.complete) {
      response.end(body);
      return;
    }
    // The caller is still sending. Closing now would reset the connection and could take the answer with it, so what
    // comes is thrown away for a while, and the response ends with it.
    response.write(body);
    const linger = setTimeout(() => response.end(), this.#bounds.lingerMs);
    response.once('close', () => clearTimeout(linger));
    this.#request.once('end', () => response.end()).resume();
  }

  /** Every way to the end leads through here: the deadline goes, a body still awaited is given up, the route is told. */
  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#deadline);
    this.#giveUpBody?.(gone());
    this.onOver?.();
  }

  #tooLate(): void {
    const within = `no answer within answerTimeoutMs ${this.#bounds.answerTimeoutMs}`;
    this.settle(new IovError('OVERLOADED', `${within}; the message may be sent again under the same RequestID`));
  }
}

/** IPv4 as such where it came mapped into IPv6. */
export function addressOf({ remoteAddress = '' }: { remoteAddress?: string | undefined }): string {
  return remoteAddress.replace(/^::ffff:(?=\d+\.)/, '');
}

const ANSWER_HEADERS = { 'content-type': 'application/json; charset=utf-8', connection: 'close' } as const;

/** The body of table 3 or 9, which are alike, or what the caller's dialect has instead. */
function answerBytes(requestId: string, error: IovError | undefined, explain: boolean, dialect?: Dialect): Buffer {
  const answered = answer(requestId, error, { explain });
  return Buffer.from(JSON.stringify(dialect ? dialect.answerToPeer(answered) : answered));
}

/** An answer where there is no request to answer to: something came that is not HTTP, or not in time. */
export function rawAnswer(error: IovError, mirrorStatus: boolean): Buffer {
  const body = answerBytes('', error, false);
  const status = statusOf(error, mirrorStatus);
  const headers = Object.entries({ ...ANSWER_HEADERS, 'content-length': body.length }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status} ${status === 200 ? 'OK' : 'Refused'}\r\n${headers.join('\r\n')}\r\n\r\n`),
    body,
  ]);
}

/** 200 for every answer of the notice but two; mirrored, the code itself, as far as HTTP has it (interpretation: HTTP status). */
function statusOf(error: IovError | undefined, mirror: boolean): number {
  if (!error) return 200;
  if (error.code === 'METHOD_NOT_ALLOWED') return 405;
  if (error.code === 'MESSAGE_TOO_LARGE') return 413;
  if (!mirror) return 200;
  if (error.code === 'PATH_UNKNOWN') return 404;
  if (error.code === 'MESSAGE_TOO_SLOW') return 408;
  const cause = error.failureCause ?? '604';
  if (cause === '604') return 503; // HTTP has no 604; both say: not now
  return /^[45]\d\d$/.test(cause) ? Number(cause) : 400;
}

export function tooSlow(part: 'headers' | 'body', timeoutMs: number): IovError {
  return new IovError('MESSAGE_TOO_SLOW', `${part}: expected within ${timeoutMs} ms`);
}

function tooLarge(bytesMax: number): IovError {
  return new IovError('MESSAGE_TOO_LARGE', `body: expected at most ${bytesMax} bytes`);
}

function gone(): IovError {
  return new IovError('STOPPED', 'the exchange was over before its body was read');
}
