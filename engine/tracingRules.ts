import { isLoopback } from '../connections/listenAddress.js';
import { type Static, Type } from '../contract/schema.js';
import type { Faults } from './fault.js';
import type { Located } from './located.js';

export const TracingOptions = Type.Object(
  {
    url: Type.String({
      pattern: '^https?://[^\\s/?#@]+(/[^\\s?#]*)?$',
      expected: 'an http or https URL',
      description: 'Where the collector takes traces: OTLP over HTTP, as JSON.',
      examples: ['http://127.0.0.1:4318/v1/traces'],
    }),
    ratio: Type.Number({
      default: 0.01,
      minimum: 0,
      maximum: 1,
      description: 'How much is traced: 0.01 is one item of a hundred, 0 none.',
    }),
    headers: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }),
        Type.String({ pattern: '^[\\x20-\\x7e]{1,4096}$', expected: 'a header', secret: true }),
        {
          additionalProperties: false,
          keys: 'names of headers',
          maxProperties: 20,
          expected: 'a mapping of headers by name',
          description:
            'What the collector wants to be told with each request: `{ authorization: "${secret:collector}" }`.',
        },
      ),
    ),
    timeoutMs: Type.Integer({
      default: 5_000,
      minimum: 100,
      maximum: 10_000,
      description: 'For the collector to take a batch, and for what is left when the daemon stops; then it is dropped.',
    }),
    queueMax: Type.Integer({
      default: 2_048,
      minimum: 1,
      maximum: 8_192,
      description: 'Spans that wait for the collector; more are dropped.',
    }),
  },
  {
    additionalProperties: false,
    description:
      'Sends a span an item, from its source to its receipt, to an OpenTelemetry collector: pipeline, RequestID, code, an error’s code, and nothing personal. Off without this.',
  },
);

/** Where spans go, and how many. */
export type CheckedTracing = Readonly<Static<typeof TracingOptions>>;

/** Headers are secrets: they go over TLS, or do not leave this machine. */
export function checkTracing(root: Located, faults: Faults): void {
  const tracing = root.children.get('tracing');
  const url = tracing?.children.get('url');
  if (!tracing?.children.has('headers') || !url || url.broken || typeof url.value !== 'string') return;
  if (!url.value.startsWith('http:') || !URL.canParse(url.value)) return;
  if (isLoopback(new URL(url.value).hostname.replace(/^\[|\]$/g, ''))) return;
  const expected = 'expected https, or a loopback address, where headers are sent';
  faults.add(url.mark, ['tracing', 'url'], `${expected}, got ${JSON.stringify(url.value)}`);
}
