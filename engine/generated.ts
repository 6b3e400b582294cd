import { CODES } from '../contract/codes.js';
import { tableDocs } from '../notice/docs.js';
import { tables } from '../notice/tables/index.js';
import { componentsPage } from './docs.js';
import { components } from './registry.js';
import { editorSchema } from './schema.js';

/** Files that are made from the code, by their path in the project; `npm run generate` writes them, a test compares. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['pipeline.schema.json', `${JSON.stringify(editorSchema(), undefined, 2)}\n`],
    ['docs/components.md', componentsPage(components)],
    ['docs/errors.md', errorsPage()],
    ['docs/tables.md', tablesPage()],
  ]);
}

function errorsPage(): string {
  const parts = Object.entries(CODES).map(([code, entry]) => {
    const { cause, remedy, retryable } = entry;
    const told = 'failureCause' in entry ? `\n- A peer is told: \`${entry.failureCause}\`` : '';
    return `## ${code}\n${cause}\n\n- Remedy: ${remedy}\n- The same attempt may succeed later: ${retryable ? 'yes' : 'no'}${told}`;
  });
  return `${['<!-- Made by `npm run generate`; a test compares. -->', '# Error codes', ...parts].join('\n\n')}\n`;
}

function tablesPage(): string {
  const parts = Object.values(tables).map((table) => tableDocs(table).trim().replace(/^#/gm, '##'));
  return `${['<!-- Made by `npm run generate`; a test compares. -->', '# The tables of the notice', ...parts].join('\n\n')}\n`;
}
