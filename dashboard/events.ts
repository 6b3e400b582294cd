import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendJson } from './sendJson.js';

/** Listeners of all streams together. */
const STREAMS_MAX = 32;
/** A reader that is so far behind does not read. */
const BEHIND_BYTES_MAX = 1_000_000;

let streams = 0;

/** A stream of server-sent events to one caller. */
export interface EventStream {
  send(event: string, data: unknown): void;
  /** Nothing more will come. */
  end(): void;
}

/**
 * Begins a stream of events; `ended` is called once, when the caller has gone or has fallen too far behind.
 * @returns undefined where the caller has gone already, or where there are too many, which it has been told
 */
export function openEvents(
  request: IncomingMessage,
  response: ServerResponse,
  ended: () => void,
): EventStream | undefined {
  if (response.destroyed || request.socket.destroyed) return undefined; // its `close` has been
  if (streams >= STREAMS_MAX) {
    response.setHeader('retry-after', '5');
    sendJson(response, 503, { code: 'OVERLOADED', reason: `${STREAMS_MAX} watch already; try again later` });
    return undefined;
  }
  streams += 1;
  request.socket.setTimeout(0);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
  response.flushHeaders();
  response.once('close', () => {
    streams -= 1;
    ended();
  });
  return {
    send(event, data) {
      if (response.writableLength > BEHIND_BYTES_MAX) response.destroy();
      else if (!response.writableEnded && !response.destroyed)
        response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    end() {
      response.end();
    },
  };
}
