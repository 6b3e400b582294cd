import type { JsonObject } from '../contract/tags.js';
import { checks } from './checks/index.js';
import { type CodeTables, codesMeaning, meaningsOf } from './codes/index.js';
import { appliesTo } from './condition.js';
import type { Level, Report } from './report.js';
import type { CheckRef, Field, Table } from './table.js';

/** Looks at one thing of a field whose value is a string and not empty. */
type Look = (value: string, record: JsonObject, report: Report) => void;

/**
 * A function that reports codes that are in no code table and what the domain checks find, of fields that apply and whose
 * structure is sound. Inner tables (Auth) have neither codes nor checks.
 */
export function compileContent(
  table: Table,
  levels: { codes: Level; checks: Level },
  codeTables: CodeTables,
): (record: JsonObject, report: Report) => void {
  const fields = table.fields.flatMap((field) => {
    const looks: Look[] = [];
    if (field.codeTable && levels.codes !== 'off') looks.push(codeLook(field, codeTables, levels.codes));
    if (levels.checks !== 'off') {
      looks.push(...(field.checks ?? []).map((check) => checkLook(field, check, codeTables, levels.checks)));
    }
    return looks.length > 0 ? [{ name: field.name, applies: appliesTo(table, field), looks }] : [];
  });
  return (record, report) => {
    for (const { name, applies, looks } of fields) {
      const value = record[name];
      if (typeof value !== 'string' || value === '' || report.broken.has(name) || !applies(record)) continue;
      for (const look of looks) look(value, record, report);
    }
  };
}

function codeLook(field: Field, codeTables: CodeTables, level: Level): Look {
  const id = field.codeTable!;
  const byMeaning = field.column === 'meaning';
  const allowed = byMeaning ? meaningsOf(codeTables, id) : new Set(Object.keys(codeTables[id]));
  const rule = `${byMeaning ? 'a name' : 'a code'} of code table ${id}`;
  return (value, _record, report) => {
    if (!allowed.has(value)) report.add(level, field.name, field, rule, value);
  };
}

function checkLook(field: Field, { name, when, with: other }: CheckRef, codeTables: CodeTables, level: Level): Look {
  const check = checks[name];
  const codes = when && codesMeaning(codeTables, when.codeTable, when.means);
  return (value, record, report) => {
    if (when && codes && !codes.has(String(record[when.field]))) return;
    if (other !== undefined && report.broken.has(other)) return; // its own fault says enough
    const finding = check(value, other === undefined ? undefined : record[other]);
    if (finding) report.add(finding.warningOnly ? 'warn' : level, field.name, field, finding.rule, value);
  };
}
