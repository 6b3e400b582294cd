import type { Fault } from '../contract/error.js';
import type { JsonObject } from '../contract/tags.js';
import { maskValue } from './mask.js';
import type { Field, Table } from './table.js';

export interface Verdict {
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
}

/** What becomes of a finding: a fault, a warning, or nothing. */
export type Level = 'reject' | 'warn' | 'off';

const CLEAN: Verdict = Object.freeze({ faults: Object.freeze([]), warnings: Object.freeze([]) });

/** What is found wrong with one record; nearly always nothing. */
export class Report {
  /** Paths of the fields whose structure is wrong; nothing more is said about them. */
  readonly broken = new Set<string>();
  readonly #faults: Fault[] = [];
  readonly #warnings: Fault[] = [];

  add(level: Level, path: string, field: Field | undefined, rule: string, value?: unknown): void {
    if (level === 'off') return;
    const fault: Fault = { field: path, label: field?.label ?? '', rule };
    if (value !== undefined) fault.value = maskValue(field, value);
    (level === 'reject' ? this.#faults : this.#warnings).push(fault);
  }

  /** Sorted by `order`, and no more than `faultsMax` of either kind; one more then says how many others there are. */
  verdict(order: (fault: Fault) => number, faultsMax: number): Verdict {
    if (this.#faults.length + this.#warnings.length === 0) return CLEAN;
    const listed = (faults: Fault[]): Fault[] => {
      const sorted = faults.sort((a, b) => order(a) - order(b));
      const others = sorted.length - faultsMax;
      if (others <= 0) return sorted;
      return [...sorted.slice(0, faultsMax), { field: '', label: '', rule: `${others} more are not listed` }];
    };
    return { faults: listed(this.#faults), warnings: listed(this.#warnings) };
  }
}

/** Where a fault's field stands in the table; fields that the table does not have come last. */
export function tableOrder(table: Table): (fault: Fault) => number {
  const numbers = new Map(table.fields.map((field) => [field.name, field.number]));
  return (fault) => numbers.get(/^\w*/.exec(fault.field)![0]) ?? Number.MAX_SAFE_INTEGER;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
