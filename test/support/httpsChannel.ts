import { once } from 'node:events';
import { request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { spec as connectionSpec } from '../../connections/https.js';
import type { HttpsListener } from '../../connections/httpsListener.js';
import type { ConnectionSpec, SourceSpec } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import type { Peers } from '../../contract/peer.js';
import type { Certificates } from '../../demo/certificates.js';
import { spec as sourceSpec } from '../../sources/https.js';
import { bareContext, keptLog } from './bareContext.js';
import { optionsOf } from './options.js';

export interface ChannelOptions {
  listener?: object;
  source?: object;
  peers?: Peers;
  /** What happens to each item; by default it arrives. A throw fails it. */
  handle?: (item: Item) => Promise<void> | void;
}

/** A real listener with one https source on /t1/account, read as the engine would, without a chain behind it. */
export async function openChannel(certificates: Certificates, options: ChannelOptions = {}) {
  const log = keptLog();
  const context = { ...bareContext({ directory: '.', log }), peers: options.peers ?? {} };
  const wanted = { listen: '127.0.0.1:0', cert: certificates.cert, key: certificates.key, ...options.listener };
  const listener = (await (connectionSpec as ConnectionSpec).create(
    optionsOf(connectionSpec, wanted),
    context,
  )) as HttpsListener;
  const joined = { ...context, connection: () => listener as never };
  const given = { on: 't1', path: '/t1/account', request: 7, ...options.source };
  const source = await (sourceSpec as SourceSpec).create(optionsOf(sourceSpec, given), joined);
  await listener.open();
  const stop = new AbortController();
  const items: Item[] = [];
  const settle = async (item: Item) => {
    try {
      await options.handle?.(item);
      item.receipt.arrived();
    } catch (thrown) {
      item.receipt.failed(IovError.from(thrown));
    }
  };
  const read = async () => {
    for await (const item of source.read(stop.signal)) {
      items.push(item);
      void settle(item);
    }
  };
  return {
    listener,
    source,
    items,
    log,
    stop,
    url: `https://127.0.0.1:${listener.port}/t1/account`,
    read,
    async close() {
      stop.abort();
      await source.close?.();
      await listener.close();
    },
  };
}

export interface Heard {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  body: { RequestID?: string; OprRst?: string; FailureCause?: string };
}

/** One POST over a connection of its own, from 127.0.0.1 or another address of this machine. */
export function post(
  url: string,
  ca: string,
  body: string | Uint8Array,
  options: {
    method?: string;
    client?: { cert: string; key: string };
    headers?: Record<string, string>;
    localAddress?: string;
  } = {},
): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const { method = 'POST', client, headers, localAddress } = options;
    const sending = request(
      url,
      {
        method,
        ca,
        agent: false,
        localAddress,
        ...client,
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      },
      (reply) => {
        const chunks: Buffer[] = [];
        reply.on('data', (chunk: Buffer) => chunks.push(chunk));
        reply.on('error', reject);
        reply.on('end', () =>
          resolve({
            status: reply.statusCode ?? 0,
            headers: reply.headers,
            body: JSON.parse(Buffer.concat(chunks).toString() || '{}'),
          }),
        );
      },
    );
    sending.on('error', reject);
    sending.end(body);
  });
}

/** A TLS connection on which anything can be said. */
export async function speak(port: number, ca: string): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** Everything a peer says until it closes. */
export async function heard(socket: TLSSocket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (!socket.closed) await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}
