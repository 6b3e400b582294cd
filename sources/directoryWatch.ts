import { join } from 'node:path';
import { defineSource } from '../contract/component.js';
import type { Log } from '../contract/context.js';
import { type Fault, IovError } from '../contract/error.js';
import { Type } from '../contract/schema.js';
import { entriesOf, expectDirectory, listFiles, realBelow } from '../files/directory.js';
import { REFUSED } from '../files/fileOptions.js';
import { FileWatch, HOW_FILES_ARE_TAKEN, type Place, watchOptions } from '../files/fileWatch.js';
import { isAsSeen, releaseHere, type SeenFile } from '../files/receivedFiles.js';

const LOGIN = '{login}';

const options = Type.Object(
  {
    directory: Type.String({
      description:
        'The directory; it must exist. `{login}` stands for one folder of any name: each sender has its own then, and its files are `<login>/<file>`.',
      minLength: 1,
      maxLength: 4_096,
      examples: ['/srv/sftp/{login}/upload'],
    }),
    ...watchOptions,
  },
  { additionalProperties: false },
);

export const spec = defineSource({
  name: 'directoryWatch',
  summary: 'Takes files that others put into a local directory, such as that of a real OpenSSH server.',
  description: HOW_FILES_ARE_TAKEN,
  sections: ['6.1.3.1', '6.2.1.1'],
  gives: 'file',
  failuresGoTo: 'deadLetters',
  lasts: 'run',
  options,
  check: ({ directory }): Fault[] => {
    const segments = directory.split('/');
    const isSound =
      directory.split(LOGIN).length <= 2 && segments.every((one) => one === LOGIN || !one.includes(LOGIN));
    return isSound
      ? []
      : [{ field: 'directory', label: '', rule: '{login} once, as a whole folder', value: directory }];
  },
  leaves: ({ directory }) => [join(directory.replace(LOGIN, '*'), REFUSED)],
  examples: [
    {
      title: 'Pictures and contracts of several car makers, on a real OpenSSH',
      yaml: 'directory: /srv/sftp/{login}/upload\nmatch: [KH_*.bin, HT_*.bin]',
    },
  ],
  create: (given, context) =>
    new FileWatch(new WatchedDirectory(context.resolve(given.directory), given.handled, context.log), given, context),
});

class WatchedDirectory implements Place {
  readonly prefix = '';
  readonly folders: 0 | 1;
  readonly concurrency = 1;
  readonly #directory: string;
  readonly #handled: 'keep' | 'remove';
  readonly #log: Log;
  readonly #refused = new Set<string>();

  constructor(directory: string, handled: 'keep' | 'remove', log: Log) {
    this.#directory = directory;
    this.folders = directory.includes(LOGIN) ? 1 : 0;
    this.#handled = handled;
    this.#log = log;
  }

  open(): Promise<void> {
    const [parent = ''] = this.#directory.split(LOGIN);
    return expectDirectory(parent);
  }

  async list(see: (file: SeenFile) => void, signal: AbortSignal, overlook: (part: string) => void): Promise<void> {
    const [parent = '', below] = this.#directory.split(LOGIN);
    if (below === undefined) return listFiles(parent, '', see, signal);
    for await (const login of entriesOf(parent)) {
      if (signal.aborted) return;
      if (!login.isDirectory() || login.name.startsWith('.')) {
        overlook(`${login.name}/`);
        continue;
      }
      // one sender's folder does not hold up the others
      const isListed = await this.#listLogin(parent, login.name, below, see, signal).catch((thrown: unknown) => {
        const error = IovError.from(thrown);
        if (error.code !== 'FILE_UNREADABLE') throw error;
        this.#tellOnce(login.name, error);
      });
      if (!isListed) overlook(`${login.name}/`);
    }
  }

  async bring(file: SeenFile): Promise<string | undefined> {
    return (await isAsSeen(file)) ? file.path : undefined;
  }

  release(file: SeenFile): Promise<boolean> {
    return releaseHere(file, this.#handled);
  }

  /**
   * The sender may write there: a link in place of its folder would lead to what is not its own.
   * @returns false where there is no such folder, or none that can be reached
   */
  async #listLogin(
    parent: string,
    login: string,
    below: string,
    see: (file: SeenFile) => void,
    signal: AbortSignal,
  ): Promise<boolean> {
    if ((await realBelow(parent, join(login, below))) === undefined) return false; // nothing has been put there yet
    await listFiles(join(parent, login, below), `${login}/`, see, signal);
    return true;
  }

  #tellOnce(login: string, { code, message }: IovError): void {
    if (this.#refused.has(login)) return;
    this.#refused.add(login);
    this.#log.error({ login, code, reason: message, alarm: 'fileUnreadable' }, 'the files of a login cannot be taken');
  }
}
