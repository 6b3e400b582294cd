import { defineConnection } from '../contract/component.js';
import { Type } from '../contract/schema.js';
import { TOPIC_NAME } from './kafka.js';

const ms = (value: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: value, minimum, maximum, description });

const Options = Type.Object(
  {
    on: Type.String({ connection: 'kafka', description: 'The cluster, under `connections:`.' }),
    topic: Type.String({
      pattern: TOPIC_NAME,
      default: 'iovpipe-lanes',
      description:
        'A topic without messages that has as many partitions as the SFTP server allows connections, at most 20. A partition is a lane.',
    }),
    group: Type.String({
      pattern: TOPIC_NAME,
      default: 'iovpipe-lanes',
      description: 'The consumer group of all processes that share the lanes: Kafka assigns each lane to one of them.',
    }),
    sessionTimeoutMs: ms(
      30_000,
      2_000,
      1_800_000,
      'A process that has not been heard of for so long has lost its lanes to the others.',
    ),
    renewMs: ms(2_000, 50, 600_000, 'How often the lease on the lanes is renewed.'),
    marginMs: ms(
      5_000,
      100,
      600_000,
      'So long before the others may have its lanes a process that cannot renew its lease sends no more.',
    ),
    guardMs: ms(
      10_000,
      200,
      600_000,
      'A process that has stood still for so long is killed, so that its connections are closed before others get its lanes.',
    ),
    revokeMs: ms(
      15_000,
      0,
      600_000,
      'How long files under way may take to arrive when lanes go to another process; after it they are broken off.',
    ),
    takeOverMs: ms(
      1_000,
      0,
      60_000,
      'A lane is used so long after it was assigned: until then the server may still count the connection of its last holder.',
    ),
  },
  { additionalProperties: false },
);

export const spec = defineConnection({
  name: 'lanes',
  summary:
    'The connections that an SFTP server allows, shared by the processes of a cluster: each lane has one holder.',
  description: [
    'Which process holds which lane is Kafka’s own assignment of a topic’s partitions; nobody elects or locks. A process renews its lease by committing an offset, and counts from when it asked: once the lease has run out it sends nothing more, whether it was cut off, slow or asleep. A process that stands still is killed by a small guard beside it, and whoever runs it (systemd) starts it again.',
    'Give an `sftp` connection these `lanes`, and put the operator `lanes` behind `split`.',
  ].join('\n\n'),
  sections: ['7.3'],
  options: Options,
  check: ({ sessionTimeoutMs, renewMs, marginMs, guardMs, revokeMs }) => {
    const leaseMs = sessionTimeoutMs - marginMs;
    const rule = (field: string, value: number, most: number, what: string) =>
      value > most ? [{ field, label: '', rule: `at most ${most}, ${what}`, value: String(value) }] : [];
    return [
      ...rule('marginMs', marginMs, sessionTimeoutMs / 2, 'half of sessionTimeoutMs'),
      ...rule('renewMs', renewMs, Math.floor(leaseMs / 3), 'a third of sessionTimeoutMs - marginMs'),
      ...rule('guardMs', guardMs, Math.floor(sessionTimeoutMs / 2), 'half of sessionTimeoutMs'),
      ...rule('revokeMs', revokeMs, Math.floor(leaseMs - renewMs), 'sessionTimeoutMs - marginMs - renewMs'),
    ];
  },
  examples: [
    { title: 'Twenty lanes for all daemons', yaml: 'on: bus' },
    {
      title: 'Another server, with six',
      yaml: 'on: bus\ntopic: iovpipe-lanes-backup\ngroup: iovpipe-lanes-backup',
    },
  ],
  async create(options, context) {
    const { Lanes } = await import('./lanesConnection.js');
    return new Lanes(options, context);
  },
});
