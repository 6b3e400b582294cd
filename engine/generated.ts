import { CODES } from '../contract/codes.js';
import { tableDocs } from '../notice/docs.js';
import { tables } from '../notice/tables/index.js';
import { componentDocs, componentsIndex, FOLDERS } from './docs.js';
import { components } from './registry.js';
import { editorSchema, testSchema } from './schema.js';

const MADE = '<!-- Made by `npm run generate`; a test compares. -->';

/** Folders that hold generated pages alone: one a component, a table, an error code. */
export const GENERATED_FOLDERS = ['docs/components', 'docs/tables', 'docs/errors'] as const;

/** Files that are made from the code, by their path in the project; `npm run generate` writes them, a test compares. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['pipeline.schema.json', `${JSON.stringify(editorSchema(), undefined, 2)}\n`],
    ['test.schema.json', `${JSON.stringify(testSchema(), undefined, 2)}\n`],
    ['docs/components.md', page(componentsIndex(components))],
    ...components.map(
      (spec): Page => [`docs/components/${FOLDERS[spec.role]}/${spec.name}.md`, page(componentDocs(spec))],
    ),
    ['docs/tables.md', page(tablesIndex())],
    ...Object.values(tables).map((table): Page => [`docs/tables/${table.number}.md`, page(tableDocs(table))]),
    ['docs/errors.md', page(errorsIndex())],
    ...Object.keys(CODES).map((code): Page => [`docs/errors/${code}.md`, page(errorDocs(code as Code))]),
  ]);
}

type Page = [path: string, text: string];
type Code = keyof typeof CODES;

const page = (text: string) => `${MADE}\n\n${text.trim()}\n`;

function errorDocs(code: Code): string {
  const entry = CODES[code];
  const lines = [
    `- Remedy: ${entry.remedy}`,
    `- The same attempt may succeed later: ${entry.retryable ? 'yes' : 'no'}`,
  ];
  if ('failureCause' in entry) lines.push(`- A peer is told: \`${entry.failureCause}\` ([table 4](../tables/4.md))`);
  return `# ${code}\n${entry.cause}\n\n${lines.join('\n')}`;
}

function errorsIndex(): string {
  const rows = Object.entries(CODES).map(([code, { cause }]) => `| [${code}](errors/${code}.md) | ${cause} |`);
  return ['# Error codes', `| code | what it means |\n|---|---|\n${rows.join('\n')}`].join('\n\n');
}

function tablesIndex(): string {
  const rows = Object.values(tables).map(
    ({ number, title, section }) => `| [${number}](tables/${number}.md) | ${title} | ${section} |`,
  );
  return ['# The tables of the notice', `| table | title | section |\n|---|---|---|\n${rows.join('\n')}`].join('\n\n');
}
