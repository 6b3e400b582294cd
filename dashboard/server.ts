import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { IovError } from '../contract/error.js';
import type { CheckedDashboard } from '../engine/config.js';
import { Gate, SAFE_HEADERS } from './gate.js';
import { Routes, type Watched } from './routes.js';
import { sendJson } from './sendJson.js';
import { controlSocket, withShortPath } from './socketPath.js';

/** Whoever calls is slow, greedy or hostile until shown otherwise; streams have bounds of their own (events.ts). */
const CONNECTIONS_MAX = 128;
const HEADERS_BYTES_MAX = 8_192;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const SILENCE_MS = 15_000;
const BODY_BYTES_MAX = 4_096;

/** The control server of a daemon: for `top`, `tap` and scripts on a Unix socket; for browsers and Prometheus on TCP, where asked. */
export class ControlServer {
  readonly #watched: Watched;
  readonly #routes: Routes;
  readonly #servers: Server[] = [];
  #release = () => {};
  #port: number | undefined;

  /** Opens the socket beside the ledger, and the address of `dashboard:` where there is one. */
  static async open(watched: Watched): Promise<ControlServer> {
    const server = new ControlServer(watched);
    const { archivePath, dashboard } = watched.engine.config;
    try {
      await server.#listenSocket(controlSocket(archivePath));
      if (dashboard) await server.#listenAddress(dashboard);
    } catch (thrown) {
      await server.close();
      throw thrown;
    }
    return server;
  }

  private constructor(watched: Watched) {
    this.#watched = watched;
    this.#routes = new Routes(watched);
  }

  /** Of the TCP address; undefined where none is configured. */
  get port(): number | undefined {
    return this.#port;
  }

  /** Cuts whoever watches. Idempotent. */
  async close(): Promise<void> {
    this.#routes.close();
    const closed = this.#servers.splice(0).map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
    await Promise.all(closed);
    this.#release();
    this.#release = () => {};
  }

  /** A daemon that is there already keeps the socket; what a killed one left is taken away. */
  async #listenSocket(path: string): Promise<void> {
    const { log } = this.#watched;
    if (await answers(path)) {
      log.warn({ path }, 'another daemon has the control socket; this one cannot be asked or watched there');
      return;
    }
    await rm(path, { force: true });
    const server = this.#create((request, response) => this.#routes.answer(request, response));
    const { result, release } = withShortPath(path, (short) => this.#listening(server, { path: short }));
    this.#release = release;
    await result;
    await chmod(path, 0o600);
  }

  async #listenAddress(dashboard: CheckedDashboard): Promise<void> {
    const { host, port } = dashboard;
    const gate = new Gate(dashboard);
    const server = this.#create((request, response) => this.#atTheGate(gate, request, response));
    await this.#listening(server, { host, port }).catch((cause: Error) => {
      throw new IovError('CONFIG_INVALID', `dashboard: listening on ${host}:${port}: ${cause.message}`, { cause });
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#watched.log.info({ host, port: this.#port }, 'the dashboard is up');
  }

  async #atTheGate(gate: Gate, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const verdict = gate.judge(request);
    if (verdict === 'stranger') return sendJson(response, 403, { reason: 'this server is not known by that name' });
    if (verdict === 'in') return this.#routes.answer(request, response);
    const path = request.url?.split('?')[0];
    if (path === '/login' && request.method === 'POST') return this.#login(gate, request, response);
    if (gate.tooMany(request)) return refuseMore(response);
    if (path === '/' || path === '/login.html' || path === '/style.css') {
      request.url = path === '/' ? '/login.html' : path;
      return this.#routes.answer(request, response);
    }
    response.setHeader('www-authenticate', 'Bearer');
    sendJson(response, 401, { reason: 'a token is needed: Authorization: Bearer …' });
  }

  async #login(gate: Gate, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isLate = gate.tooMany(request);
    const cookie = gate.enter(request, new URLSearchParams(await bodyOf(request)).get('token') ?? '');
    if (cookie === undefined && isLate) return refuseMore(response);
    if (cookie === undefined) this.#watched.log.warn({ audit: 'loginFailed' }, 'the dashboard was given a wrong token');
    else response.setHeader('set-cookie', cookie);
    response.writeHead(303, { location: cookie === undefined ? '/?wrong#wrong' : '/' }).end();
  }

  #listening(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(where, () => {
        server.off('error', reject);
        // a connection that the system cannot give us ends nothing else
        server.on('error', ({ message }) => this.#watched.log.error({}, `control server: ${message}`));
        resolve();
      });
    });
  }

  #create(handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Server {
    const server = createServer({
      maxHeaderSize: HEADERS_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
    });
    server.maxConnections = CONNECTIONS_MAX;
    server.timeout = SILENCE_MS;
    server.on('request', (request, response) => {
      for (const [name, value] of Object.entries(SAFE_HEADERS)) response.setHeader(name, value);
      handle(request, response).catch((thrown: unknown) => {
        this.#watched.log.debug({}, `control server: ${IovError.from(thrown).message}`);
        response.destroy();
      });
    });
    this.#servers.push(server);
    return server;
  }
}

const refuseMore = (response: ServerResponse): void =>
  sendJson(response, 429, { reason: 'too many wrong tokens; wait a minute' });

/** Whether somebody listens on a socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      const { result, release } = withShortPath(path, (short) => connect(short));
      const settle = (found: boolean) => () => {
        result.destroy();
        resolve(found);
      };
      result.once('connect', settle(true)).once('error', settle(false)).once('close', release);
    } catch {
      resolve(false);
    }
  });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request as AsyncIterable<Buffer>) {
    body += chunk.toString('latin1');
    if (body.length > BODY_BYTES_MAX) throw new IovError('MESSAGE_TOO_LARGE', 'a login of more than 4 KB');
  }
  return body;
}
