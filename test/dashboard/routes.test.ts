import { once } from 'node:events';
import { createServer, get, request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { Routes } from '../../dashboard/routes.js';
import { systemClock } from '../../engine/clock.js';
import type { Engine } from '../../engine/engine.js';
import { keptLog } from '../support/bareContext.js';
import { within } from '../support/within.js';

const SILENCE_MS = 200;
const MS = 20_000;

t.test('an answer that takes its time is not cut for silence', async (t) => {
  /** A store that is slow: meanwhile connections that come later and say nothing are cut, one after another. */
  const slow = async () => {
    for (let cut = 0; cut < 3; cut += 1)
      await within(MS, 'a silent one is cut', once(connect(where).resume(), 'close'));
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
  const routes = new Routes({ engine: engine as unknown as Engine, clock: systemClock, log: keptLog() });
  const server = createServer((asked, response) => {
    socket = asked.socket;
    void routes.answer(asked, response);
  });
  server.timeout = SILENCE_MS;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    routes.close();
    server.closeAllConnections();
    server.close();
  });
  const where = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const [traced] = await once(get({ ...where, path: '/api/trace?key=R-1' }), 'response');
  t.same([traced.statusCode, await text(traced)], [200, '[]\n']);

  const [retried] = await once(request({ ...where, path: '/api/dead/7/retry', method: 'POST' }).end(), 'response');
  t.match(JSON.parse(await text(retried)), { retried: false });
  t.same(silences, [0], 'a retry is bounded by itself');
});
