import { basename } from 'node:path';
import { IovError } from '../../contract/error.js';
import type { CipherOptions } from '../../contract/peer.js';
import { parseFileName } from '../../notice/fileName.js';
import type { FoundPicture } from '../../notice/picture.js';
import { type UnpackedEntry, unpack } from '../unpack.js';
import { type FolderBounds, filesIn, type PathBelow, unreadable } from './folder.js';
import { headOf } from './read.js';

export interface AlbumBounds extends FolderBounds {
  /** Greatest size of a received album; it is held in memory while it is looked at, and while it is packed. */
  fileBytesMax: number;
}

/** Albums (`KH_….bin`, 6.1.3.2 a) as they were received, looked at one after another: each is in memory as a whole. */
export class ReceivedAlbums {
  readonly #cipher: CipherOptions | undefined;
  readonly #bounds: AlbumBounds;
  #last: Promise<unknown> = Promise.resolve();

  constructor(cipher: CipherOptions | undefined, bounds: AlbumBounds) {
    this.#cipher = cipher;
    this.#bounds = bounds;
  }

  /** The pictures in all albums of a directory, in the order of their names. */
  async find(place: PathBelow): Promise<FoundPicture[]> {
    const found: FoundPicture[] = [];
    for (const path of await filesIn(place, this.#bounds)) {
      const name = parseFileName(basename(path));
      if (name?.kind !== 'album' || name.content !== 'KH' || name.extension !== 'bin') continue;
      const album = new ReceivedAlbum(path, this.#cipher, this.#bounds);
      const looking = this.#last.then(() => album.look());
      this.#last = looking.catch(() => undefined);
      found.push(...(await looking));
    }
    return found;
  }
}

/** One of them: opened to look at it, and again when it is packed, so that it is not held in between. */
class ReceivedAlbum {
  readonly #path: string;
  readonly #cipher: CipherOptions | undefined;
  readonly #bounds: AlbumBounds;
  #opened: Promise<UnpackedEntry[]> | undefined;

  constructor(path: string, cipher: CipherOptions | undefined, bounds: AlbumBounds) {
    this.#path = path;
    this.#cipher = cipher;
    this.#bounds = bounds;
  }

  async look(): Promise<FoundPicture[]> {
    try {
      const found: FoundPicture[] = [];
      for (const [index, { name, told, bytes, open }] of (await this.#open()).entries()) {
        if (name.endsWith('/')) continue;
        const head = await headOf(await open());
        found.push({ fileName: told, bytes, head, read: () => this.#read(index, name) });
      }
      return found;
    } catch (thrown) {
      if (!(thrown instanceof IovError)) throw unreadable(thrown);
      return [{ ...NOTHING, fileName: basename(this.#path), fault: thrown.message }];
    }
  }

  /** Its pictures are read in order, so that it is opened once for all of them. Nothing where another album is in its place. */
  async *#read(index: number, name: string): AsyncGenerator<Uint8Array> {
    this.#opened ??= this.#open();
    const entries = await this.#opened;
    const entry = entries[index];
    if (index === entries.length - 1) this.#opened = undefined;
    if (entry?.name === name) yield* await entry.open();
  }

  #open(): Promise<UnpackedEntry[]> {
    const { fileBytesMax, filesMax: entriesMax } = this.#bounds;
    // How large a picture is has to be told of each; a bound here would refuse the album as a whole.
    return unpack(this.#path, this.#cipher, { fileBytesMax, entriesMax, textBytesMax: Number.POSITIVE_INFINITY });
  }
}

const NOTHING = { bytes: 0, head: new Uint8Array(0), read: async function* () {} };
