import { conditionText } from './condition.js';
import type { Field, Table } from './table.js';

/** A table as a page of Markdown: its rows as the notice prints them, and how iovpipe reads each. */
export function tableDocs(table: Table): string {
  const title = `# Table ${table.number}: ${table.title}`;
  const source = `Notice 2022-35, section ${table.section}. Generated from \`notice/tables/table${table.number}.ts\`.`;
  return `${[title, source, ...body(table)].join('\n\n')}\n`;
}

function body(table: Table): string[] {
  if (table.codes) {
    const rows = table.codes.map(({ code, description, remark }) => [code, description, remark]);
    return [markdownTable(['编码', '描述', '说明'], rows)];
  }
  const rows = table.fields.map((field) => [
    String(field.number),
    `\`${field.name}\``,
    field.label,
    field.type,
    field.presence,
    field.remark,
    reading(field).join('; '),
  ]);
  const legend =
    'M: must be there and hold a value. C: must be there when its condition holds. O: may be there. A conditional field ' +
    'that does not apply may be absent or empty.';
  return [markdownTable(['序号', '字段名', '字段描述', '字段类型', '条件', '备注', 'Read as'], rows), legend];
}

/** What we made of a field's remark. */
function reading(field: Field): string[] {
  const parts: string[] = [];
  const { condition } = field;
  if (field.presence === 'C' && condition !== undefined) parts.push(`when ${conditionText(condition)}`);
  if (typeof condition === 'object' && 'inferred' in condition && condition.inferred)
    parts.push('inferred, so a check');
  if (field.values)
    parts.push(
      Object.entries(field.values)
        .map(([code, meaning]) => `\`${code}\` ${meaning}`)
        .join(', '),
    );
  if (field.separator !== undefined) parts.push(`several with \`${field.separator}\` between`);
  if (field.format) parts.push(`a time that exists, \`${field.format}\``);
  if (field.codeTable) parts.push(`${field.column === 'meaning' ? 'a name' : 'a code'} of ${field.codeTable}`);
  if (field.inside) parts.push(`fields of table ${field.inside.number}`);
  if (field.alsoType) parts.push(`${field.alsoType} is taken too`);
  if (field.items) parts.push(`a list of ${field.items}s`);
  if (field.checks) parts.push(`checks: ${field.checks.map((check) => check.name).join(', ')}`);
  return parts;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
