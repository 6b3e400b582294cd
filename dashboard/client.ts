import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { IovError } from '../contract/error.js';
import { controlSocket, withShortPath } from './socketPath.js';

const ANSWER_TIMEOUT_MS = 10_000;

/** Asks the daemon that runs on an archive, over its control socket. */
export class ControlClient {
  readonly #path: string;

  constructor(archivePath: string) {
    this.#path = controlSocket(archivePath);
  }

  /**
   * The events of a stream as they come, until the daemon ends or `signal` aborts; each is parsed by `read`.
   * @throws IovError COMPONENT_UNAVAILABLE where no daemon runs; USAGE for what it refuses
   */
  async *events(path: string, signal: AbortSignal): AsyncGenerator<{ event: string; data: string }> {
    const response = await this.#open(path, signal);
    let event = '';
    try {
      for await (const line of createInterface({ input: response })) {
        if (line.startsWith('event: ')) event = line.slice(7);
        else if (line.startsWith('data: ')) yield { event, data: line.slice(6) };
      }
    } catch (thrown) {
      const isCut = thrown instanceof Error && 'code' in thrown && thrown.code === 'ECONNRESET'; // as a daemon ends
      if (!signal.aborted && !isCut) throw IovError.from(thrown);
    } finally {
      response.destroy();
    }
  }

  /** What an event holds: the daemon that wrote it is this program. */
  parse<Value>(data: string): Value {
    return JSON.parse(data) as Value;
  }

  async #open(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const response = await this.#request(path, signal);
    if (response.statusCode === 200) return response;
    const { reason } = this.parse<{ reason: string }>(await text(response));
    throw new IovError(response.statusCode === 404 ? 'USAGE' : 'INTERNAL', reason);
  }

  #request(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const failed = (cause: NodeJS.ErrnoException) => {
        const nobody = cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED';
        const why = nobody ? 'no daemon runs there; start it with `iovpipe run`' : cause.message;
        reject(new IovError('COMPONENT_UNAVAILABLE', `${this.#path}: ${why}`, { cause }));
      };
      try {
        const { result, release } = withShortPath(this.#path, (socketPath) =>
          request({ socketPath, path, signal, headers: { host: 'localhost' } }),
        );
        const late = setTimeout(() => result.destroy(new Error('no answer in time')), ANSWER_TIMEOUT_MS);
        result.once('close', release).once('error', failed).once('response', resolve);
        result.once('response', () => clearTimeout(late)).once('close', () => clearTimeout(late));
        result.end();
      } catch (thrown) {
        failed(thrown as NodeJS.ErrnoException);
      }
    });
  }
}
