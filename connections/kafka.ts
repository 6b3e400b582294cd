import { defineConnection } from '../contract/component.js';
import { Type } from '../contract/schema.js';

const ms = (value: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: value, minimum, maximum, description });

/** What Kafka calls a topic, and we a group: a pattern. */
export const TOPIC_NAME = '^[A-Za-z0-9._-]{1,249}$';

const Options = Type.Object(
  {
    brokers: Type.Array(Type.String({ pattern: '^[^\\s,/]{1,253}:\\d{1,5}$', expected: 'host:port' }), {
      minItems: 1,
      maxItems: 100,
      description: 'Some brokers of the cluster; the others are learned from them.',
      examples: [['kafka1.example:9093', 'kafka2.example:9093']],
    }),
    clientId: Type.String({
      default: 'iovpipe',
      pattern: '^[A-Za-z0-9._-]{1,100}$',
      description: 'How the brokers name us in their logs and quotas.',
    }),
    tls: Type.Optional(
      Type.Object(
        {
          ca: Type.Optional(
            Type.String({
              minLength: 1,
              description: `Who signs the brokers’ certificates, PEM: \`\${file:kafka-ca.crt}\`. Without it, those the system trusts.`,
            }),
          ),
          cert: Type.Optional(Type.String({ minLength: 1, description: 'Our certificate for mutual TLS, PEM.' })),
          key: Type.Optional(Type.String({ minLength: 1, secret: true, description: 'Its private key, PEM.' })),
        },
        { additionalProperties: false, description: 'Speak TLS: `tls: {}` is enough for a public certificate.' },
      ),
    ),
    sasl: Type.Optional(
      Type.Object(
        {
          mechanism: Type.Union([Type.Literal('PLAIN'), Type.Literal('SCRAM-SHA-256'), Type.Literal('SCRAM-SHA-512')], {
            default: 'SCRAM-SHA-512',
            description: 'How the password is shown. PLAIN shows it to everybody on the way unless `tls` is spoken.',
          }),
          username: Type.String({ minLength: 1, maxLength: 256, description: 'The login.' }),
          password: Type.String({ minLength: 1, maxLength: 1_024, secret: true, description: 'Its password.' }),
        },
        { additionalProperties: false, description: 'A login, where the brokers ask for one.' },
      ),
    ),
    connectTimeoutMs: ms(5_000, 100, 60_000, 'For one attempt to reach the cluster.'),
    requestTimeoutMs: ms(
      30_000,
      1_000,
      300_000,
      'Longest silence of a broker that owes an answer; the connection is replaced then.',
    ),
    closeTimeoutMs: ms(10_000, 100, 60_000, 'For leaving the cluster: the last offsets, the consumer group.'),
    retryDelayMsMin: ms(200, 1, 60_000, 'First bound of the delay between attempts, which doubles.'),
    retryDelayMsMax: ms(10_000, 1, 600_000, 'Last bound of the delay.'),
  },
  { additionalProperties: false },
);

export const spec = defineConnection({
  name: 'kafka',
  summary: 'A Kafka cluster that sources consume and sinks produce to.',
  description:
    'Needs the optional package node-rdkafka, which is compiled when it is installed. Each source and sink has connections of its own to the brokers, with the same login. A cluster that is away is tried again without end; that is told once, and once more when it answers again.',
  options: Options,
  check: ({ tls }) =>
    (tls?.cert === undefined) !== (tls?.key === undefined)
      ? [{ field: 'tls', label: '', rule: '`cert` and `key` together' }]
      : [],
  examples: [
    {
      title: 'A cluster that asks for a login over TLS',
      yaml: `brokers: [kafka1.example:9093, kafka2.example:9093]
tls: { ca: "\${file:kafka-ca.crt}" }
sasl: { username: iovpipe, password: "\${secret:kafka.password}" }`,
    },
    { title: 'A broker on this machine', yaml: 'brokers: ["127.0.0.1:9092"]' },
  ],
  async create(options, context) {
    const { loadRdKafka } = await import('./rdkafka.js');
    const { KafkaConnection } = await import('./kafkaConnection.js');
    return new KafkaConnection(await loadRdKafka(), options, context);
  },
});
