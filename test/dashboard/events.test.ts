import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import t from 'tap';
import { openEvents } from '../../dashboard/events.js';

const MORE_THAN_ALL = 40;

t.test('a caller that has gone before its stream begins takes no place', async (t) => {
  let begun = 0;
  const server = createServer(async (request, response) => {
    if (request.url === '/gone') await once(response, 'close');
    const stream = openEvents(request, response, () => undefined);
    stream?.send('hello', 1);
    begun += 1;
    server.emit('begun');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  for (let caller = 0; caller < MORE_THAN_ALL; caller += 1) {
    const socket = connect(port, '127.0.0.1');
    const asked = once(server, 'request');
    const answered = once(server, 'begun');
    socket.write('GET /gone HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await asked;
    socket.destroy();
    await answered;
  }
  t.equal(begun, MORE_THAN_ALL);
  const [response] = await once(get({ port, host: '127.0.0.1', path: '/' }), 'response');
  t.equal(response.statusCode, 200);
  response.destroy();
});
