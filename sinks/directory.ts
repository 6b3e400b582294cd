import { constants } from 'node:fs';
import { copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { defineSink } from '../contract/component.js';
import { IovError } from '../contract/error.js';
import type { PackedFile } from '../contract/file.js';
import { Type } from '../contract/schema.js';
import { NameTurns } from '../files/nameTurns.js';
import { sync, syncDirectory } from '../files/plainFile.js';
import { baseNameOf } from '../notice/fileName.js';

const options = Type.Object(
  {
    directory: Type.String({ description: 'Local directory; made if it is missing.', minLength: 1, maxLength: 4_096 }),
    concurrency: Type.Integer({ description: 'Files written at once.', default: 4, minimum: 1, maximum: 64 }),
  },
  { additionalProperties: false },
);

/** Final paths that are being written to, over all pipelines of the process: two files of one name have one `.tmp`. */
const turns = new NameTurns();

export const spec = defineSink({
  name: 'directory',
  summary: 'Puts files into a local directory: as .tmp first, under the final name once they are on the disk.',
  description: [
    'Copy to `NAME.tmp`, fsync, rename, fsync of the directory; the ledger notes each step as for `sftp`.',
    'A planned file then leaves the outbox; a received one stays with its source. A file of the same name is replaced; of two',
    'that come at once, the first by the second.',
  ].join('\n'),
  takes: ['file'],
  options,
  examples: [{ title: 'An inbox', yaml: 'directory: var/inbox' }],
  create({ directory: given, concurrency }, context) {
    const directory = context.resolve(given);
    return {
      concurrency,
      async open() {
        await mkdir(directory, { recursive: true, mode: 0o700 });
      },
      async write(item) {
        const file = item.value as PackedFile;
        if (file.plan?.state !== 'delivered') {
          await context.store.fileUploading(baseNameOf(file.name));
          const placing = turns.alone(join(directory, file.name), () => place(file, directory));
          const path = await placing.catch((cause: Error) => {
            throw asIovError(cause, file.name, directory);
          });
          await context.store.fileDelivered(baseNameOf(file.name), path);
          context.log.info({ file: file.name, bytes: file.bytes }, 'delivered');
        }
        if (file.plan) await rm(file.path, { force: true });
      },
    };
  },
});

async function place(file: PackedFile, directory: string): Promise<string> {
  if (basename(file.name) !== file.name || file.name.startsWith('.')) {
    throw new IovError('FILE_INVALID', `expected a plain file name, got ${JSON.stringify(file.name)}`);
  }
  const path = join(directory, file.name);
  const tmp = `${path}.tmp`;
  await copyFile(file.path, tmp, constants.COPYFILE_FICLONE); // shares the blocks where the file system can
  await sync(tmp);
  const { size } = await stat(tmp);
  if (size !== file.bytes) throw new IovError('FILE_UNREADABLE', `expected ${file.bytes} bytes, the copy has ${size}`);
  await rename(tmp, path);
  await syncDirectory(directory);
  return path;
}

function asIovError(cause: Error, name: string, directory: string): IovError {
  if (cause instanceof IovError) return cause;
  return new IovError('FILE_UNREADABLE', `putting ${name} into ${directory}: ${cause.message}`, { cause });
}
