import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { SftpConnection } from '../connections/sftpConnection.js';
import { defineSource } from '../contract/component.js';
import { Type } from '../contract/schema.js';
import { REFUSED } from '../files/fileOptions.js';
import { FileWatch, HOW_FILES_ARE_TAKEN, type Place, watchOptions } from '../files/fileWatch.js';
import type { SeenFile } from '../files/receivedFiles.js';

const options = Type.Object(
  {
    on: Type.String({ description: 'The sftp connection.', connection: 'sftp' }),
    directory: Type.String({
      description: 'Directory on the server; it must exist. `.` is where the login lands.',
      default: '.',
      minLength: 1,
      maxLength: 1_024,
    }),
    spool: Type.String({
      description: 'Local directory of this pipeline alone, to which files are fetched; made if it is missing.',
      minLength: 1,
      maxLength: 4_096,
      examples: ['var/spool/pictures-in'],
    }),
    concurrency: Type.Integer({ description: 'Files fetched at once.', default: 4, minimum: 1, maximum: 20 }),
    ...watchOptions,
  },
  { additionalProperties: false },
);

export const spec = defineSource({
  name: 'sftpWatch',
  summary: 'Takes files that lie in a directory of an SFTP server, over the connection’s pool.',
  description: [
    HOW_FILES_ARE_TAKEN,
    'Each is fetched into `spool` as `.tmp` and renamed once complete; it leaves the spool when it has arrived at the sink.',
    'A refused one is kept in `refused/` of the spool; on the server it stays, unless what is handled is removed there.',
  ].join('\n'),
  sections: ['6.1.3.1', '6.2.1.1'],
  gives: 'file',
  failuresGoTo: 'deadLetters',
  lasts: 'run',
  options,
  leaves: ({ spool }) => [join(spool, REFUSED)],
  examples: [
    {
      title: 'Pictures that car makers leave on a server of their own',
      yaml: 'on: regulator\ndirectory: /upload\nspool: var/spool/pictures-in\nmatch: [KH_*.bin, HT_*.bin]',
    },
  ],
  create: (given, context) => {
    const connection = context.connection<SftpConnection>(given.on);
    return new FileWatch(new RemoteDirectory(given, connection, context.resolve(given.spool)), given, context);
  },
});

interface Options {
  directory: string;
  handled: 'keep' | 'remove';
  concurrency: number;
}

class RemoteDirectory implements Place {
  readonly prefix = 'sftp ';
  readonly folders = 0;
  readonly concurrency: number;
  readonly #options: Options;
  readonly #connection: SftpConnection;
  readonly #spool: string;

  constructor(options: Options, connection: SftpConnection, spool: string) {
    this.concurrency = options.concurrency;
    this.#options = options;
    this.#connection = connection;
    this.#spool = spool;
  }

  /** Nobody goes on with what an earlier run was fetching. */
  async open(): Promise<void> {
    await mkdir(this.#spool, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#spool)) {
      if (name.endsWith('.tmp')) await rm(join(this.#spool, name), { force: true });
    }
  }

  async list(see: (file: SeenFile) => void, signal: AbortSignal): Promise<void> {
    const { directory } = this.#options;
    const seen = ({ name, size, mtimeMs }: { name: string; size: number; mtimeMs: number }) =>
      see({ key: name, name, path: posix.join(directory, name), bytes: size, mtimeMs });
    await this.#connection.list(directory, seen, signal);
  }

  /** Only files with plain names come here, so that none leads out of the spool. */
  async bring(file: SeenFile, signal: AbortSignal): Promise<string | undefined> {
    const local = join(this.#spool, file.name);
    return (await this.#connection.fetch(file.path, statOf(file), local, signal)) ? local : undefined;
  }

  async release(file: SeenFile, signal: AbortSignal): Promise<boolean> {
    await rm(join(this.#spool, file.name), { force: true });
    if (this.#options.handled === 'keep') return true;
    await this.#connection.remove(file.path, statOf(file), signal);
    return false;
  }
}

const statOf = ({ bytes, mtimeMs }: SeenFile) => ({ size: bytes, mtimeMs });
