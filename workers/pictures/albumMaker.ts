import { randomBytes } from 'node:crypto';
import type { Context } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import type { Album, Item, Picture } from '../../contract/item.js';
import type { FileRow } from '../../contract/store.js';
import type { JsonObject } from '../../contract/tags.js';
import { formatFileName, toldName } from '../../notice/fileName.js';
import { iccidsOf } from '../../notice/iccids.js';
import {
  type CardPictures,
  type FoundPicture,
  judgePicture,
  nameAlbum,
  type PictureExtension,
} from '../../notice/picture.js';
import { readPicture } from './read.js';

/** Somewhere pictures are; what is asked for is told by placeholders: `iccid`, `card.Field`. */
export interface PicturePlace {
  /** Pictures that somebody else has made: what is wrong with one is left out, and holds up nothing. */
  isReceived?: boolean;
  find(lookUp: (placeholder: string) => unknown): Promise<FoundPicture[]>;
  close(): Promise<void>;
}

export interface PicturePlaces {
  /** Absent where no contracts are asked for. */
  contracts: readonly PicturePlace[] | undefined;
  photos: readonly PicturePlace[];
}

export interface AlbumRules {
  faulty: 'fail' | 'skip';
  picturesMax: number;
  pictureBytesMax: number;
  albumBytesMax: number;
}

/** What an album is called after. */
export interface AlbumOf {
  content: 'KH' | 'HT';
  requestId: string;
  code: string;
}

interface Judged extends FoundPicture {
  extension: PictureExtension;
}

type Named = { name: string; picture: Judged }[];

/** Makes albums of what places hold, and plans them in the ledger. */
export class AlbumMaker {
  readonly #rules: AlbumRules;
  readonly #places: PicturePlaces;
  readonly #context: Context;

  constructor(rules: AlbumRules, places: PicturePlaces, context: Context) {
    this.#rules = rules;
    this.#places = places;
    this.#context = context;
  }

  /** @throws IovError NO_PICTURES; ALBUM_INVALID; what keeps a place from being looked at */
  async make(item: Item, of: AlbumOf): Promise<Album> {
    const baseName = formatFileName({ kind: 'album', ...of, extension: '', partial: false });
    const known = this.#context.store.file(baseName);
    const album = (row: FileRow, find: () => Promise<Named> | Named): Album => {
      return { plan: { ...row.plan, state: row.state }, known, pictures: picturesOf(find) };
    };
    // What is packed already is looked for again only if the packed file is lost.
    if (known && known.state !== 'planned') return album(known, () => this.#find(item, of, baseName));
    const pictures = await this.#find(item, of, baseName);
    return album(known ?? (await this.#plan(baseName, pictures)), () => pictures);
  }

  async #find(item: Item, of: AlbumOf, baseName: string): Promise<Named> {
    const text = item.tags.iccid ?? (item.value as JsonObject).ICCID;
    const iccids = typeof text === 'string' ? iccidsOf(text) : [undefined];
    const cards: CardPictures<Judged>[] = [];
    for (const iccid of iccids) cards.push(await this.#ofCard(iccid, item, of, baseName));
    this.#missing(cards, baseName);
    const named = nameAlbum(of, cards);
    const { picturesMax, albumBytesMax } = this.#rules;
    const bytes = bytesOf(named);
    const say = (problem: string) => new IovError('ALBUM_INVALID', `${baseName}: expected at most ${problem}`);
    if (named.length > picturesMax) throw say(`${picturesMax} pictures, got ${named.length}`);
    if (bytes > albumBytesMax) throw say(`${albumBytesMax} bytes of pictures, got ${bytes}`);
    return named;
  }

  #missing(cards: readonly CardPictures<Judged>[], baseName: string): void {
    const without = cards.filter(({ contracts = [], photos }) => contracts.length + photos.length === 0).length;
    if (without === 0) return;
    const problem = `no picture of ${without} of ${cards.length} card${cards.length > 1 ? 's' : ''} was found`;
    if (without === cards.length || this.#rules.faulty === 'fail') {
      throw new IovError('NO_PICTURES', `${baseName}: ${problem}`);
    }
    this.#context.log.warn({ file: baseName }, `left out of the album: ${problem}`);
  }

  async #ofCard(iccid: string | undefined, item: Item, of: AlbumOf, baseName: string): Promise<CardPictures<Judged>> {
    const lookUp = (placeholder: string) => this.#lookUp(placeholder, iccid, item, of);
    const search = async (places: readonly PicturePlace[]) => {
      const judged: Judged[] = [];
      for (const place of places) {
        for (const [index, found] of (await place.find(lookUp)).entries()) {
          // a file may be called after its card or its owner: only the notice's names are told
          const told = toldName(found.fileName, `picture ${index + 1} in order of names`);
          judged.push(...this.#judge(found, { baseName, told, isReceived: place.isReceived === true }));
        }
      }
      return judged;
    };
    const { contracts, photos } = this.#places;
    const asked = contracts && { contracts: await search(contracts) };
    return { iccid: iccid ?? '', ...asked, photos: await search(photos) };
  }

  /** What stands for a placeholder: of the card, of the item, or of the state by card. */
  #lookUp(placeholder: string, iccid: string | undefined, item: Item, { requestId, code }: AlbumOf): unknown {
    if (placeholder === 'iccid') return iccid;
    if (placeholder === 'requestId') return requestId;
    if (placeholder === 'code') return code;
    const [side = '', ...field] = placeholder.split('.');
    if (side !== 'card' && side !== 'registration') return fieldOf(item.value, [side, ...field]);
    const state = iccid === undefined ? undefined : this.#context.store.read(({ card }) => card(iccid));
    return fieldOf(state?.[side]?.fields, field);
  }

  #judge(found: FoundPicture, of: { baseName: string; told: string; isReceived: boolean }): Judged[] {
    const { baseName, told, isReceived } = of;
    const verdict = judgePicture(found, this.#rules.pictureBytesMax);
    if ('extension' in verdict) return [{ ...found, fileName: told, extension: verdict.extension }];
    const problem = `${told}: ${verdict.fault}`;
    if (this.#rules.faulty === 'fail' && !isReceived) throw new IovError('ALBUM_INVALID', `${baseName}: ${problem}`);
    this.#context.log.warn({ file: baseName }, `left out of the album: ${problem}`);
    return [];
  }

  /** Durable before anything is packed, so that it is packed again under the same IV and time. */
  async #plan(baseName: string, pictures: Named): Promise<FileRow> {
    const { store, clock } = this.#context;
    const iv = randomBytes(16).toString('hex');
    const mtimeMs = store.dueFile(baseName)?.acceptedAt ?? clock.now();
    const counts = { records: pictures.length, textBytes: bytesOf(pictures) };
    const plan = { baseName, ...counts, iv, mtimeMs, state: 'planned' as const };
    const rows: FileRow[] = [];
    await store.commit([
      (transaction) => void rows.push(transaction.planFile({ plan, fromPosition: 0, toPosition: 0 })),
    ]);
    const [row] = rows;
    if (!row) throw new IovError('INTERNAL', `${baseName}: the ledger took no plan`);
    return row;
  }
}

const bytesOf = (named: Named): number => named.reduce((sum, { picture }) => sum + picture.bytes, 0);

async function* picturesOf(find: () => Promise<Named> | Named): AsyncGenerator<Picture> {
  for (const { name, picture } of await find()) yield { name, content: readPicture(picture) };
}

/** A field of an object, or of an object in it. */
function fieldOf(value: unknown, [field, ...inner]: readonly string[]): unknown {
  if (field === undefined) return value;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, field)) return undefined;
  return fieldOf((value as JsonObject)[field], inner);
}
