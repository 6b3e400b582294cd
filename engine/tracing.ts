import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { hostname } from 'node:os';
import { ROOT_CONTEXT, type Span, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import type { Log } from '../contract/context.js';
import type { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { Receipt } from '../contract/receipt.js';
import type { CheckedTracing } from './tracingRules.js';

const BATCH_SPANS_MAX = 512;
/** So short that it is no number of a person, a card or a phone. */
const CODE = /^[A-Za-z0-9-]{1,10}$/;
const REQUEST_ID = /^[\x21-\x7e]{1,64}$/;
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-|$)/;

/**
 * Traces by OpenTelemetry: a span an item, from when its source gave it to when its receipt settled, sent to a collector by
 * OTLP over HTTP (JSON). This is the only file that knows OpenTelemetry, and it is loaded only where tracing is configured.
 *
 * Nothing waits for the collector: ended spans wait in a bounded queue, and what does not fit is dropped. A span holds the
 * pipeline, the RequestID, the code and an error's code, and nothing else of an item.
 */
export class Tracing {
  readonly #options: CheckedTracing;
  readonly #log: Log;
  readonly #agent: HttpAgent;
  readonly #provider: BasicTracerProvider;
  readonly #tracer: Tracer;
  /** The collector did not take the last spans, which has been told. */
  #isAway = false;
  #closed: Promise<void> | undefined;

  constructor(options: CheckedTracing, log: Log) {
    const { url, headers, timeoutMs, queueMax, ratio } = options;
    this.#options = options;
    this.#log = log;
    this.#agent = new (url.startsWith('https:') ? HttpsAgent : HttpAgent)({ keepAlive: true });
    const collector = new OTLPTraceExporter({
      url,
      headers: { ...headers },
      timeoutMillis: timeoutMs,
      httpAgentOptions: () => this.#agent,
    });
    const batches = new BatchSpanProcessor(this.#telling(collector), {
      maxQueueSize: queueMax,
      maxExportBatchSize: Math.min(BATCH_SPANS_MAX, queueMax),
      exportTimeoutMillis: timeoutMs,
    });
    this.#provider = new BasicTracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'iovpipe', 'host.name': hostname() }),
      // whoever calls does not decide how much is traced; by the id of the trace all who trace it decide alike
      sampler: new TraceIdRatioBasedSampler(ratio),
      spanProcessors: [batches],
    });
    this.#tracer = this.#provider.getTracer('iovpipe');
  }

  /** The items of a pipeline as its source gives them; those that are traced get a receipt that ends their span. */
  async *follow(pipeline: string, items: AsyncIterable<Item>): AsyncGenerator<Item> {
    for await (const item of items) yield this.#begin(pipeline, item);
  }

  /** Sends what has ended, within `timeoutMs`; what the collector does not take by then is lost. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#flush();
    return this.#closed;
  }

  #begin(pipeline: string, item: Item): Item {
    const span = this.#tracer.startSpan(pipeline, {}, contextOf(item.traceparent));
    if (!span.isRecording()) return item;
    describe(span, pipeline, item);
    const { receipt: own } = item;
    const settle = (error: IovError | undefined) => {
      end(span, error);
      if (error) own.failed(error);
      else own.arrived();
    };
    const receipt = own.canHold ? new Receipt(settle, (writes) => own.hold(writes)) : new Receipt(settle);
    return { ...item, receipt };
  }

  /** The collector, and a word when it goes away and when it is back. */
  #telling(collector: SpanExporter): SpanExporter {
    return {
      export: (spans, done) =>
        collector.export(spans, (result) => {
          this.#heard(result.error);
          done(result);
        }),
      shutdown: () => collector.shutdown(),
    };
  }

  #heard(error: (Error & { code?: unknown }) | undefined): void {
    const isAway = error !== undefined;
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    // what the collector answered is its own: a number or a system's code is enough
    const reason = error?.code ?? 'no answer in time';
    if (isAway) this.#log.warn({ reason }, 'the collector does not take traces: they are dropped until it does');
    else this.#log.info({}, 'the collector takes traces again');
  }

  async #flush(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.timeoutMs);
    });
    const sent = this.#provider.shutdown().catch(() => undefined); // which has been told
    await Promise.race([sent, late]);
    clearTimeout(timer);
    this.#agent.destroy();
  }
}

function describe(span: Span, pipeline: string, { tags, value }: Item): void {
  span.setAttribute('iovpipe.pipeline', pipeline);
  if (tags.requestId !== undefined && REQUEST_ID.test(tags.requestId))
    span.setAttribute('iovpipe.request_id', tags.requestId);
  const code = tags.code ?? (value as { Code?: unknown } | null)?.Code; // a message has its tags from `authenticate`, later
  if (typeof code === 'string' && CODE.test(code)) span.setAttribute('iovpipe.code', code);
}

function end(span: Span, error: IovError | undefined): void {
  if (error) {
    span.setAttribute('error.type', error.code);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

/** What the span is a child of, by the header of whoever sent the item (W3C Trace Context 3.2). */
function contextOf(traceparent: string | undefined) {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (!traceId || !spanId || !flags) return ROOT_CONTEXT;
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, parent);
}
