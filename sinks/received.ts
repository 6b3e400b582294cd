import { stat } from 'node:fs/promises';
import { defineSink, type Sink } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { PackedFile, Verified } from '../contract/file.js';
import type { Item } from '../contract/item.js';
import type { NewReceivedFile, ReceivedFile, ReceivedRecord } from '../contract/received.js';
import { Type } from '../contract/schema.js';
import { type AlbumName, type BatchName, parseFileName } from '../notice/fileName.js';
import { parseStrictJson } from '../notice/strictJson.js';

export const spec = defineSink({
  name: 'received',
  summary: 'Takes verified files in for good: each is noted, its records are archived, an album fulfils what was due.',
  description: [
    'Stands after `verify`. A record is archived once, whichever file brings it first; the ledger notes which files hold it, so',
    'that `iovpipe report` can tell a record that came twice and a full file that lacks some. Records are taken in groups, each',
    'with how far the file has come in one transaction: after a crash the next start goes on where the last group ended. The',
    'same file once more is nothing new; another content under a name that has come is refused.',
    'A file counts as received when it got its final name (the change time of its inode, which a sender cannot set), or by the',
    'clock of the pipelines where that is earlier, as in the demo.',
  ].join('\n'),
  sections: ['6.2.1.2', '6.2.2.2', '6.2.3.2', '7.1'],
  takes: ['file'],
  options: Type.Object(
    {
      groupRecords: Type.Integer({
        default: 500,
        minimum: 1,
        maximum: 10_000,
        description: 'Records of one transaction.',
      }),
      groupBytesMax: Type.Integer({
        default: 4_000_000,
        minimum: 1_000,
        maximum: 100_000_000,
        description: 'Bytes of one transaction, but for its last record.',
      }),
      concurrency: Type.Integer({
        default: 64,
        minimum: 1,
        maximum: 1_000,
        description: 'Files that may be under way at once; batches are loaded one after another.',
      }),
    },
    { additionalProperties: false },
  ),
  examples: [{ title: 'Whatever the operators send', yaml: '{}' }],
  create: (options, context) => new ReceivedSink(options, context),
});

interface Options {
  groupRecords: number;
  groupBytesMax: number;
  concurrency: number;
}

class ReceivedSink implements Sink {
  readonly concurrency: number;
  readonly #options: Options;
  readonly #context: Context;
  /** The batch that is being loaded, and those that wait behind it: one at a time is held in memory. */
  #loading: Promise<unknown> = Promise.resolve();

  constructor(options: Options, context: Context) {
    this.concurrency = options.concurrency;
    this.#options = options;
    this.#context = context;
  }

  async write(item: Item): Promise<void> {
    const file = item.value as PackedFile;
    const { verified } = file;
    const name = parseFileName(file.name);
    if (!verified || !name || name.kind === 'picture') {
      throw new IovError('CONFIG_INVALID', `${this.#context.place}: expected verify before received`);
    }
    const noted = await this.#note(item, file, verified, name);
    if (verified.records && noted.loaded < noted.count) {
      const { records } = verified;
      const loading = this.#loading.then(() => this.#load(noted, records()));
      this.#loading = loading.catch(() => undefined);
      await loading;
    }
    if (verified.records && item.effects.length > 0) await this.#context.store.commit(item.effects);
    this.#context.log.info({ file: file.name, count: noted.count, bytes: file.bytes }, 'received');
  }

  async #note(item: Item, file: PackedFile, verified: Verified, name: BatchName | AlbumName): Promise<ReceivedFile> {
    const isBatch = name.kind === 'batch';
    const received: NewReceivedFile = {
      sender: item.tags.platformId ?? '',
      name: file.name,
      content: name.content,
      code: name.code,
      ...(isBatch
        ? { batch: { cutoff: name.cutoff, type: name.type, sequence: name.sequence, end: name.end } }
        : { requestId: name.requestId }),
      bytes: file.bytes,
      sm3: file.sm3,
      count: verified.count,
      receivedAt: await this.#receivedAt(file),
    };
    let noted: ReceivedFile | undefined;
    const note = (transaction: Parameters<Item['effects'][number]>[0]) => {
      noted = transaction.receiveFile(received);
    };
    // What belongs to a batch happens when its last record is in.
    await this.#context.store.commit([note, ...(verified.records ? [] : item.effects)]);
    if (!noted) throw new IovError('INTERNAL', `${file.name} was noted and did not come back`);
    return noted;
  }

  async #receivedAt({ path, name }: PackedFile): Promise<number> {
    const { ctimeMs } = await stat(path).catch((cause: NodeJS.ErrnoException) => {
      throw new IovError('FILE_UNREADABLE', `${name}: ${cause.code}`, { cause });
    });
    return Math.min(this.#context.clock.now(), Math.floor(ctimeMs));
  }

  /** Takes up where the file stands: what has been loaded is passed over. */
  async #load(file: ReceivedFile, records: AsyncIterable<Uint8Array>): Promise<void> {
    let group: ReceivedRecord[] = [];
    let bytes = 0;
    let at = 0;
    let from = file.loaded;
    const take = async () => {
      const [first, taken] = [from, group];
      await this.#context.store.commit([(transaction) => transaction.loadRecords(file, first, taken)]);
      from += taken.length;
      group = [];
      bytes = 0;
    };
    for await (const record of records) {
      at += 1;
      if (at <= file.loaded) continue;
      group.push(recordOf(file.content, record));
      bytes += record.byteLength;
      if (group.length >= this.#options.groupRecords || bytes >= this.#options.groupBytesMax) await take();
    }
    if (group.length > 0) await take();
    if (at !== file.count) throw new IovError('FILE_INVALID', `${file.name}: changed since it was verified`);
  }
}

/** A record with what `trace` finds it by. */
function recordOf(content: ReceivedFile['content'], bytes: Uint8Array): ReceivedRecord {
  const { ICCID, RequestID } = parseStrictJson(bytes);
  if (content === 'KH') return { bytes, ...(typeof ICCID === 'string' && { iccid: ICCID }) };
  return { bytes, ...(typeof RequestID === 'string' && { requestId: RequestID }) };
}
