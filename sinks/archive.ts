import { defineSink, type Sink } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item, Lines } from '../contract/item.js';
import { Type } from '../contract/schema.js';
import type { Effect } from '../contract/store.js';
import { isRequest } from '../contract/tags.js';
import { sm3Hex } from '../crypto/digest.js';
import { requestOnce, seenRequest } from '../stores/requestOnce.js';
import { storedKind } from '../stores/storedKind.js';

export const spec = defineSink({
  name: 'archive',
  summary: 'Appends ordered records to the archive, each durable before its sender is answered.',
  description:
    'The record, what its operators want stored with it (state by card, the count of a person’s cards) and the RequestID are one transaction; many of them share one flush to the disk. A RequestID that comes again with the same content stores nothing and succeeds; with another content it is refused. A message of a Kafka topic that comes again is known by its place there. Where the content is encrypted and never opened, a retry whose text differs is noted in the log.',
  sections: ['6.2.1.2', '6.2.2.2', '细则 23'],
  takes: ['bytes'],
  options: Type.Object(
    {
      kind: Type.Union([Type.Literal('KH'), Type.Literal('CL')], {
        description: 'KH: accounts (table 12). CL: vehicles (table 10).',
      }),
      code: Type.Optional(
        Type.String({
          pattern: '^[A-Za-z0-9-]{1,64}$',
          description:
            'Code under which the records are exported, as the operator’s own for KH; by default that of each message.',
          examples: ['0002'],
        }),
      ),
      reported: Type.Boolean({
        default: false,
        description:
          'The records count as reported already (vehicles known through the certificate system): they are kept and traced, marked, and stand in no export.',
      }),
      concurrency: Type.Integer({
        default: 1024,
        minimum: 1,
        maximum: 100_000,
        description:
          'Records that may wait for one flush; for one batch where the archive is in ClickHouse, whose pace it bounds: 10,000 there.',
      }),
    },
    { additionalProperties: false },
  ),
  examples: [
    { title: 'Accounts of one operator', yaml: 'kind: KH\ncode: "0002"' },
    { title: 'Vehicles, under the code of their maker', yaml: 'kind: CL' },
    {
      title: 'Vehicles that the certificate system has reported, from a file of table-11 records',
      yaml: 'kind: CL\ncode: LSV1\nreported: true',
    },
  ],
  create: (options, context) => new ArchiveSink(options, context),
});

interface Options {
  kind: 'KH' | 'CL';
  code?: string;
  reported: boolean;
  concurrency: number;
}

class ArchiveSink implements Sink {
  readonly concurrency: number;
  readonly #options: Options;
  readonly #context: Context;

  constructor(options: Options, context: Context) {
    this.concurrency = options.concurrency;
    this.#options = options;
    this.#context = context;
  }

  async write(item: Item): Promise<void> {
    const { tags } = item;
    const { kind, code = tags.code, reported } = this.#options;
    if (code === undefined) {
      const rule = `${this.#context.place}.code: expected a code here, since the record came with none`;
      throw new IovError('CONFIG_INVALID', rule);
    }
    const lines = item.value as Lines;
    const records: Uint8Array[] = [];
    for await (const bytes of lines.read(0, lines.count)) records.push(bytes);
    const { iccid, requestId, platformId, position, acceptedAt } = tags;
    const append: Effect = (transaction) => {
      for (const bytes of records)
        transaction.append({ kind, code, iccid, requestId, platformId, bytes, reported, position, acceptedAt });
    };
    const { store } = this.#context;
    const request = { kind, tags, textDigest: textDigestOf(item, records) };
    if (position !== undefined && store.holds) {
      // known by its place, and so no request need be remembered; only a replay has to ask, and a dead letter that was sent
      // again stands at another place, under its request
      if (acceptedAt === undefined) {
        if (store.read((state) => seenRequest(state, request))) return;
        if (await store.holds(storedKind({ kind, reported }), code, position)) return;
      }
      await store.commit([...item.effects, append]);
      return;
    }
    const changed = () => this.#noteChange(item);
    await store.commit([requestOnce(request, [...item.effects, append], changed)]);
  }

  #noteChange({ tags, origin }: Item): void {
    const { requestId, platformId } = tags;
    this.#context.log.warn({ requestId, platformId, origin }, 'a retry came with another text; the first one stays');
  }
}

/** Only for a request that is never opened: any other is compared by the digest of its content. */
function textDigestOf({ tags }: Item, records: readonly Uint8Array[]): string | undefined {
  if (tags.digest !== undefined || tags.platformId === undefined || !isRequest(tags)) return undefined;
  return sm3Hex(records.length === 1 && records[0] ? records[0] : Buffer.concat(records));
}
