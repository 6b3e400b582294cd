import { createWriteStream } from 'node:fs';
import { access, link, mkdir, opendir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { defineOperator, type Kernel } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { PackedFile } from '../contract/file.js';
import type { Item } from '../contract/item.js';
import { Type } from '../contract/schema.js';
import type { DueFile, Effect } from '../contract/store.js';
import { digestOf, openPlain, sync, syncDirectory } from '../files/plainFile.js';
import { type AlbumName, baseNameOf, parseFileName } from '../notice/fileName.js';
import { maskNumbers } from '../notice/mask.js';

export const spec = defineOperator({
  name: 'tie',
  summary: 'Ties what a car maker sends to what asked for it: keeps pictures by card, passes contracts on unopened.',
  description: [
    '`KH_<RequestID>_<maker>.bin` moves to `directory/<ICCID>/`, that of each card where a dialect’s message lists several, and the pictures of that registration are no longer due.',
    'Where the registration is not known yet they wait in `directory/unregistered/` and are tied when it comes; a purge takes',
    'those that have waited for longer than `retention` says.',
    '`HT_<RequestID>_<maker>.bin` passes as it is when a command asked for it. Anything else becomes a dead letter.',
  ].join('\n'),
  sections: ['6.1.3.1', '6.1.3.2'],
  takes: ['file'],
  gives: 'file',
  stores: true,
  options: Type.Object(
    {
      peer: Type.String({ peer: true, description: 'The car maker who sends: its `codes` are what names may hold.' }),
      directory: Type.String({
        minLength: 1,
        maxLength: 4_096,
        description: 'Where pictures are kept; made if it is missing.',
        examples: ['var/pictures'],
      }),
      lookMs: Type.Integer({
        default: 2_000,
        minimum: 10,
        maximum: 3_600_000,
        description: 'Time between two looks for registrations of pictures that wait for theirs.',
      }),
    },
    { additionalProperties: false },
  ),
  leaves: ({ directory }) => [join(directory, UNREGISTERED)],
  examples: [{ title: 'The drop box of one car maker', yaml: 'peer: oem\ndirectory: var/pictures' }],
  create: (options, context) => new Tie(options, context),
});

interface Options {
  peer: string;
  directory: string;
  lookMs: number;
}

/** Beside folders that are called by an ICCID, which begins with a digit. */
const UNREGISTERED = 'unregistered';
const ICCID = /^[0-9][0-9A-Za-z]{0,63}$/;

type ReceivedFile = Pick<PackedFile, 'name' | 'path' | 'bytes' | 'sm3'>;

class Tie implements Kernel {
  readonly #context: Context;
  readonly #directory: string;
  readonly #codes: ReadonlySet<string>;
  readonly #timer: NodeJS.Timeout;
  /** Pictures that cannot be tied, so that each is told once. */
  readonly #told = new Set<string>();
  #looking: Promise<void> | undefined;

  constructor({ peer, directory, lookMs }: Options, context: Context) {
    this.#context = context;
    this.#directory = context.resolve(directory);
    this.#codes = new Set(context.peers[peer]?.codes);
    this.#timer = setInterval(() => this.#look(), lookMs).unref();
  }

  async transform(item: Item): Promise<Item[]> {
    const file = item.value as PackedFile;
    const name = this.#albumNameOf(file.name);
    const { content, requestId, code } = name;
    const { store } = this.#context;
    const due = store.dueFile(baseNameOf(file.name));
    if (content === 'HT') {
      // the regulator's own command may not know which maker owes it
      if (!due && !store.dueFile(`HT_${requestId}`)) throw invalid(file.name, 'no command asked for these contracts');
      return [{ ...item, tags: { ...item.tags, requestId, code } }];
    }
    await this.#keep(file, due, item.effects);
    item.receipt.arrived();
    return [];
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  #albumNameOf(fileName: string): AlbumName {
    const name = parseFileName(fileName);
    if (name?.kind !== 'album' || name.partial || name.extension !== 'bin')
      throw invalid(
        maskNumbers(fileName),
        'expected a name of 6.1.3.2: KH_<RequestID>_<code>.bin, HT_<RequestID>_<code>.bin',
      );
    if (this.#codes.has(name.code)) return name;
    throw invalid(fileName, `its code is not among those that this car maker may speak for`);
  }

  /**
   * Put in its place, noted, and only then removed from where it came: if the process ends in between, the source gives it
   * again, and it is found in its place.
   */
  async #keep(file: ReceivedFile, due: DueFile | undefined, effects: readonly Effect[]): Promise<void> {
    const { store, log } = this.#context;
    const { name, path } = file;
    const folders = due ? due.iccid.split(',') : [UNREGISTERED]; // a registration may list several cards
    if (due && !folders.every((folder) => ICCID.test(folder)))
      throw invalid(name, 'its registration has an ICCID that no folder can be called by');
    for (const folder of folders) await place(file, join(this.#directory, folder));
    await store.commit([...effects, (transaction) => transaction.dueFileDelivered(baseNameOf(name))]);
    await rm(path, { force: true }).catch((error: Error) =>
      log.warn({ file: name, reason: error.message }, 'pictures are kept, and stay where they came from, too'),
    );
    log.info({ file: name }, due ? 'pictures are kept' : 'pictures wait for their registration');
  }

  #look(): void {
    this.#looking ??= this.#tieWaiting()
      .catch((thrown: unknown) => this.#context.log.error({ reason: IovError.from(thrown).message }, LOOK_FAILED))
      .finally(() => {
        this.#looking = undefined;
      });
  }

  /** Pictures whose registration has come after them. */
  async #tieWaiting(): Promise<void> {
    const directory = join(this.#directory, UNREGISTERED);
    if (!(await isThere(directory))) return;
    for await (const { name } of await opendir(directory)) {
      const album = parseFileName(name);
      if (album?.kind !== 'album' || album.extension !== 'bin' || album.partial || !this.#codes.has(album.code))
        continue;
      const due = this.#context.store.dueFile(baseNameOf(name));
      if (!due) continue;
      const path = join(directory, name);
      try {
        await this.#keep({ name, path, ...(await digestOf(path)) }, due, []);
      } catch (thrown) {
        const { code, message: reason } = IovError.from(thrown);
        if (!this.#told.has(name)) this.#context.log.error({ file: name, code, reason }, LOOK_FAILED);
        this.#told.add(name);
      }
    }
  }
}

const LOOK_FAILED = 'pictures that wait for their registration cannot be tied to it';

const invalid = (file: string, problem: string) => new IovError('FILE_INVALID', `${file}: ${problem}`);

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * Puts a file into a folder, under its name, and to the disk; it stays where it came from, too. The same bytes there already
 * are as good.
 * @throws IovError FILE_INVALID for other bytes under that name, FILE_UNREADABLE
 */
async function place(file: ReceivedFile, folder: string): Promise<void> {
  const target = join(folder, file.name);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const isNew = await put(file.path, target);
    const found = await digestOf(target).catch(() => undefined); // no longer a file, or one that cannot be read
    if (found?.bytes !== file.bytes || found.sm3 !== file.sm3) {
      if (isNew) await rm(target, { force: true });
      throw invalid(file.name, isNew ? 'it changed while it was taken' : 'it is kept already, with other content');
    }
    for (const path of [target, folder]) await sync(path);
    await syncDirectory(dirname(folder));
  } catch (thrown) {
    if (thrown instanceof IovError) throw thrown;
    const { code = 'unknown' } = thrown as NodeJS.ErrnoException; // its message has a path in it, and that an ICCID
    const retryable = !FOR_GOOD.has(code);
    throw new IovError('FILE_UNREADABLE', `keeping ${file.name}: ${code}`, {
      cause: thrown,
      retryable,
    });
  }
}

/** It is gone (its sender took it back), or something is in the way of this card alone. */
const FOR_GOOD: ReadonlySet<string> = new Set(['ENOENT', 'EEXIST', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM']);

/** A second name for the same file; a copy on another file system. Never replaces: tells whether the name was free. */
async function put(path: string, target: string): Promise<boolean> {
  try {
    await link(path, target);
    return true;
  } catch {
    if (await isThere(target)) return false;
  }
  const tmp = `${target}.tmp`;
  const from = await openPlain(path);
  await pipeline(from.createReadStream(), createWriteStream(tmp, { mode: 0o600, flush: true }));
  await rename(tmp, target);
  return true;
}
