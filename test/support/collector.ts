import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as OTLP has it in JSON, in plain words. */
export interface ReceivedSpan {
  name: string;
  traceId: string;
  parentSpanId: string | undefined;
  attributes: Record<string, string>;
  /** 0: unset, 2: error. */
  status: number;
  startMs: number;
  endMs: number;
}

interface OtlpSpan {
  name: string;
  traceId: string;
  parentSpanId?: string;
  attributes: { key: string; value: { stringValue: string } }[];
  status: { code: number };
  startTimeUnixNano: string;
  endTimeUnixNano: string;
}

interface OtlpRequest {
  resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[];
}

/** An OpenTelemetry collector as far as an exporter sees it: OTLP over HTTP, JSON; it keeps every byte. */
export class Collector {
  readonly #server: Server;
  readonly headers: IncomingHttpHeaders[] = [];
  readonly bodies: string[] = [];
  /** What it answers; 0 for never. */
  status: number;

  static async open(status = 200): Promise<Collector> {
    const collector = new Collector(status);
    collector.#server.listen(0, '127.0.0.1');
    await once(collector.#server, 'listening');
    return collector;
  }

  private constructor(status: number) {
    this.status = status;
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      this.headers.push(request.headers);
      this.bodies.push(Buffer.concat(chunks).toString());
      if (this.status > 0) response.writeHead(this.status, { 'content-type': 'application/json' }).end('{}');
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`;
  }

  spans(): ReceivedSpan[] {
    const requests = this.bodies.map((body) => JSON.parse(body) as OtlpRequest);
    return requests
      .flatMap(({ resourceSpans }) => resourceSpans)
      .flatMap(({ scopeSpans }) => scopeSpans)
      .flatMap(({ spans }) => spans.map(received));
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

function received(span: OtlpSpan): ReceivedSpan {
  return {
    name: span.name,
    traceId: span.traceId,
    parentSpanId: span.parentSpanId,
    attributes: Object.fromEntries(span.attributes.map(({ key, value }) => [key, value.stringValue])),
    status: span.status.code,
    startMs: Number(BigInt(span.startTimeUnixNano) / 1_000n) / 1_000,
    endMs: Number(BigInt(span.endTimeUnixNano) / 1_000n) / 1_000,
  };
}
