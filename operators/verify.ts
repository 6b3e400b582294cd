import { defineOperator, type Kernel } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { PackedFile, Verified } from '../contract/file.js';
import type { Item } from '../contract/item.js';
import type { CipherOptions, Peer } from '../contract/peer.js';
import { Type } from '../contract/schema.js';
import { type AlbumName, type BatchName, parseFileName, toldName } from '../notice/fileName.js';
import { maskNumbers } from '../notice/mask.js';
import type { UnpackBounds, UnpackedEntry } from '../workers/unpack.js';

const bytes = (description: string, value: number, maximum: number) =>
  Type.Integer({ default: value, minimum: 1_000, maximum, description });

export const spec = defineOperator({
  name: 'verify',
  summary: 'Checks a received file as the regulator does: name, code, decryption, zip, and every record or picture.',
  description: [
    'A batch (`KH_…_P_000001.bin`, `CL_…_F_000001end.zip`) is one text in UTF-8: each record JSON, valid by its table, its fields',
    'in order. An album (`KH_CMD-7_0002.bin`, `HT_CMD-7_LSV1.bin`) holds pictures by name and by content, numbered without a gap.',
    'A file passes with what was found, or fails with what is wrong, up to `faultsMax`. It is inflated in memory as it is read',
    'and never touches a disk; a zip bomb is refused by what it declares, and by what it holds where it declares less.',
  ].join('\n'),
  sections: ['6.1.3.2', '6.2.1.2', '6.2.2.2', '6.2.3.2', '7.2'],
  takes: ['file'],
  gives: 'file',
  options: Type.Object(
    {
      peer: Type.String({
        peer: 'cipher',
        description: 'The operator who sends: its `cipher` decrypts, and its `codes` are those of its `KH` files.',
      }),
      makers: Type.Array(Type.String({ peer: 'cipher' }), {
        default: [],
        maxItems: 1_000,
        description:
          'Car makers: the one that speaks for the code in the name of a contract album (`HT`) decrypts it. Where any are named, no other’s vehicles (`CL`) are taken.',
      }),
      vehiclesEncrypted: Type.Boolean({
        default: false,
        description: 'Whether vehicle files (`CL`) are encrypted, too; the notice has them as plain zips (6.2.2).',
      }),
      bytesMax: bytes('Greatest size of a text file (6.2.1.2 a: 100 Mbytes).', 100_000_000, 100_000_000),
      fileBytesMax: bytes('Greatest size of a file as received; it is held in memory.', 150_000_000, 1_000_000_000),
      recordBytesMax: bytes('Greatest size of one record.', 1_048_576, 100_000_000),
      pictureBytesMax: bytes('Greatest size of one picture.', 20_000_000, 1_000_000_000),
      albumBytesMax: bytes('Greatest size of all pictures of an album.', 500_000_000, 10_000_000_000),
      ratioMax: Type.Integer({
        default: 200,
        minimum: 2,
        maximum: 1_032,
        description: 'So many times its packed size an entry above a megabyte may have; deflate makes 1,032 at most.',
      }),
      faultsMax: Type.Integer({ default: 20, minimum: 1, maximum: 1_000, description: 'Faults told of one file.' }),
    },
    { additionalProperties: false },
  ),
  examples: [
    { title: 'Files of one operator', yaml: 'peer: operator' },
    { title: 'And the contracts that it passes on', yaml: 'peer: operator\nmakers: [oem]' },
  ],
  create: async (options, context) => {
    const [{ BatchVerifier }, { verifyAlbum }, { unpack }, { recordsOf }] = await Promise.all([
      import('../workers/verifyBatch.js'),
      import('../workers/verifyAlbum.js'),
      import('../workers/unpack.js'),
      import('../workers/recordsOf.js'),
    ]);
    const batches = new BatchVerifier(context.site.tables, options);
    return new Verify(options, context, { batches, verifyAlbum, unpack, recordsOf });
  },
});

interface Options {
  peer: string;
  makers: readonly string[];
  vehiclesEncrypted: boolean;
  bytesMax: number;
  fileBytesMax: number;
  recordBytesMax: number;
  pictureBytesMax: number;
  albumBytesMax: number;
  ratioMax: number;
  faultsMax: number;
}

interface Means {
  batches: import('../workers/verifyBatch.js').BatchVerifier;
  verifyAlbum: typeof import('../workers/verifyAlbum.js').verifyAlbum;
  unpack: typeof import('../workers/unpack.js').unpack;
  recordsOf: typeof import('../workers/recordsOf.js').recordsOf;
}

/** One text; a few more are counted, so that the message can say how many came. */
const BATCH_ENTRIES_MAX = 10;
/** Pictures, and a sub-directory for each card of a command. */
const ALBUM_ENTRIES_MAX = 999 + 100;

class Verify implements Kernel {
  readonly #options: Options;
  readonly #context: Context;
  readonly #means: Means;

  constructor(options: Options, context: Context, means: Means) {
    this.#options = options;
    this.#context = context;
    this.#means = means;
  }

  async transform(item: Item): Promise<Item[]> {
    const file = item.value as PackedFile;
    try {
      const name = nameOf(file.name, this.#options.vehiclesEncrypted);
      const cipher = this.#cipherFor(name);
      const verified = await (name.kind === 'batch'
        ? this.#batch(file, name, cipher)
        : this.#album(file, name, cipher));
      this.#context.log.info({ file: file.name, count: verified.count, plainBytes: verified.bytes }, 'file verified');
      const platformId = this.#peer(this.#options.peer).platformId;
      const requestId = name.kind === 'album' ? { requestId: name.requestId } : {};
      return [
        { ...item, value: { ...file, verified }, tags: { ...item.tags, platformId, code: name.code, ...requestId } },
      ];
    } catch (thrown) {
      throw told(file.name, thrown);
    }
  }

  async #batch(file: PackedFile, name: BatchName, cipher: CipherOptions | undefined): Promise<Verified> {
    const { fileBytesMax, bytesMax, recordBytesMax, ratioMax } = this.#options;
    const bounds = { fileBytesMax, textBytesMax: bytesMax, entriesMax: BATCH_ENTRIES_MAX, ratioMax };
    const text = async () => onlyEntry(await this.#means.unpack(file.path, cipher, bounds), file.name);
    const entry = await text();
    const count = await this.#means.batches.verify(name.content, await entry.open());
    const { recordsOf } = this.#means;
    return {
      count,
      bytes: entry.bytes,
      async *records() {
        for await (const found of recordsOf(await (await text()).open(), recordBytesMax)) {
          if ('problem' in found) throw new IovError('FILE_INVALID', `${file.name}: changed since it was verified`);
          yield found.bytes;
        }
      },
    };
  }

  async #album(file: PackedFile, name: AlbumName, cipher: CipherOptions | undefined): Promise<Verified> {
    const { fileBytesMax, pictureBytesMax, albumBytesMax, ratioMax, faultsMax } = this.#options;
    const bounds: UnpackBounds = {
      fileBytesMax,
      textBytesMax: pictureBytesMax,
      totalBytesMax: albumBytesMax,
      entriesMax: ALBUM_ENTRIES_MAX,
      ratioMax,
    };
    const entries = await this.#means.unpack(file.path, cipher, bounds);
    const count = await this.#means.verifyAlbum(name, entries, faultsMax);
    return { count, bytes: entries.reduce((sum, entry) => sum + entry.bytes, 0) };
  }

  /** The cipher of whoever owes the file, who must be allowed to speak for the code in its name. */
  #cipherFor({ content, code, extension }: BatchName | AlbumName): CipherOptions | undefined {
    const { peer, makers } = this.#options;
    const owing = content === 'KH' ? [peer] : makers;
    const owner = owing.map((name) => this.#peer(name)).find(({ codes }) => codes.includes(code));
    if (!owner && (content !== 'CL' || makers.length > 0)) {
      const who = content === 'KH' ? `${peer} speaks` : 'a car maker in `makers` speaks';
      throw new IovError(
        'UNAUTHORIZED',
        `expected a code that ${who} for, got ${code}; see \`codes\` in the peers file`,
      );
    }
    if (extension === 'zip') return undefined;
    return content === 'HT' ? owner?.cipher : this.#peer(peer).cipher;
  }

  #peer(name: string): Peer {
    const peer = this.#context.peers[name];
    if (peer) return peer;
    throw new IovError('CONFIG_INVALID', `${this.#context.place}: there is no peer ${name}`);
  }
}

function nameOf(fileName: string, vehiclesEncrypted: boolean): BatchName | AlbumName {
  const name = parseFileName(fileName);
  if (!name || name.kind === 'picture' || name.partial || name.extension === 'txt' || name.extension === '') {
    const batches = 'a batch (6.2.1.2: KH_0002_2022111600_P_000001.bin; 6.2.2.2: CL_LSV1_2022111600_F_000001end.zip)';
    throw new IovError('FILE_INVALID', `expected the name of ${batches} or an album (6.2.3.2: KH_CMD-7_0002.bin)`);
  }
  const isEncrypted = name.content !== 'CL' || vehiclesEncrypted;
  if (name.extension === (isEncrypted ? 'bin' : 'zip')) return name;
  const what = { KH: 'account data and pictures', HT: 'contracts', CL: 'vehicle files' }[name.content];
  const expected = isEncrypted ? `${what} to be encrypted (.bin)` : `${what} as plain zips (6.2.2: .zip)`;
  throw new IovError('FILE_INVALID', `expected ${expected}, got .${name.extension}`);
}

/** The text in the zip has the zip's own name (notice 7.2). */
function onlyEntry(entries: readonly UnpackedEntry[], fileName: string): UnpackedEntry {
  const wanted = fileName.replace(/\.(bin|zip)$/, '.txt');
  const [entry] = entries;
  if (entry && entries.length === 1 && entry.name === wanted) return entry;
  const got = entries.length === 1 ? 'one of another name' : `${entries.length} entries`;
  throw new IovError('FILE_INVALID', `expected one entry called ${wanted}, got ${got}`);
}

/**
 * What is wrong, with the file's name in front. What is not ours comes of what is in the file, unless the disk failed: told as
 * an internal error it would come again for ever, and hold up every other file.
 */
function told(fileName: string, thrown: unknown): IovError {
  const isOurs = thrown instanceof IovError && thrown.code !== 'INTERNAL';
  const isDisk = thrown instanceof Error && 'syscall' in thrown;
  const code = isOurs ? thrown.code : isDisk ? 'FILE_UNREADABLE' : 'FILE_INVALID';
  const reason = isDisk ? String((thrown as NodeJS.ErrnoException).code) : IovError.from(thrown).message;
  return new IovError(code, `${toldName(fileName, maskNumbers(fileName.slice(0, 255)))}: ${reason}`, { cause: thrown });
}
