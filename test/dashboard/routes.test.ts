import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, get, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { Receipt } from '../../contract/receipt.js';
import { Routes } from '../../dashboard/routes.js';
import { ControlServer } from '../../dashboard/server.js';
import { systemClock } from '../../engine/clock.js';
import type { Engine } from '../../engine/engine.js';
import { LivePart } from '../../engine/live.js';
import { keptLog } from '../support/bareContext.js';
import { within } from '../support/within.js';

const SILENCE_MS = 200;
const MS = 30_000;

/** The routes over an engine that has no more than a test needs, gone with it. */
async function served(t: Test, engine: object): Promise<Server> {
  const routes = new Routes({ engine: engine as Engine, clock: systemClock, log: keptLog() });
  const server = createServer();
  server.on('request', (asked, response) => void routes.answer(asked, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    routes.close();
    server.closeAllConnections();
    server.close();
  });
  return server;
}

const addressOf = (server: Server) => ({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });

/** The first item of a tap, which also tells once a second what it has skipped. */
async function itemOf(tap: AsyncIterable<Buffer>): Promise<string | undefined> {
  let said = '';
  for await (const chunk of tap) {
    said += chunk;
    const item = said
      .split('\n\n')
      .slice(0, -1)
      .find((event) => event.startsWith('event: item'));
    if (item) return item;
  }
  return undefined;
}

t.test('an answer that takes its time is not cut for silence', async (t) => {
  /** A store that is slow: meanwhile connections that come later and say nothing are cut, one after another. */
  const slow = async () => {
    bound(SILENCE_MS);
    for (let cut = 0; cut < 3; cut += 1)
      await within(MS, 'a silent one is cut', once(connect(where).resume(), 'close'));
    bound(MS);
    return [];
  };
  let socket: Socket | undefined;
  const silences: (number | undefined)[] = [];
  const engine = {
    config: {
      archivePath: `${t.testdir()}/archive.db`,
      site: { tables: {} },
      connections: {},
      pipelines: [],
    },
    connections: new Map(),
    store: { trace: slow, deadLetter: () => void silences.push(socket?.timeout) },
  };
  const server = await served(t, engine);
  /** Until the store is asked an answer may take as long as it takes here; a bound that is left on it then is short. */
  const bound = (ms: number) => {
    server.timeout = ms;
    if (socket?.timeout) socket.setTimeout(ms);
  };
  bound(MS);
  server.prependListener('request', (asked) => {
    socket = asked.socket;
  });
  const where = addressOf(server);
  const [traced] = await once(get({ ...where, path: '/api/trace?key=R-1' }), 'response');
  t.same([traced.statusCode, await text(traced)], [200, '[]\n']);

  const [retried] = await once(request({ ...where, path: '/api/dead/7/retry', method: 'POST' }).end(), 'response');
  t.match(JSON.parse(await text(retried)), { retried: false });
  t.same(silences, [0], 'a retry is bounded by itself');
});

t.test('a reload while a tap is noted leaves it at what runs now', async (t) => {
  const pipeline = () => ({ name: 'in', source: 'file', parts: [new LivePart('discard', 'sink.discard', 'record')] });
  let current = pipeline();
  const archivePath = `${t.testdir()}/archive.db`;
  const engine = {
    config: {
      /** Asked for when who looks is noted; meanwhile another configuration comes into force. */
      get archivePath() {
        for (const part of current.parts) part.retire();
        current = pipeline();
        return archivePath;
      },
      site: { tables: {} },
      connections: {},
      pipelines: [],
    },
    connections: new Map(),
    live: { pipelines: [], of: () => current },
  };
  const server = await served(t, engine);
  const [tap] = await once(get({ ...addressOf(server), path: '/api/tap?at=in' }), 'response');
  const receipt = new Receipt(() => undefined);
  current.parts[0]?.count({ value: {}, tags: { requestId: 'R-1' }, origin: 'here', effects: [], receipt });
  t.match(await within(MS, 'an item', itemOf(tap)), /^event: item\ndata: .*R-1/);
});

t.test('a connection that cannot be accepted is told, and is no end of the daemon', async (t) => {
  const log = keptLog();
  const config = {
    archivePath: `${t.testdir()}/archive.db`,
    dashboard: { host: '127.0.0.1', port: 0 },
    site: { tables: {} },
    connections: {},
    pipelines: [],
  };
  const engine = { config, connections: new Map() } as unknown as Engine;
  const control = await ControlServer.open({ engine, clock: systemClock, log });
  t.teardown(() => control.close());
  const asked = new Promise<Server>((resolve) => {
    const heard = (message: unknown) => {
      unsubscribe('http.server.request.start', heard);
      resolve((message as { server: Server }).server);
    };
    subscribe('http.server.request.start', heard);
  });
  const where = { host: '127.0.0.1', port: control.port, path: '/api/pipelines' };
  get(where, (response) => response.resume());
  const server = await within(MS, 'a request', asked);
  t.doesNotThrow(() => server.emit('error', new Error('accept ENOBUFS')));
  t.match(log.lines.at(-1), { level: 'error', message: /control server: accept ENOBUFS/ });
});
