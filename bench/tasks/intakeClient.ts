import { connect, createSecureContext } from 'node:tls';
import { accountBodies } from '../records.js';

const CONCURRENCY = 64;

export interface IntakeArgs {
  port: number;
  count: number;
  /** What an answer of success holds. */
  success: string;
}

/** Sends so many messages, each over a TLS connection of its own, and times the answers. */
export async function run({ port, count, success }: IntakeArgs): Promise<object> {
  const bodies = accountBodies(count);
  const latencies: number[] = [];
  let failures = 0;
  let next = 0;
  const started = performance.now();
  const sender = async () => {
    while (next < count) {
      const body = bodies[next]!;
      next += 1;
      const sent = performance.now();
      const answer = await post(port, body).catch((error: Error) => error.message);
      latencies.push(performance.now() - sent);
      if (!answer.includes(success)) failures += 1;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, sender));
  const seconds = (performance.now() - started) / 1000;
  latencies.sort((one, other) => one - other);
  return {
    seconds,
    count,
    failures,
    p50: latencies[Math.floor(count * 0.5)],
    p99: latencies[Math.floor(count * 0.99)],
  };
}

const secureContext = createSecureContext();

/** Written by hand on a bare TLS socket: the client must not be what limits the figure. */
function post(port: number, body: Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, secureContext, rejectUnauthorized: false });
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
    socket.write(
      `POST /t1/account HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.byteLength}\r\nconnection: close\r\n\r\n`,
    );
    socket.write(body);
  });
}
