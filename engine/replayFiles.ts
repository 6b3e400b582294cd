import { basename } from 'node:path';
import { IovError } from '../contract/error.js';
import { oneLine } from '../contract/oneLine.js';
import type { CipherOptions } from '../contract/peer.js';
import { ownIdentity, tagsIn } from '../contract/tags.js';
import { digestOf } from '../files/plainFile.js';
import { parsedRow, type Row, type Rows } from '../files/rows.js';
import { formatOf, rowsOf } from '../files/rowsOf.js';
import { toldName } from '../notice/fileName.js';
import { maskNumbers } from '../notice/mask.js';
import { recordsOf } from '../workers/recordsOf.js';
import { unpack } from '../workers/unpack.js';
import type { Archived, Entry, Part } from './replay.js';

const LINE_BYTES_MAX = 1_048_576;
/** Of a `.bin`: as large as one of the notice may be, with room for what a peer does otherwise. */
const BOUNDS = {
  fileBytesMax: 200_000_000,
  textBytesMax: 1_000_000_000,
  totalBytesMax: 2_000_000_000,
  entriesMax: 1_000,
};
/** Lines that leave in one group. */
const GROUP = 500;

interface ArchivedFile {
  path: string;
  /** Its content's: the same file under another name is the same. */
  digest: string;
}

/** Files of line JSON (also `.gz`), arrays, or the notice's own `.bin`: known again by their content and the number of a line. */
export class ArchivedFiles implements Archived {
  readonly key: string;
  readonly #files: ReadonlyMap<string, ArchivedFile>;
  readonly #as: 'record' | 'message' | 'bytes';
  readonly #cipher: CipherOptions | undefined;

  /**
   * @param cipher of `.bin` files
   * @throws IovError FILE_UNREADABLE
   */
  static async of(
    paths: readonly string[],
    as: 'record' | 'message' | 'bytes',
    cipher: CipherOptions | undefined,
  ): Promise<ArchivedFiles> {
    const files: ArchivedFile[] = [];
    for (const path of paths) {
      const { sm3 } = await digestOf(path).catch((thrown: unknown) => {
        throw new IovError('FILE_UNREADABLE', `${path}: ${IovError.from(thrown).message}`, { cause: thrown });
      });
      files.push({ path, digest: sm3.slice(0, 32) });
    }
    return new ArchivedFiles(files, as, cipher);
  }

  private constructor(
    files: readonly ArchivedFile[],
    as: 'record' | 'message' | 'bytes',
    cipher: CipherOptions | undefined,
  ) {
    this.key = `replay files ${files.map(({ digest }) => digest).join(' ')}`;
    this.#files = new Map(files.map((file) => [file.digest, file]));
    this.#as = as;
    this.#cipher = cipher;
  }

  async open(): Promise<Part[]> {
    return [...this.#files.keys()].map((name) => ({ name, from: 1 }));
  }

  async *read(parts: readonly Part[], signal: AbortSignal): AsyncGenerator<readonly Entry[]> {
    for (const { name, from } of parts) {
      const file = this.#files.get(name);
      if (!file || signal.aborted) continue;
      let group: Entry[] = [];
      for await (const rows of this.#rows(file.path)) {
        for (const row of rows) {
          if (row.line < from) continue;
          group.push(this.#entry(file, row));
          if (group.length < GROUP) continue;
          yield group;
          group = [];
        }
      }
      yield group;
    }
  }

  async close(): Promise<void> {}

  #rows(path: string): Rows {
    if (/\.(bin|zip)$/.test(path)) return packedRows(path, path.endsWith('.bin') ? this.#cipher : undefined);
    return rowsOf(path, formatOf(path), { offset: 0, line: 0 }, { lineBytesMax: LINE_BYTES_MAX, lists: {} });
  }

  #entry({ path, digest }: ArchivedFile, { line, value, problem, raw }: Row): Entry {
    const identity = ownIdentity(`file ${digest}`, String(line));
    return {
      part: digest,
      at: line,
      origin: `${toldName(path, maskNumbers(basename(path)))}:${line}`,
      bytes: raw?.length ?? 0,
      raw,
      tags: () => identity,
      open: () => {
        if (!value) throw problem ?? new IovError('INTERNAL', 'a row with neither value nor problem');
        const tags = { ...tagsIn(value), ...identity };
        const given = this.#as === 'bytes' && raw ? oneLine(raw) : value;
        return { value: given, tags, ...(raw && { raw }) };
      },
    };
  }
}

/** The records of a delivered file, numbered through all its entries. */
async function* packedRows(path: string, cipher: CipherOptions | undefined): Rows {
  let line = 0;
  for (const entry of await unpack(path, cipher, BOUNDS)) {
    for await (const record of recordsOf(await entry.open(), LINE_BYTES_MAX)) {
      line += 1;
      yield [{ line, next: { offset: 0, line }, ...('bytes' in record ? parsedRow(record.bytes) : record) }];
    }
  }
}
