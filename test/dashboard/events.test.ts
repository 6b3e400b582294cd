import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { json } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { openEvents } from '../../dashboard/events.js';

const MORE_THAN_ALL = 40;

async function listening(t: Test, answer: RequestListener) {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

t.test('a caller that has gone before its stream begins takes no place', async (t) => {
  let begun = 0;
  const { server, port } = await listening(t, async (request, response) => {
    if (request.url === '/gone') await once(response, 'close');
    const stream = openEvents(request, response, () => undefined);
    stream?.send('hello', 1);
    begun += 1;
    server.emit('begun');
  });
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

t.test('one caller too many is told so, as every refusal is', async (t) => {
  const { port } = await listening(t, (request, response) => {
    openEvents(request, response, () => undefined)?.send('hello', 1);
  });
  const open: IncomingMessage[] = [];
  t.teardown(() => {
    for (const response of open) response.destroy();
  });
  for (let caller = 0; caller < MORE_THAN_ALL; caller += 1) {
    const [response] = await once(get({ port, host: '127.0.0.1', path: '/' }), 'response');
    open.push(response);
    if (response.statusCode !== 200) break;
  }
  const refused = open.at(-1)!;
  t.match(refused, { statusCode: 503, headers: { 'retry-after': '5', 'content-type': /json/ } });
  t.match(await json(refused), { code: 'OVERLOADED', reason: /watch already/ });
});

t.test('what comes after the end of a stream that its caller has not read yet goes nowhere', async (t) => {
  const { server, port } = await listening(t, (request, response) => {
    const stream = openEvents(request, response, () => server.emit('left'));
    while (response.writableLength === 0) stream?.send('item', 'x'.repeat(100_000));
    stream?.end();
    stream?.send('skipped', 0);
    setImmediate(() => server.emit('sent')); // by then the stream has said what it has against it
  });
  const sent = once(server, 'sent');
  const left = once(server, 'left');
  const caller = connect(port, '127.0.0.1').pause();
  caller.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await sent;
  caller.destroy();
  await left;
});
