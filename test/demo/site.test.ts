import { once } from 'node:events';
import { createServer } from 'node:net';
import t from 'tap';
import { freePort } from '../../demo/site.js';

t.test('a port is given once, and is not one that the system may give to somebody else', async (t) => {
  const ports: number[] = [];
  for (let asked = 0; asked < 600; asked += 1) ports.push(await freePort());
  t.equal(new Set(ports).size, ports.length);
  t.strictSame(
    ports.filter((port) => port < 1_024 || port >= 32_768),
    [],
  );
  const server = createServer().listen(ports[0], '127.0.0.1');
  await once(server, 'listening');
  server.close();
});
