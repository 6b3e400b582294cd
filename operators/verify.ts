import type { Readable } from 'node:stream';
import { Type } from 'typebox';
import { defineOperator, type Kernel } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { PackedFile } from '../contract/file.js';
import type { Item } from '../contract/item.js';
import type { JsonObject } from '../contract/tags.js';
import { type BatchName, parseFileName } from '../notice/fileName.js';
import { parseStrictJson } from '../notice/strictJson.js';
import { tableOf } from '../notice/tables/index.js';
import type { Validator } from '../notice/validator.js';
import { recordsOf } from '../workers/recordsOf.js';
import { unpack } from '../workers/unpack.js';

/** Table 12 for accounts; table 10 without its first field, Auth, for vehicles (notice 6.2.1.2 b, 6.2.2.2 b). */
const TABLES = { KH: { number: 12, omit: '' }, CL: { number: 10, omit: 'Auth' } } as const;
const ENCRYPTED = { KH: 'bin', CL: 'zip' } as const;

export const spec = defineOperator({
  name: 'verify',
  summary: 'Checks a received file as the regulator does: name, decryption, zip, encoding, size, and every record.',
  description:
    'A file passes as it came, or fails with what was found first in each of its records, up to `faultsMax`. The text is inflated in memory as it is read and never touches a disk.',
  sections: ['6.2.1.2', '6.2.2.2', '7.2'],
  takes: ['file'],
  gives: 'file',
  options: Type.Object(
    {
      peer: Type.String({ peer: 'cipher', description: 'The operator who sends: its `cipher` decrypts.' }),
      bytesMax: Type.Integer({
        default: 100_000_000,
        minimum: 1_000,
        maximum: 100_000_000,
        description: 'Greatest size of the text file (6.2.1.2 a: 100 Mbytes).',
      }),
      fileBytesMax: Type.Integer({
        default: 150_000_000,
        minimum: 1_000,
        maximum: 1_000_000_000,
        description: 'Greatest size of the file as received; it is held in memory.',
      }),
      recordBytesMax: Type.Integer({
        default: 1_048_576,
        minimum: 1_000,
        maximum: 100_000_000,
        description: 'Greatest size of one record.',
      }),
      faultsMax: Type.Integer({ default: 20, minimum: 1, maximum: 1_000, description: 'Faults told of one file.' }),
    },
    { additionalProperties: false },
  ),
  examples: [{ title: 'Files of one operator', yaml: 'peer: operator' }],
  create: async (options, context) => {
    const { compileValidator } = await import('../notice/validator.js');
    const check = (kind: 'KH' | 'CL'): RecordCheck => {
      const table = tableOf(TABLES[kind].number, context.site.tables);
      const fields = table.fields.filter((field) => field.name !== TABLES[kind].omit);
      const validate = compileValidator({ ...table, fields }, { codes: 'pass', checks: 'off' });
      return { validate, order: new Map(fields.map((field, index) => [field.name, index])) };
    };
    return new Verify(options, context, { KH: check('KH'), CL: check('CL') });
  },
});

interface Options {
  peer: string;
  bytesMax: number;
  fileBytesMax: number;
  recordBytesMax: number;
  faultsMax: number;
}

interface RecordCheck {
  validate: Validator;
  order: ReadonlyMap<string, number>;
}

class Verify implements Kernel {
  readonly #options: Options;
  readonly #context: Context;
  readonly #checks: Record<'KH' | 'CL', RecordCheck>;

  constructor(options: Options, context: Context, checks: Record<'KH' | 'CL', RecordCheck>) {
    this.#options = options;
    this.#context = context;
    this.#checks = checks;
  }

  async transform(item: Item): Promise<Item[]> {
    const file = item.value as PackedFile;
    const name = batchNameOf(file.name);
    const cipher = name.extension === 'bin' ? this.#context.peers[this.#options.peer]?.cipher : undefined;
    const { fileBytesMax, bytesMax } = this.#options;
    const entries = await unpack(file.path, cipher, { fileBytesMax, textBytesMax: bytesMax });
    const wanted = file.name.replace(/\.(bin|zip)$/, '.txt');
    const [entry] = entries;
    if (!entry || entries.length > 1 || entry.name !== wanted) {
      throw invalid(
        file.name,
        `expected one entry called ${wanted}, got ${entries.map(({ name }) => name).join(', ') || 'none'}`,
      );
    }
    const records = await this.#verifyRecords(file.name, name.content, await entry.open());
    const { content, code, cutoff, type, sequence, end } = name;
    this.#context.log.info(
      { file: file.name, content, code, cutoff, type, sequence, end, records, textBytes: entry.bytes },
      'file verified',
    );
    return [item];
  }

  async #verifyRecords(file: string, kind: 'KH' | 'CL', text: Readable): Promise<number> {
    const faults: string[] = [];
    let count = 0;
    for await (const record of recordsOf(text, this.#options.recordBytesMax)) {
      count += 1;
      const fault = 'bytes' in record ? this.#faultOf(kind, record.bytes) : record.problem;
      if (fault) faults.push(`record ${count}: ${fault}`);
      if (faults.length >= this.#options.faultsMax) break;
    }
    if (faults.length > 0) throw invalid(file, faults.join('; '));
    return count;
  }

  #faultOf(kind: 'KH' | 'CL', bytes: Uint8Array): string | undefined {
    let record: JsonObject;
    try {
      record = parseStrictJson(bytes);
    } catch (thrown) {
      return IovError.from(thrown).message;
    }
    const { validate, order } = this.#checks[kind];
    const { faults } = validate(record);
    if (faults.length > 0) return faults.map(({ field, label, rule }) => `${field}（${label}）: ${rule}`).join(', ');
    let last = -1;
    for (const field of Object.keys(record)) {
      const at = order.get(field) ?? -1;
      if (at < last) return `${field} stands after a field that follows it in table ${TABLES[kind].number}`;
      last = at;
    }
    return undefined;
  }
}

function batchNameOf(fileName: string): BatchName {
  const name = parseFileName(fileName);
  if (name?.kind !== 'batch' || name.partial || name.extension === 'txt') {
    throw invalid(fileName, 'expected a name of 6.2.1.2 or 6.2.2.2: KH_…_P_000001.bin, CL_…_F_000001end.zip');
  }
  if (name.extension !== ENCRYPTED[name.content] && name.content === 'KH') {
    throw invalid(fileName, 'expected account data to be encrypted (.bin)');
  }
  return name;
}

const invalid = (file: string, problem: string) => new IovError('FILE_INVALID', `${file}: ${problem}`);
