import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, BlockList, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureVersion } from 'node:tls';
import type { Connection } from '../contract/connection.js';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Static } from '../contract/schema.js';
import { Gathering } from './gathering.js';
import { Callers } from './httpsCallers.js';
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
  connectionsPerAddressMax: number;
  gatherMs: number;
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
  /** Of these, connections whose message is there, whole. */
  #whole = 0;
  readonly #gathering: Gathering;
  readonly #byAddress: Callers;
  readonly #lockout: Lockout;
  #closed: Promise<void> | undefined;

  constructor(options: ListenerOptions, log: Log, place: string) {
    this.#options = options;
    this.#log = log;
    this.#place = place;
    this.#byAddress = new Callers(options.connectionsPerAddressMax);
    this.#lockout = new Lockout(options.lockout);
    this.#gathering = new Gathering(options.gatherMs, () => this.#sockets.size - this.#whole);
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
    server.on('drop', (dropped) =>
      this.#dropped(addressOf(dropped ?? {}), 'connection dropped: connectionsMax reached', { connectionsMax }),
    );
    return server;
  }

  /** Turns strangers and the greedy away before the handshake, which is what a connection costs. */
  #guard(server: Server): void {
    const allowed = allowList(this.#options.allow, this.#place);
    const [handshake] = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      const address = addressOf(socket);
      if (!this.#mayEnter(address, allowed)) {
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        this.#byAddress.leave(address);
        this.#gathering.settle();
      });
      handshake?.call(server, socket);
    });
  }

  /** Whether an address may have one more connection, which is counted until it leaves. */
  #mayEnter(address: string, allowed: BlockList | undefined): boolean {
    if (this.#lockout.isOut(address, performance.now())) return false;
    if (allowed && !(isIP(address) && allowed.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'))) {
      this.#dropped(address, 'connection refused: its address is not in the allow list');
      return false;
    }
    if (this.#byAddress.enter(address)) return true;
    const { connectionsPerAddressMax } = this.#options;
    const told = 'connection dropped: its address has connectionsPerAddressMax already';
    this.#dropped(address, told, { connectionsPerAddressMax });
    return false;
  }

  /** Says so once in a while for each address. */
  #dropped(address: string, message: string, fields: object = {}): void {
    if (this.#byAddress.isNews(address, performance.now()))
      this.#log.warn({ place: this.#place, address, ...fields }, message);
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    // A second message on the connection (pipelining) is left to its sender, who sees the close and sends it again.
    if (this.#exchanges.has(request.socket)) return;
    const exchange = new Exchange(request, response, this.#options);
    this.#exchanges.set(request.socket, exchange);
    exchange.onUnauthorized = () => this.#unauthorized(exchange.address);
    exchange.onWhole = (moreMayCome) => this.#gathered(request.socket, moreMayCome);
    const route = this.#routes.get(exchange.path);
    if (route) exchange.enter(route);
    if (!this.#routes.has(exchange.path))
      exchange.settle(new IovError('PATH_UNKNOWN', 'no pipeline listens on this path'));
    else if (request.method !== 'POST') exchange.settle(wrongMethod(request));
    else if (!route || this.#closed)
      exchange.settle(new IovError('STOPPED', 'this path takes no messages at the moment'));
    else route.take(exchange);
  }

  /** A message is there: it goes on together with those that are arriving. */
  #gathered(socket: Socket, moreMayCome: boolean): Promise<void> | undefined {
    if (socket.destroyed) return undefined;
    this.#whole += 1;
    socket.once('close', () => {
      this.#whole -= 1;
    });
    return this.#gathering.join(moreMayCome);
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
