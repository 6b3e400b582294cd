import type { Site } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { JsonObject } from '../contract/tags.js';
import { parseStrictJson } from '../notice/strictJson.js';
import { tableOf } from '../notice/tables/index.js';
import { compileValidator, type Validator } from '../notice/validator.js';
import { recordsOf } from './recordsOf.js';

/** Table 12 for accounts; table 10 without its first field, Auth, for vehicles (notice 6.2.1.2 b, 6.2.2.2 b). */
const TABLES = { KH: { number: 12, omit: '' }, CL: { number: 10, omit: 'Auth' } } as const;

interface RecordCheck {
  validate: Validator;
  order: ReadonlyMap<string, number>;
}

/** Checks the text of a batch: encoding, JSON, and every record by its table and the order of its fields. */
export class BatchVerifier {
  readonly #checks: Record<'KH' | 'CL', RecordCheck>;
  readonly #bounds: { recordBytesMax: number; faultsMax: number };

  /** @param overrides the site's own names and presence of fields */
  constructor(overrides: Site['tables'], bounds: { recordBytesMax: number; faultsMax: number }) {
    this.#bounds = bounds;
    const check = (kind: 'KH' | 'CL'): RecordCheck => {
      const table = tableOf(TABLES[kind].number, overrides);
      const fields = table.fields.filter((field) => field.name !== TABLES[kind].omit);
      const validate = compileValidator({ ...table, fields }, { codes: 'pass', checks: 'off' });
      return { validate, order: new Map(fields.map((field, index) => [field.name, index])) };
    };
    this.#checks = { KH: check('KH'), CL: check('CL') };
  }

  /**
   * @returns how many records there are
   * @throws IovError FILE_INVALID with what was found first in each record, up to `faultsMax`
   */
  async verify(kind: 'KH' | 'CL', text: AsyncIterable<Uint8Array>): Promise<number> {
    const faults: string[] = [];
    let count = 0;
    for await (const record of recordsOf(text, this.#bounds.recordBytesMax)) {
      count += 1;
      const fault = 'bytes' in record ? this.#faultOf(kind, record.bytes) : record.problem.message;
      if (fault) faults.push(`record ${count}: ${fault}`);
      if (faults.length >= this.#bounds.faultsMax) break;
    }
    if (faults.length > 0) throw new IovError('FILE_INVALID', faults.join('; '));
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
