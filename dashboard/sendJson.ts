import type { ServerResponse } from 'node:http';

/** Answers with JSON; a refusal as `{ reason }`, and with a `code` where it is an error of ours. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(`${JSON.stringify(value)}\n`);
}
