import { defineOperator, type Kernel } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import type { Peer } from '../contract/peer.js';
import { Type } from '../contract/schema.js';
import { type JsonObject, type Tags, withoutPlace } from '../contract/tags.js';
import { type Cipher, createCipher } from '../crypto/cipher.js';
import { sm3Hex } from '../crypto/digest.js';
import { canonicalText } from '../notice/canonical.js';
import { type Dialect, dialectsOf } from '../notice/dialect.js';
import { parseStrictJson } from '../notice/strictJson.js';

export const spec = defineOperator({
  name: 'decrypt',
  summary: 'Takes the record out of a message’s encrypted field, with the key of the platform that sent it.',
  description:
    'What goes on is the record alone (table 8 out of `EncryptUserInfo`, table 11 out of `EncryptCarInfo`), with its ICCID and a digest of the content, by which a retry is told from a RequestID used twice. A field that holds an object instead of ciphertext is taken as the record. A platform with a dialect has its own field names, and may list several cards: each goes on as a record of its own, a request of its own under the RequestID of the message, and the message is answered when all have arrived, with the first failure if there is one. Needs `authenticate` before it.',
  sections: ['6.1.1.1', '6.1.2.1'],
  takes: ['message'],
  gives: 'record',
  options: Type.Object(
    {
      field: Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'The encrypted field.',
        examples: ['EncryptUserInfo'],
      }),
      table: Type.Integer({
        minimum: 1,
        maximum: 12,
        description: 'The table of what is inside; named in messages.',
        examples: [8],
      }),
    },
    { additionalProperties: false },
  ),
  examples: [
    {
      title: 'Accounts',
      yaml: 'field: EncryptUserInfo\ntable: 8',
      input: [{ RequestID: 'R1', EncryptUserInfo: { ICCID: '89860012345678901234' } }],
      output: [{ ICCID: '89860012345678901234' }],
    },
  ],
  create: (options, context) => new Decrypt(options, context),
});

class Decrypt implements Kernel {
  readonly #field: string;
  readonly #table: number;
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #ciphers = new Map<string, Cipher>();
  /** By PlatformID; undefined where nobody has one. */
  readonly #dialects: ReadonlyMap<string, Dialect> | undefined;

  constructor({ field, table }: { field: string; table: number }, { peers }: Context) {
    this.#field = field;
    this.#table = table;
    this.#peers = new Map(Object.values(peers).map((peer) => [peer.platformId, peer]));
    this.#dialects = dialectsOf(peers);
  }

  transform(item: Item): Item[] {
    const { platformId = '' } = item.tags;
    const record = this.#record((item.value as JsonObject)[this.#field], platformId);
    const dialect = this.#dialects?.get(platformId);
    if (!dialect) return [withRecord(item, record)];
    return withRecords(item, dialect.recordsFromPeer(record));
  }

  #record(content: unknown, platformId: string): JsonObject {
    // interpretation.md: table 7 says string, table 10 object; either may come for either
    if (typeof content === 'object' && content !== null && !Array.isArray(content)) return content as JsonObject;
    if (typeof content !== 'string') {
      const rule = `ciphertext of a record of table ${this.#table}, or the record`;
      throw new IovError('RECORD_INVALID', 'the encrypted field is missing', {
        faults: [{ field: this.#field, label: '', rule }],
      });
    }
    const text = this.#cipherOf(platformId).decryptText(content);
    try {
      return parseStrictJson(text);
    } catch (thrown) {
      const cause = IovError.from(thrown);
      throw new IovError(cause.code, `${this.#field}, decrypted: ${cause.message}`, { cause });
    }
  }

  #cipherOf(platformId: string): Cipher {
    const known = this.#ciphers.get(platformId);
    if (known) return known;
    const agreed = this.#peers.get(platformId)?.cipher;
    if (!agreed) {
      // ours to mend, not the sender's: it is asked to come again
      const message = 'no cipher for this platform in the peers file, or no authenticate before decrypt';
      throw new IovError('UNDECRYPTABLE', message, { failureCause: '604', retryable: true });
    }
    const cipher = createCipher(agreed);
    this.#ciphers.set(platformId, cipher);
    return cipher;
  }
}

function withRecord(item: Item, record: JsonObject): Item {
  const tags: Tags = Object.assign({}, item.tags, { digest: new ContentDigest(item.tags, record) });
  if (typeof record.ICCID === 'string') tags.iccid = record.ICCID;
  return { ...item, value: record, tags };
}

/** The cards of one message: it has arrived when all have. What it brought along is stored with the last. */
function withRecords(item: Item, records: readonly JsonObject[]): Item[] {
  const { part: _, ...tags } = item.tags; // of a dead letter, which was about one of them
  const [first] = records;
  if (first && records.length === 1) return [withRecord({ ...item, tags }, first)];
  const placeless = withoutPlace(tags); // a place in a topic is that of one record
  const message = item.origin.replace(/, card \d+$/, ''); // so that what fails again takes the place of its letter
  const share = item.receipt.share();
  const items = records.map((record, index) => {
    const origin = `${message}, card ${index + 1}`;
    const effects = index === records.length - 1 ? item.effects : [];
    const whose = { ...placeless, part: index + 1 };
    return withRecord({ ...item, origin, tags: whose, receipt: share.part(), effects }, record);
  });
  share.close();
  return items;
}

/** The same for the same content, however it was encrypted and in whatever order its fields stand. */
class ContentDigest {
  readonly #tags: Tags;
  readonly #record: JsonObject;
  #digest: string | undefined;

  constructor(tags: Tags, record: JsonObject) {
    this.#tags = tags;
    this.#record = record;
  }

  toJSON(): string {
    this.#digest ??= digestOf(this.#tags, this.#record);
    return this.#digest;
  }
}

function digestOf({ operType, code }: Tags, record: JsonObject): string {
  return sm3Hex(`${JSON.stringify([operType ?? null, code ?? null])}${canonicalText(record)}`);
}
