import type { Source } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { maskNumbers } from '../notice/mask.js';
import { expectDirectory, listFiles } from './directory.js';
import { FileRecords, isReadWhole, type RecordOptions } from './fileRecords.js';
import { fingerprintFor } from './open.js';
import { isAsSeen, type SeenFile } from './receivedFiles.js';
import { type List, RestingFiles, type RestOptions } from './restingFiles.js';

export interface DirectoryOptions extends RecordOptions, Omit<RestOptions, 'match' | 'except'> {
  /** The names of its files, `*` and `?` in the last part: `outgoing/*.ndjson`. */
  path: string;
  /** Whether it waits for further files, or ends when all that have come to rest are read. */
  follow: boolean;
}

const byName = (a: SeenFile, b: SeenFile) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
const fingerprintOf = ({ bytes, mtimeMs }: SeenFile) => fingerprintFor(bytes, mtimeMs);

/**
 * The records of a directory's files, in order of their names, one file after the other: the next is begun when all of the one
 * before has been handled. The ledger knows each file as if its path were the one in the pipeline file.
 */
export class DirectoryRecords implements Source {
  readonly #options: DirectoryOptions;
  readonly #context: Context;
  /** As it stands before the names, with its last `/`; empty for that of the pipeline file. */
  readonly #folder: string;
  readonly #directory: string;
  readonly #resting: RestingFiles;
  readonly #closing = new AbortController();
  /** Files that this run could not read. */
  readonly #unread = new Set<string>();
  #reading: FileRecords | undefined;

  constructor(options: DirectoryOptions, context: Context) {
    this.#options = options;
    this.#context = context;
    const at = options.path.lastIndexOf('/') + 1;
    this.#folder = options.path.slice(0, at);
    this.#directory = context.resolve(this.#folder || '.');
    const wanted = { ...options, match: [options.path.slice(at)], except: [] };
    const keys = { prefix: this.#folder, folders: 0 } as const;
    this.#resting = new RestingFiles(wanted, context, (file) => this.#isKnown(file), byName, keys);
  }

  open(): Promise<void> {
    return expectDirectory(this.#directory);
  }

  async *read(signal: AbortSignal): AsyncGenerator<Item> {
    const { follow } = this.#options;
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    const list: List = (see, until) =>
      listFiles(this.#directory, '', see, until, (name) => this.#resting.tellNoFile(name));
    let looks = 0;
    for await (const { atRest, restless } of this.#resting.looks(list, stop)) {
      for (const file of atRest) if (!stop.aborted) yield* this.#records(file, stop);
      looks += 1;
      // the first look finds nothing at rest
      if (!follow && atRest.length === 0 && (looks > 1 || restless === 0)) return this.#end(restless);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#reading?.close();
  }

  async *#records(file: SeenFile, stop: AbortSignal): AsyncGenerator<Item> {
    if (!(await isAsSeen(file))) return; // gone, or written to again: then it comes to rest once more
    const records = new FileRecords(`${this.#folder}${file.name}`, this.#options, this.#context);
    this.#reading = records;
    let problem: IovError | undefined;
    try {
      await records.open();
      yield* records.read(stop);
    } catch (thrown) {
      problem = IovError.from(thrown);
      const isOfFile = problem.code === 'FILE_UNREADABLE' || problem.code === 'FILE_INVALID';
      if (problem === records.failure || !isOfFile) throw problem;
    }
    await records.settled(stop);
    if (stop.aborted) return; // what is on its way settles before `close`
    await this.#finish(file, records, problem);
    await records.close();
  }

  async #finish(file: SeenFile, records: FileRecords, problem: IovError | undefined): Promise<void> {
    // the message names the file, and that may hold a card's number
    const told = problem && new IovError(problem.code, maskNumbers(problem.message), { cause: problem });
    if (told?.code !== 'FILE_UNREADABLE') return records.finish(told);
    this.#resting.tellOnce(file, told);
    const { follow, waitingMax } = this.#options;
    if (follow) return;
    this.#unread.add(file.name);
    if (this.#unread.size >= waitingMax) this.#end(0);
  }

  /** @throws IovError FILE_UNREADABLE where some files could not be read: whoever watches the run learns of it */
  #end(restless: number): void {
    const { log, pipeline } = this.#context;
    if (restless > 0) log.warn({ pipeline, files: restless }, 'files that may still grow are left to the next run');
    if (this.#unread.size === 0) return;
    throw new IovError('FILE_UNREADABLE', `${this.#options.path}: ${this.#unread.size} files could not be read`);
  }

  #isKnown(file: SeenFile): boolean {
    const { store, pipeline } = this.#context;
    if (this.#unread.has(file.name)) return true; // once a run, so that it ends
    return isReadWhole(store.position(pipeline, `${this.#folder}${file.name}`), fingerprintOf(file));
  }
}
