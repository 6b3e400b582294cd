import { type CodeTables, codeTables as placeholders } from './codes/index.js';
import { compileContent } from './content.js';
import { Report, tableOrder, type Verdict } from './report.js';
import { compileStructure } from './structure.js';
import type { Table } from './table.js';

export type { Verdict } from './report.js';

export interface ValidatorOptions {
  /** What a code gets that its table of appendix A does not list. Default `warn`. */
  codes?: 'reject' | 'warn' | 'pass';
  /** Default: the placeholders. */
  codeTables?: CodeTables;
  /** What a finding of the domain checks gets. Default `warn`. */
  checks?: 'reject' | 'warn' | 'off';
  /** What a field gets that the table does not have. Default `reject`. */
  unknown?: 'reject' | 'warn';
  /** Characters of a string. Default 1,000. */
  stringMax?: number;
  /** Entries of a list. Default 10,000. */
  listMax?: number;
  /** Faults told, and warnings told. Default 1,000. */
  faultsMax?: number;
}

/** Takes anything, and never throws. */
export type Validator = (record: unknown) => Verdict;

/**
 * A function that finds every fault of a record of this table: its structure first, by a schema made from the table, then
 * the codes and domain checks of the fields whose structure is sound.
 */
export function compileValidator(table: Table, options: ValidatorOptions = {}): Validator {
  const { codes = 'warn', checks = 'warn', unknown = 'reject', codeTables = placeholders } = options;
  const { stringMax = 1_000, listMax = 10_000, faultsMax = 1_000 } = options;
  const structure = compileStructure(table, { unknown, inferred: checks }, { stringMax, listMax });
  const content = compileContent(table, { codes: codes === 'pass' ? 'off' : codes, checks }, codeTables);
  const order = tableOrder(table);
  return (record) => {
    const report = new Report();
    const shaped = structure(record, report);
    if (shaped) content(shaped, report);
    return report.verdict(order, faultsMax);
  };
}
