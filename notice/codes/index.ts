import type { Site } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import type { CodeTableId } from '../table.js';
import { a1 } from './a1.js';
import { a2 } from './a2.js';
import { a3 } from './a3.js';
import { a4 } from './a4.js';
import { a5 } from './a5.js';
import { a6 } from './a6.js';

/** Code → meaning, by table of appendix A. */
export type CodeTables = Readonly<Record<CodeTableId, Readonly<Record<string, string>>>>;

/** The placeholders. The notice cites appendix A and does not print it, so a site replaces these. */
export const codeTables: CodeTables = { 'A.1': a1, 'A.2': a2, 'A.3': a3, 'A.4': a4, 'A.5': a5, 'A.6': a6 };

/**
 * The code tables of a site: a table that it names replaces the placeholder as a whole, the others stay.
 * @throws IovError CONFIG_INVALID for a name that is none of A.1 to A.6
 */
export function resolveCodeTables(site: Site['codes'] = {}): CodeTables {
  for (const id of Object.keys(site)) {
    if (!Object.hasOwn(codeTables, id)) throw new IovError('CONFIG_INVALID', `codes.${id}: expected one of A.1 to A.6`);
  }
  return { ...codeTables, ...site };
}

/** The codes of a table that mean this: the whole meaning, or its beginning where brackets follow. */
export function codesMeaning(tables: CodeTables, id: CodeTableId, means: string): Set<string> {
  const codes = new Set<string>();
  for (const [code, meaning] of Object.entries(tables[id])) {
    if (meaning === means || meaning.startsWith(`${means}（`)) codes.add(code);
  }
  return codes;
}

/** Every meaning of a table by itself: `长沙市、株洲市、湘潭市` are three. */
export function meaningsOf(tables: CodeTables, id: CodeTableId): Set<string> {
  return new Set(Object.values(tables[id]).flatMap((meaning) => meaning.split('、')));
}
