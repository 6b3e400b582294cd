import { connect, createSecureContext } from 'node:tls';

const secureContext = createSecureContext();

/** Posts a body over a TLS connection of its own, by hand on a bare socket: the client must not be what limits a figure. */
export function post(port: number, path: string, body: Uint8Array): Promise<string> {
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
      `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.byteLength}\r\nconnection: close\r\n\r\n`,
    );
    socket.write(body);
  });
}

/** What a client saw: times in ms, counted from when a message was due to be sent. */
export interface Answers {
  seconds: number;
  count: number;
  failures: number;
  p50: number;
  p99: number;
  max: number;
}

export class Tally {
  readonly #latencies: number[] = [];
  readonly #started = performance.now();
  #failures = 0;

  answered(sinceMs: number, success: boolean): void {
    this.#latencies.push(performance.now() - sinceMs);
    if (!success) this.#failures += 1;
  }

  end(): Answers {
    const seconds = (performance.now() - this.#started) / 1000;
    const sorted = this.#latencies.sort((one, other) => one - other);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { seconds, count: sorted.length, failures: this.#failures, p50: at(0.5), p99: at(0.99), max: at(1) };
  }
}
