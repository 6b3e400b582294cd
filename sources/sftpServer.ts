import { isAbsolute, join } from 'node:path';
import type { Drop } from '../connections/dropFolder.js';
import { listenAddress } from '../connections/listenAddress.js';
import { defineSource } from '../contract/component.js';
import { IovError } from '../contract/error.js';
import { Type } from '../contract/schema.js';
import { fileOptions, REFUSED } from '../files/fileOptions.js';
import { likeAny } from '../files/globs.js';
import type { SeenFile } from '../files/receivedFiles.js';

const count = (description: string, value: number, maximum: number) =>
  Type.Integer({ description, default: value, minimum: 1, maximum });

/** How often is looked which `.tmp` files stay, and which others have gone. */
const LOOK_MS = 60_000;

const options = Type.Object(
  {
    listen: Type.String({ description: 'Address and port.', pattern: '^.+:[0-9]{1,5}$' }),
    hostKey: Type.String({ description: 'Our host key: the private key as ssh-keygen writes it.', secret: true }),
    directory: Type.String({
      description: 'Local directory under which each login has its own.',
      minLength: 1,
      maxLength: 4_096,
    }),
    path: Type.String({
      description: 'Under which path a sender sees its directory.',
      default: '/',
      pattern: '^/([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?$',
    }),
    logins: Type.Array(
      Type.Object(
        {
          username: Type.String({ description: 'Login name.', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }),
          publicKey: Type.Optional(
            Type.String({ description: 'Its public key: the line of id_ed25519.pub.', maxLength: 8_192 }),
          ),
          password: Type.Optional(
            Type.String({
              description: 'Its password, where it has no key.',
              minLength: 1,
              maxLength: 256,
              secret: true,
            }),
          ),
          directory: Type.Optional(
            Type.String({
              description: 'Directory of its own; by default named as the login.',
              minLength: 1,
              maxLength: 4_096,
            }),
          ),
        },
        { additionalProperties: false },
      ),
      { description: 'Who may send.', minItems: 1, maxItems: 1_000 },
    ),
    connectionsPerLogin: count('Connections of one login at a time; the next is refused (notice 7.3: 20).', 20, 1_000),
    connectionsMax: count('Connections in all, logged in or not.', 200, 10_000),
    fileBytesMax: count('Greatest file.', 1_000_000_000, 1_000_000_000_000),
    openHandlesMax: count('Files and listings that a connection may hold open.', 64, 1_024),
    waitingMax: count('Files that may wait to be handled; beyond, a rename is put off.', 10_000, 1_000_000),
    ...fileOptions,
    authAttempts: count('Failed logins of one connection before it is closed.', 6, 100),
    loginTimeoutMs: count('Time to log in.', 30_000, 600_000),
    idleTimeoutMs: count('A connection that asks for nothing is closed after this time.', 300_000, 86_400_000),
  },
  { additionalProperties: false },
);

export const spec = defineSource({
  name: 'sftpServer',
  summary: 'A write-only SFTP drop box: senders upload NAME.tmp, rename it to NAME, and it goes down the pipeline.',
  description: [
    'Each login sees its own flat directory alone: it can list names and sizes, write and remove `.tmp` files, and give them',
    'their names; nothing can be read, replaced or linked. A rename is answered once the file is on the disk. The same',
    'bytes under a name once more are taken as a repeated delivery. A file counts as handled when it has arrived at the',
    'sink; after a restart those that were complete but not handled come again. One that became a dead letter moves into',
    '`refused/` beside it, so that its sender can send a right one under the same name (7.3).',
  ].join('\n'),
  sections: ['6.1.3.1', '6.2.1.1', '7.3'],
  gives: 'file',
  failuresGoTo: 'deadLetters',
  lasts: 'run',
  options,
  leaves: (given) => given.logins.map((login) => join(folderOf(login, given.directory), REFUSED)),
  examples: [
    {
      title: 'Pictures of one car maker',
      yaml: `listen: 0.0.0.0:2222
hostKey: \${secret:ssh_host_ed25519_key}
directory: var/pictures
logins:
  - username: oem1
    publicKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfkNV4OS33ImTXvorZr72q4v5XhVEQKfvqsxOEJ/XaR`,
    },
  ],
  async create(options, context) {
    const [{ DropBox }, { DropFolder }, { GoneFiles }, { ReceivedFiles, releaseHere, toldOf }, { StaleFiles }] =
      await Promise.all([
        import('../connections/dropBox.js'),
        import('../connections/dropFolder.js'),
        import('../files/goneFiles.js'),
        import('../files/receivedFiles.js'),
        import('../files/staleFiles.js'),
      ]);
    const { log } = context;
    const isElsewhere = likeAny(options.except);
    const waiting: SeenFile[] = [];
    let wake: () => void = () => undefined;
    let closed = false;
    const logins = options.logins.map(({ directory, ...login }) => {
      const { fileBytesMax, path: shownAt } = options;
      const local = context.resolve(folderOf({ ...login, directory }, options.directory));
      return {
        ...login,
        local,
        folder: new DropFolder({ username: login.username, directory: local, shownAt, fileBytesMax }),
      };
    });
    for (const { folder } of logins) await folder.make(); // before another pipeline watches them
    const { host, port } = listenAddress(options.listen);
    const box = new DropBox({
      ...options,
      logins,
      host,
      port,
      log,
      hasRoom: () => waiting.length < options.waitingMax,
      onDrop: (drop) => {
        if (isElsewhere(drop.name)) return;
        waiting.push(seen(drop));
        wake();
      },
    });
    const { handled, refusedMax } = options;
    const received = new ReceivedFiles(context, refusedMax, (file) => releaseHere(file, handled));
    const stale = new StaleFiles(context, options.staleTmpMs, options.waitingMax);
    // of a login that has gone nobody looks whether its files are there
    const gone = new GoneFiles(context, '', (key) => logins.some(({ username }) => key.startsWith(`${username}/`)));
    const look = async () => {
      gone.beginLook();
      for (const { username, local, folder } of logins) {
        for await (const [name, { size: bytes, mtimeMs }] of folder.entries()) {
          const file = { key: `${username}/${name}`, name, path: join(local, name), bytes, mtimeMs };
          gone.see(file.key);
          if (name.endsWith('.tmp')) stale.see(file);
        }
      }
      stale.endLook();
      if (!closed) await gone.endLook();
    };
    let underWay: Promise<void> | undefined;
    const lookAround = () => {
      underWay ??= look()
        .catch((error: Error) => log.warn({ reason: error.message }, 'no look at the files of the drop box'))
        .finally(() => {
          underWay = undefined;
        });
    };
    let looking: NodeJS.Timeout | undefined;

    return {
      get port() {
        return box.port;
      },
      get refused() {
        return box.refused;
      },
      async open() {
        for (const { folder } of logins) {
          for await (const drop of folder.drops()) {
            const file = seen(drop);
            if (!isElsewhere(drop.name) && !received.isHandled(file)) waiting.push(file);
          }
        }
        await box.listen();
        looking = setInterval(lookAround, Math.min(options.staleTmpMs, LOOK_MS)).unref();
        log.info({ host, port: box.port, waiting: waiting.length }, 'the drop box listens');
      },
      async *read(signal) {
        const stop = () => {
          box.stopListening();
          wake();
        };
        signal.addEventListener('abort', stop, { once: true });
        try {
          while (!signal.aborted && !closed) {
            const file = waiting.shift();
            if (file) {
              const item = await received.item(file, file.path, `sftp ${toldOf(file)}`).catch((thrown: unknown) => {
                const { message: reason } = IovError.from(thrown);
                log.error(
                  { file: toldOf(file), reason },
                  'a dropped file cannot be read; it is looked for again at the next start',
                );
              });
              if (item) yield item;
            } else
              await new Promise<void>((resolve) => {
                wake = resolve;
              });
          }
        } finally {
          signal.removeEventListener('abort', stop);
          stop();
        }
      },
      async close() {
        closed = true;
        wake();
        clearInterval(looking);
        await underWay;
        await box.close();
        await received.close();
      },
    };
  },
});

/** Where the files of a login lie, relative to the pipeline file. */
function folderOf(
  { username, directory = username }: { username: string; directory?: string | undefined },
  all: string,
): string {
  return isAbsolute(directory) ? directory : join(all, directory);
}

const seen = ({ username, ...file }: Drop): SeenFile => ({ ...file, key: `${username}/${file.name}` });
