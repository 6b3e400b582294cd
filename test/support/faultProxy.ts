import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** Numbers between 0 and 1 from a seed (mulberry32), so that a test run can be repeated. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Pair {
  client: Socket;
  server: Socket;
  /** Bytes from the client after which the connection is cut. */
  cutAfter: number;
  sent: number;
}

/**
 * A TCP proxy that misbehaves on demand. Events: `connection` (number open), `connected` (the same, once the server has it), `closed`, `bytes` (total from clients), `cut`.
 * Set its properties at any time; they hold for what comes after.
 */
export class FaultProxy extends EventEmitter<{
  connection: [number];
  connected: [number];
  closed: [];
  bytes: [number];
  cut: [];
}> {
  /** Draws after how many bytes from the client the next connection is cut; Infinity: never. */
  cutAfter: () => number = () => Number.POSITIVE_INFINITY;
  /** Asked before each chunk goes back to the client; true swallows it and cuts the connection. */
  swallowReply: () => boolean = () => false;
  /** Nothing passes any more, either way; connections stay open. */
  stalled = false;
  delayMs = 0;
  /** The most connections that were open to the server at once. */
  most = 0;
  /** Connections made, and cut by the proxy. */
  total = 0;
  cuts = 0;
  /** Bytes from clients, over all connections. */
  bytes = 0;
  readonly #pairs = new Set<Pair>();
  readonly #listener: Server;
  readonly #target: { host: string; port: number };

  private constructor(target: { host: string; port: number }) {
    super();
    this.#target = target;
    this.#listener = createServer({ noDelay: true }, (client) => this.#join(client));
  }

  static async start(target: { host: string; port: number }): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#listener.listen(0, '127.0.0.1');
    await once(proxy.#listener, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** Those whose client has not closed its end. */
  get open(): number {
    return [...this.#pairs].filter(({ client }) => !client.readableEnded).length;
  }

  /** Cuts every connection. */
  cutAll(): void {
    for (const pair of this.#pairs) this.#cut(pair);
  }

  async stop(): Promise<void> {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  #join(client: Socket): void {
    const server = connect({ ...this.#target, noDelay: true });
    const pair: Pair = { client, server, cutAfter: this.cutAfter(), sent: 0 };
    this.#pairs.add(pair);
    this.total += 1;
    this.most = Math.max(this.most, this.#pairs.size);
    const over = () => {
      const first = this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
      if (first) this.emit('closed');
    };
    for (const socket of [client, server]) socket.on('error', over).on('close', over);
    client.on('data', (chunk) => {
      pair.sent += chunk.length;
      this.bytes += chunk.length;
      this.emit('bytes', this.bytes);
      if (pair.sent >= pair.cutAfter) this.#cut(pair);
      else void this.#pass(client, server, chunk);
    });
    server.on('data', (chunk) => {
      if (this.swallowReply()) this.#cut(pair);
      else void this.#pass(server, client, chunk);
    });
    server.once('connect', () => this.emit('connected', this.#pairs.size));
    this.emit('connection', this.#pairs.size);
  }

  async #pass(from: Socket, to: Socket, chunk: Buffer): Promise<void> {
    if (this.stalled) return void from.pause();
    if (this.delayMs > 0) await pause(this.delayMs);
    if (to.writable && !to.write(chunk)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  }

  #cut(pair: Pair): void {
    this.cuts += 1;
    pair.client.resetAndDestroy();
    pair.server.resetAndDestroy();
    this.#pairs.delete(pair);
    this.emit('cut');
  }
}
