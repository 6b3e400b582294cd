import { defineOperator, type Kernel } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { type Fault, IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { type Static, Type } from '../contract/schema.js';
import type { JsonObject } from '../contract/tags.js';
import { fillPattern, patternFault, splitPattern } from '../notice/placePattern.js';
import type { AlbumMaker, AlbumOf, PicturePlace, PicturePlaces } from '../workers/pictures/albumMaker.js';

const Pattern = (description: string, example: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 1_000, description, examples: [example] }));

const Place = Type.Object(
  {
    directory: Pattern('A directory: its files and those below, in the order of their names.', 'photos/{iccid}'),
    path: Pattern('One file, by a path made from data.', 'contracts/{card.ContractNumber}.jpg'),
    url: Pattern(
      'An HTTPS service: GET gives one picture, or a JSON list of addresses of the same service.',
      'https://photos.example/cards/{iccid}',
    ),
    albums: Pattern('A directory of `KH_….bin` as a car maker sent them.', 'var/pictures/{iccid}'),
    peer: Type.Optional(
      Type.String({ peer: 'cipher', description: 'With `albums`: the car maker whose cipher opens them.' }),
    ),
    ca: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'With `url`: who signs its certificate, PEM. Without it, those the system trusts.',
      }),
    ),
    timeoutMs: Type.Integer({
      default: 30_000,
      minimum: 10,
      maximum: 600_000,
      description: 'With `url`: for one GET, from connecting to the end of the answer.',
    }),
  },
  { additionalProperties: false },
);
type Place = Static<typeof Place>;
const Places = (description: string) => Type.Optional(Type.Array(Place, { minItems: 1, maxItems: 20, description }));

const Options = Type.Object(
  {
    file: Type.Union([Type.Literal('KH'), Type.Literal('HT')], {
      description: '`KH`: pictures of the operator, or of a registration. `HT`: contracts that a command asks for.',
    }),
    code: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9-]{1,64}$',
        description: 'Operator (A.1) or car maker (A.6) in the file name. By default that of the item.',
      }),
    ),
    contracts: Places('Where contracts are; without any, one photo is sent as `_000` (6.2.3.2 a).'),
    photos: Places('Where other pictures are; their numbers follow those of the contracts.'),
    faulty: Type.Union([Type.Literal('fail'), Type.Literal('skip')], {
      default: 'fail',
      description:
        'A picture that is empty, none, or too large: `fail` fails the album, `skip` leaves it out and logs it. So for a card without any among several.',
    }),
    concurrency: Type.Integer({ default: 16, minimum: 1, maximum: 100, description: 'Albums collected at once.' }),
    depthMax: Type.Integer({ default: 4, minimum: 0, maximum: 16, description: 'Directories below a `directory`.' }),
    picturesMax: Type.Integer({ default: 999, minimum: 1, maximum: 999, description: 'Pictures of one album.' }),
    pictureBytesMax: Type.Integer({
      default: 20_000_000,
      minimum: 1,
      maximum: 1_000_000_000,
      description: 'Greatest size of a picture.',
    }),
    receivedBytesMax: Type.Integer({
      default: 30_000_000,
      minimum: 1,
      maximum: 500_000_000,
      description: 'Greatest size of a received album (`albums`), which is held in memory while it is opened.',
    }),
    albumBytesMax: Type.Integer({
      default: 200_000_000,
      minimum: 1,
      maximum: 2_000_000_000,
      description: 'Greatest size of the pictures of one album.',
    }),
  },
  { additionalProperties: false },
);
type Options = Static<typeof Options>;

const KINDS = ['directory', 'path', 'url', 'albums'] as const;

export const spec = defineOperator({
  name: 'collect',
  summary: 'Finds the pictures of a command’s or a registration’s cards, and numbers them as the notice does.',
  description: [
    'Contracts, then photos, are numbered from 001 over all places, in their order; a card without a contract is stood for by one photo, `_000`. A command that names several cards gets a sub-directory for each. The kind of a picture is told by its content. Where there is nothing at all the item fails with NO_PICTURES.',
    'Placeholders: `{iccid}`, `{requestId}`, `{code}`; `{Field}` and `{Field.Sub}` of the item; `{card.Field}` and `{registration.Field}` of the state by card. A value may hold letters, digits, `-` and `.` alone, so that it leads nowhere else; where it is absent or empty, nothing is there. Symbolic links below the part without placeholders are not followed; hidden files and `.tmp` are passed over.',
    'The plan of an album stays in the ledger, so that packing it again gives the same bytes. Pictures are read when they are packed; one that has changed since it was looked at fails the album for now.',
  ].join('\n\n'),
  sections: ['6.1.3.2', '6.2.3.2', '7.1.2'],
  takes: ['message', 'record'],
  gives: 'album',
  options: Options,
  check: ({ file, contracts, photos }) => [
    ...(contracts || photos ? [] : [{ field: '', label: '', rule: '`contracts`, `photos`, or both' }]),
    ...(file === 'HT' && photos
      ? [{ field: 'photos', label: '', rule: 'no photos among contracts (HT, 6.1.3.2 b)' }]
      : []),
    ...Object.entries({ contracts, photos }).flatMap(([list, places]) =>
      (places ?? []).flatMap((place, index) => placeFaults(place, `${list}.${index}`)),
    ),
  ],
  examples: [
    { title: 'Contracts that a command asks for', yaml: 'file: HT\ncontracts: [{ directory: "contracts/{iccid}" }]' },
    {
      title: 'The operator’s pictures of a card, with what the car maker sent of it',
      yaml: 'file: KH\ncode: "0002"\ncontracts: [{ directory: "contracts/{iccid}" }]\nphotos:\n  - { albums: "var/pictures/{iccid}", peer: oem }\n  - { url: "https://photos.example/cards/{iccid}" }',
    },
    { title: 'Photos of a registration', yaml: 'file: KH\nphotos: [{ directory: "photos/{EncryptUserInfo.ICCID}" }]' },
  ],
  create: async (options, context) => {
    const { AlbumMaker } = await import('../workers/pictures/albumMaker.js');
    const places = await openPlaces(options, context);
    return new Collect(options, context, places, new AlbumMaker(options, places, context));
  },
});

function placeFaults(place: Place, field: string): Fault[] {
  const faults: Fault[] = [];
  const say = (rule: string) => void faults.push({ field, label: '', rule });
  const kinds = KINDS.filter((kind) => place[kind] !== undefined);
  if (kinds.length !== 1) say('one of directory, path, url, albums in each place');
  if ((place.albums === undefined) !== (place.peer === undefined)) say('albums together with peer, who sent them');
  if (place.ca !== undefined && place.url === undefined) say('ca with a url alone');
  for (const kind of kinds) {
    const rule = patternFault(place[kind] ?? '', kind === 'url' ? 'address' : 'path');
    if (rule) faults.push({ field: `${field}.${kind}`, label: '', rule, value: JSON.stringify(place[kind]) });
  }
  return faults;
}

async function openPlaces(options: Options, context: Context): Promise<PicturePlaces> {
  const { contracts, photos = [] } = options;
  const open = (places: readonly Place[]) => Promise.all(places.map((place) => openPlace(place, options, context)));
  return { contracts: contracts && (await open(contracts)), photos: await open(photos) };
}

async function openPlace(place: Place, options: Options, context: Context): Promise<PicturePlace> {
  return place.url === undefined ? openFolder(place, options, context) : openService(place.url, place, options);
}

async function openService(pattern: string, { ca, timeoutMs }: Place, options: Options): Promise<PicturePlace> {
  const { PictureService } = await import('../connections/pictures/service.js');
  const { concurrency: connections, pictureBytesMax, picturesMax } = options;
  const service = new PictureService({ pattern, ca, timeoutMs, connections, pictureBytesMax, picturesMax });
  return {
    find: async (lookUp) => {
      const address = fillPattern(pattern, lookUp);
      return address === undefined ? [] : service.find(address);
    },
    close: () => service.close(),
  };
}

async function openFolder(place: Place, options: Options, context: Context): Promise<PicturePlace> {
  const { picturesIn, pictureAt } = await import('../workers/pictures/folder.js');
  const { ReceivedAlbums } = await import('../workers/pictures/albums.js');
  const { fixed, rest } = splitPattern(place.directory ?? place.path ?? place.albums ?? '');
  const root = context.resolve(fixed);
  const cipher = place.peer === undefined ? undefined : context.peers[place.peer]?.cipher;
  const { depthMax, picturesMax: filesMax, receivedBytesMax: fileBytesMax } = options;
  const albums = new ReceivedAlbums(cipher, { depthMax: 0, filesMax, fileBytesMax });
  return {
    isReceived: place.albums !== undefined,
    find: async (lookUp) => {
      const filled = fillPattern(rest, lookUp);
      if (filled === undefined) return [];
      const below = { root, rest: filled };
      if (place.path !== undefined) return pictureAt(below);
      if (place.directory !== undefined) return picturesIn(below, { depthMax, filesMax });
      return albums.find(below);
    },
    close: async () => {},
  };
}

class Collect implements Kernel {
  readonly atOnce: number;
  readonly #options: Options;
  readonly #context: Context;
  readonly #places: PicturePlaces;
  readonly #maker: AlbumMaker;

  constructor(options: Options, context: Context, places: PicturePlaces, maker: AlbumMaker) {
    this.#options = options;
    this.#context = context;
    this.#places = places;
    this.#maker = maker;
    this.atOnce = options.concurrency;
  }

  async transform(item: Item): Promise<Item[]> {
    return [{ ...item, value: await this.#maker.make(item, this.#albumOf(item)) }];
  }

  async close(): Promise<void> {
    const { contracts = [], photos } = this.#places;
    await Promise.all([...contracts, ...photos].map((place) => place.close()));
  }

  #albumOf({ tags, value }: Item): AlbumOf {
    const requestId = tags.requestId ?? (value as JsonObject).RequestID;
    const code = this.#options.code ?? tags.code;
    const rule = 'a RequestID and a code, after which the album is called';
    if (typeof requestId === 'string' && code !== undefined) return { content: this.#options.file, requestId, code };
    const fault = { field: code === undefined ? 'Code' : 'RequestID', label: '', rule };
    throw new IovError('RECORD_INVALID', `${this.#context.place}: expected ${rule}`, { faults: [fault] });
  }
}
