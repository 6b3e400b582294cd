import { createServer } from 'node:https';
import { makeCertificates } from '../../demo/certificates.js';

/** The floor of the intake: a bare node:https server that gives each body back; runs until its parent says stop. */
export async function run(): Promise<object> {
  const { cert, key } = await makeCertificates();
  const server = createServer({ cert, key }, (request, response) => {
    response.setHeader('connection', 'close');
    request.pipe(response);
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    process.send?.({ port: typeof address === 'object' && address ? address.port : 0 });
  });
  await new Promise((resolve) => process.once('message', resolve));
  server.closeAllConnections();
  return {};
}
