import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { components } from '../../engine/registry.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/notice.md'), 'utf8');

/** The cells of each row, without headings and rules. */
const rowsOf = (page: string) =>
  page
    .split('\n')
    .filter((row) => row.startsWith('| ') && !/^\| (Article|Section|Question) /.test(row))
    .map((row) => row.slice(2, -2).split(' | '));

const missing = (page: string) =>
  [...page.matchAll(/`([\w/.]+\.(?:ts|yaml))`/g)]
    .map(([, path = '']) => path)
    .filter((path) => !existsSync(join(ROOT, path)));

/** Sections that components cite and whose row does not stand on the page. */
function uncited(page: string): string[] {
  const told = new Set(
    rowsOf(page).flatMap(([first = '']) => first.split(/, | and |cited as /).map((word) => word.trim())),
  );
  const cited = new Set(components.flatMap(({ sections = [] }) => sections));
  return [...cited].filter((section) => !told.has(section));
}

t.test('every file that the page names exists, and every section that a component cites stands there', async (t) => {
  t.ok(rowsOf(PAGE).length > 30);
  t.strictSame(missing(PAGE), []);
  t.strictSame(uncited(PAGE), []);
});

t.test('what is built has a test beside it', async (t) => {
  for (const cells of rowsOf(PAGE)) {
    const [name = '', ...told] = cells;
    const [code = '', test = ''] = told.slice(-2);
    if (/not built$/.test(cells.at(-3) ?? '')) continue;
    t.match(code, /`/, name);
    t.match(test, /`test\//, name);
  }
});

t.test('the checks have teeth', async (t) => {
  t.strictSame(missing('`operators/none.ts`'), ['operators/none.ts']);
  t.ok(uncited(PAGE.replace('| 7.2 |', '| 9.9 |')).includes('7.2'));
});
