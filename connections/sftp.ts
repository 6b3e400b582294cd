import { defineConnection } from '../contract/component.js';
import { IovError } from '../contract/error.js';
import { Type } from '../contract/schema.js';
import type { Lanes } from './lanesConnection.js';

const ms = (description: string, value: number, maximum: number, minimum = 1) =>
  Type.Integer({ description, default: value, minimum, maximum });

const options = Type.Object(
  {
    host: Type.String({ description: 'Name or address of the server.', minLength: 1, maxLength: 255 }),
    port: Type.Integer({ description: 'Its port.', default: 22, minimum: 1, maximum: 65_535 }),
    username: Type.String({ description: 'The login.', minLength: 1, maxLength: 128 }),
    privateKey: Type.Optional(
      Type.String({ description: 'Our private key: PEM or OpenSSH text, without passphrase.', secret: true }),
    ),
    password: Type.Optional(Type.String({ description: 'The password, where the server takes no key.', secret: true })),
    hostKey: Type.String({
      description:
        'Fingerprint of the server’s key as `ssh-keygen -l` prints it (`SHA256:…`), or `any` to trust whoever answers.',
      pattern: '^(any|SHA256:[A-Za-z0-9+/]{43}=?)$',
    }),
    connections: Type.Integer({
      description: 'Most connections to this server and login, over all pipelines (notice 7.3: at most 20).',
      default: 20,
      minimum: 1,
      maximum: 20,
    }),
    lanes: Type.Optional(
      Type.String({
        connection: 'lanes',
        description:
          'The lanes, under `connections:`, by which the processes of a cluster share the connections that the server allows: this one then has one connection a lane that it holds.',
      }),
    ),
    window: Type.Integer({
      description: 'Concurrent writes a file; 1 for servers that stall with more.',
      default: 64,
      minimum: 1,
      maximum: 256,
    }),
    chunkBytes: Type.Integer({
      description: 'Bytes a write; more than the default damages files on some servers.',
      default: 32_768,
      minimum: 1_024,
      maximum: 261_120,
    }),
    connectTimeoutMs: ms('Deadline for connecting: TCP, handshake, login, channel.', 20_000, 300_000),
    operationTimeoutMs: ms(
      'Longest silence of the server while replies are due; the connection is replaced then.',
      60_000,
      600_000,
    ),
    keepaliveMs: ms('Time between signs of life on a quiet connection.', 15_000, 300_000, 1_000),
    idleTimeoutMs: ms('An idle connection is closed after this time.', 30_000, 3_600_000),
    replaceAfterMs: ms(
      'Time between the end of a connection and the one that replaces it: until the server has noticed, it counts both.',
      500,
      60_000,
      100, // without any delay a real sshd was seen to hold 21 sessions
    ),
    retryDelayMsMin: ms(
      'Bound of the first back-off; it doubles with each attempt, and the delay is drawn below it.',
      500,
      60_000,
    ),
    retryDelayMsMax: ms('Greatest bound of the back-off.', 60_000, 3_600_000),
    alarmAfterAttempts: Type.Integer({
      description: 'A delivery is tried without end; at every so many attempts it alarms.',
      default: 5,
      minimum: 1,
      maximum: 1_000,
    }),
  },
  { additionalProperties: false },
);

export const spec = defineConnection({
  name: 'sftp',
  summary: 'An SFTP server to which files are delivered, over few connections that all pipelines share.',
  description: [
    'Connections are opened when needed and shared by everything in the process that names the same host, port and username;',
    'the smallest `connections` of them is the cap. A connection that breaks or falls silent is replaced, its file taken up again.',
    'Refusals (no such directory, no permission, wrong key, another host key) are not tried again.',
  ].join('\n'),
  sections: ['4.3.2', '6.2.1.1', '7.3'],
  options,
  examples: [
    {
      title: 'The regulator’s server, by key',
      yaml: `host: sftp.example
username: cmcc
privateKey: \${secret:sftp.key}
hostKey: SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU
connections: 20`,
    },
  ],
  async create({ retryDelayMsMin, retryDelayMsMax, lanes, ...settings }, context) {
    if (settings.privateKey === undefined && settings.password === undefined) {
      throw new IovError('CONFIG_INVALID', `${context.place}: expected privateKey or password, got neither`);
    }
    const { SftpConnection } = await import('./sftpConnection.js');
    return new SftpConnection(
      { ...settings, delayMsMin: retryDelayMsMin, delayMsMax: retryDelayMsMax },
      context.log,
      lanes === undefined ? undefined : () => context.connection<Lanes>(lanes),
    );
  },
});
