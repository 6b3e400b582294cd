import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, BlockList, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureVersion } from 'node:tls';
import type { Static } from 'typebox';
import type { Connection } from '../contract/connection.js';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { addressOf, Exchange, type ExchangeBounds, type RouteOptions, rawAnswer, tooSlow } from './httpsExchange.js';
import { Lockout, type LockoutOptions } from './lockout.js';

export interface ListenerOptions extends ExchangeBounds {
  host: string;
  port: number;
  cert: string;
  key: string;
  clientCa?: string | undefined;
  allow: readonly string[];
  connectionsMax: number;
  handshakeTimeoutMs: number;
  headersTimeoutMs: number;
  headersBytesMax: number;
  tlsMinVersion: SecureVersion;
  lockout: Static<typeof LockoutOptions>;
}

/** What takes the messages of one path. */
export interface Route extends RouteOptions {
  take(exchange: Exchange): void;
}

/** One TLS listener, shared by every https source that names it. Short connections: each carries one message. */
export class HttpsListener implements Connection {
  readonly #options: ListenerOptions;
  readonly #log: Log;
  readonly #place: string;
  readonly #server: Server;
  /** A path whose source has closed stays known, without a route: its callers are told to come again. */
  readonly #routes = new Map<string, Route | undefined>();
  readonly #exchanges = new WeakMap<Duplex, Exchange>();
  readonly #sockets = new Set<Socket>();
  readonly #lockout: Lockout;
  #closed: Promise<void> | undefined;

  constructor(options: ListenerOptions, log: Log, place: string) {
    this.#options = options;
    this.#log = log;
    this.#place = place;
    this.#lockout = new Lockout(options.lockout);
    this.#server = this.#createServer();
  }

  get callers(): number {
    return this.#sockets.size;
  }

  get usage(): { open: number; max: number } {
    return { open: this.#sockets.size, max: this.#options.connectionsMax };
  }

  /** The port it listens on; a listener on port 0 learns it when it opens. */
  get port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    return typeof address === 'object' && address ? address.port : this.#options.port;
  }

  /**
   * Sends the messages of a path to `route` from now on, until the function returned is called.
   * @throws IovError CONFIG_INVALID where another source has the path
   */
  route(path: string, route: Route): () => void {
    if (this.#routes.get(path)) throw new IovError('CONFIG_INVALID', `${this.#place}: two sources on the path ${path}`);
    this.#routes.set(path, route);
    return () => {
      if (this.#routes.get(path) === route) this.#routes.set(path, undefined);
    };
  }

  async open(): Promise<void> {
    const { host, port, connectionsMax } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error) =>
        reject(
          new IovError('CONFIG_INVALID', `${this.#place}: listening on ${host}:${port}: ${cause.message}`, { cause }),
        );
      this.#server.once('error', failed);
      this.#server.listen({ host, port, backlog: connectionsMax }, () => {
        this.#server.off('error', failed);
        this.#server.on('error', (error) => this.#log.error({ place: this.#place }, `listener: ${error.message}`));
        resolve();
      });
    });
    this.#log.info({ place: this.#place, host, port: this.port }, 'listening for HTTPS');
  }

  /** Takes no new connection, gives those that are there `lingerMs` to take their answers, then cuts them. */
  close(): Promise<void> {
    this.#closed ??= this.#server.listening ? this.#shut() : Promise.resolve();
    return this.#closed;
  }

  #shut(): Promise<void> {
    return new Promise((resolve) => {
      const cut = setTimeout(() => {
        for (const socket of this.#sockets) socket.destroy();
      }, this.#options.lingerMs);
      this.#server.close(() => {
        clearTimeout(cut);
        resolve();
      });
    });
  }

  #createServer(): Server {
    const { cert, key, clientCa, tlsMinVersion, connectionsMax, handshakeTimeoutMs } = this.#options;
    const { headersTimeoutMs, headersBytesMax, bodyTimeoutMs, answerTimeoutMs, lingerMs } = this.#options;
    const server = createServer({
      cert,
      key,
      minVersion: tlsMinVersion,
      handshakeTimeout: handshakeTimeoutMs,
      ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
      maxHeaderSize: headersBytesMax,
      requireHostHeader: false, // without it Node answers by itself, and not as the notice prescribes
      headersTimeout: headersTimeoutMs,
      requestTimeout: 0, // a body has its own deadline, which runs only while we read it
      connectionsCheckingInterval: Math.min(1000, headersTimeoutMs),
    });
    server.maxConnections = connectionsMax;
    server.timeout = headersTimeoutMs + bodyTimeoutMs + answerTimeoutMs + lingerMs; // the last resort: no socket stays silent longer
    this.#guard(server);
    const handle = (request: IncomingMessage, response: ServerResponse) => this.#handle(request, response);
    server.on('request', handle).on('checkContinue', handle).on('checkExpectation', handle);
    server.on('connect', (request: IncomingMessage, socket: Duplex) => this.#refuse(socket, wrongMethod(request)));
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => this.#broken(error, socket));
    server.on('tlsClientError', (error) => this.#log.debug({ place: this.#place }, `TLS handshake: ${error.message}`));
    server.on('drop', () =>
      this.#log.warn({ place: this.#place, connectionsMax }, 'connection dropped: connectionsMax reached'),
    );
    return server;
  }

  /** Turns strangers away before the handshake, which is what a connection costs. */
  #guard(server: Server): void {
    const allowed = allowList(this.#options.allow, this.#place);
    const [handshake] = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      const address = socket.remoteAddress ?? '';
      if (this.#lockout.isOut(addressOf(socket), performance.now())) {
        socket.destroy();
        return;
      }
      if (allowed && !(isIP(address) && allowed.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'))) {
        this.#log.warn({ place: this.#place, address }, 'connection refused: its address is not in the allow list');
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      handshake?.call(server, socket);
    });
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    // A second message on the connection (pipelining) is left to its sender, who sees the close and sends it again.
    if (this.#exchanges.has(request.socket)) return;
    const exchange = new Exchange(request, response, this.#options);
    this.#exchanges.set(request.socket, exchange);
    exchange.onUnauthorized = () => this.#unauthorized(exchange.address);
    const route = this.#routes.get(exchange.path);
    if (route) exchange.enter(route);
    if (!this.#routes.has(exchange.path))
      exchange.settle(new IovError('PATH_UNKNOWN', 'no pipeline listens on this path'));
    else if (request.method !== 'POST') exchange.settle(wrongMethod(request));
    else if (!route || this.#closed)
      exchange.settle(new IovError('STOPPED', 'this path takes no messages at the moment'));
    else route.take(exchange);
  }

  #unauthorized(address: string): void {
    if (!this.#lockout.failed(address, performance.now())) return;
    const { failures, forMs } = this.#options.lockout;
    const fields = { place: this.#place, address, failures, forMs, alarm: 'lockedOut' };
    this.#log.warn(fields, 'an address is shut out: too many wrong signatures');
  }

  /** The HTTP parser gave up, or the headers did not come in time. */
  #broken(error: NodeJS.ErrnoException, socket: Duplex): void {
    const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    const refusal = late
      ? tooSlow('headers', this.#options.headersTimeoutMs)
      : new IovError('MESSAGE_NOT_HTTP', `not an HTTP/1.1 request: ${error.code ?? 'unreadable'}`);
    const exchange = this.#exchanges.get(socket);
    if (exchange && !exchange.over) exchange.settle(refusal);
    else if (!exchange && error.code !== 'ECONNRESET') this.#refuse(socket, refusal);
    else socket.destroy();
  }

  #refuse(socket: Duplex, error: IovError): void {
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    const cut = setTimeout(() => socket.destroy(), this.#options.lingerMs);
    socket.once('close', () => clearTimeout(cut)).on('error', () => socket.destroy());
    socket.end(rawAnswer(error, this.#options.mirrorStatus));
  }
}

function wrongMethod(request: IncomingMessage): IovError {
  return new IovError('METHOD_NOT_ALLOWED', `expected POST, got ${request.method}`);
}

/** Addresses and CIDR ranges as a list to check against; undefined where everybody may call. */
function allowList(entries: readonly string[], place: string): BlockList | undefined {
  if (entries.length === 0) return undefined;
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    try {
      if (prefix === undefined) list.addAddress(address, family);
      else list.addSubnet(address, Number(prefix), family);
    } catch (cause) {
      throw new IovError(
        'CONFIG_INVALID',
        `${place}.allow: expected an address or a range like 10.0.0.0/8, got ${JSON.stringify(entry)}`,
        { cause },
      );
    }
  }
  return list;
}
