import { defineConnection } from '../contract/component.js';
import { IovError } from '../contract/error.js';
import { Type } from '../contract/schema.js';
import { listenAddress } from './listenAddress.js';
import { LockoutOptions } from './lockout.js';

const milliseconds = (value: number, maximum: number, description: string) =>
  Type.Integer({ default: value, minimum: 10, maximum, description });

export const spec = defineConnection({
  name: 'https',
  summary: 'A TLS listener that takes messages of the notice, shared by every https source that names it.',
  description:
    'Each connection carries one message and closes after its answer (4.2.2, 4.3.2: 短连接). The answer is the body of table 3 or 9 with HTTP status 200; a wrong method is 405 and a body over its bound 413, with the same body. A caller whose headers or body come too slowly is told so and cut.',
  sections: ['4.2.2', '4.3.2.1', '5.1.2.2', '6.1.1.2'],
  options: Type.Object(
    {
      listen: Type.String({
        pattern: '^(\\[[0-9a-fA-F:.]+\\]|[^:\\[\\]]+):\\d{1,5}$',
        expected: 'host:port',
        description: 'Address and port; port 0 takes a free one.',
        examples: ['0.0.0.0:8443', '[::]:8443'],
      }),
      cert: Type.String({
        minLength: 1,
        description: `Certificate and its chain, PEM: \`\${file:t1.crt}\`. ECDSA P-256 costs half of RSA.`,
      }),
      key: Type.String({ minLength: 1, secret: true, description: `Private key, PEM: \`\${secret:t1.key}\`.` }),
      clientCa: Type.Optional(
        Type.String({
          minLength: 1,
          description: 'Mutual TLS: only callers with a certificate signed by these, PEM, are let in.',
        }),
      ),
      allow: Type.Array(Type.String({ minLength: 2, maxLength: 64 }), {
        default: [],
        maxItems: 10_000,
        description:
          'Addresses and CIDR ranges that may connect; others are cut before the handshake. Empty: everybody.',
        examples: [['10.8.0.0/16', '192.0.2.7']],
      }),
      mirrorStatus: Type.Boolean({
        default: false,
        description: 'HTTP status follows FailureCause (400, 401, 501; 604 becomes 503) instead of 200.',
      }),
      connectionsMax: Type.Integer({
        default: 4096,
        minimum: 1,
        maximum: 65_535,
        description: 'Connections at once; more are dropped.',
      }),
      connectionsPerAddressMax: Type.Integer({
        default: 1024,
        minimum: 1,
        maximum: 65_535,
        description:
          'Of these, connections of one address (IPv6: one network of 64 bits); more are dropped before the handshake, and others go on. Raise it to connectionsMax where all callers come through one address: a load balancer that hides theirs.',
      }),
      gatherMs: Type.Integer({
        default: 15,
        minimum: 0,
        maximum: 1000,
        description:
          'While others are still arriving a message that is there waits for them, so long at most: together they cost half, by one pass through the chain and one flush to the disk. A caller alone never waits. 0: nobody does.',
      }),
      handshakeTimeoutMs: milliseconds(10_000, 120_000, 'For the TLS handshake.'),
      headersTimeoutMs: milliseconds(10_000, 120_000, 'For all headers of a message.'),
      headersBytesMax: Type.Integer({
        default: 16_384,
        minimum: 1024,
        maximum: 131_072,
        description: 'Headers of a message.',
      }),
      bodyTimeoutMs: milliseconds(10_000, 600_000, 'For the body of a message, from when it is first read.'),
      answerTimeoutMs: milliseconds(
        60_000,
        600_000,
        'For an answer; after it the caller is told 604 and may send again. The item goes on.',
      ),
      lingerMs: milliseconds(
        1000,
        60_000,
        'How long a caller that is refused while it still sends may take to read why; also given to open connections at the end.',
      ),
      tlsMinVersion: Type.Union([Type.Literal('TLSv1.2'), Type.Literal('TLSv1.3')], {
        default: 'TLSv1.2',
        description: 'Oldest TLS version spoken.',
      }),
      lockout: LockoutOptions,
    },
    { additionalProperties: false },
  ),
  examples: [
    { title: 'For car makers', yaml: `listen: 0.0.0.0:8443\ncert: \${file:t1.crt}\nkey: \${secret:t1.key}` },
    {
      title: 'Mutual TLS, for callers of one network',
      yaml: `listen: 0.0.0.0:8443\ncert: \${file:t1.crt}\nkey: \${secret:t1.key}\nclientCa: \${file:makers-ca.crt}\nallow: [10.8.0.0/16]`,
    },
  ],
  async create({ listen, ...options }, context) {
    const { HttpsListener } = await import('./httpsListener.js');
    try {
      return new HttpsListener({ ...options, ...listenAddress(listen) }, context.log, context.place);
    } catch (thrown) {
      if (thrown instanceof IovError) throw thrown;
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      throw new IovError('CONFIG_INVALID', `${context.place}: certificate or key: ${message}`, { cause: thrown });
    }
  },
});
