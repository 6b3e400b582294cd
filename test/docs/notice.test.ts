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

/** Every article of the rules, and every numbered heading and table of the interface. */
const ARTICLES = Array.from({ length: 24 }, (_, index) => String(index + 1));
const SECTIONS = (
  '一 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 三 四 4.1 4.2 4.2.1 4.2.2 4.3 4.3.1 4.3.2 五 5.1 5.1.1 5.1.2 5.1.2.1 5.1.2.2 5.2 5.2.1 5.2.2 ' +
  '5.2.2.1 5.2.2.2 六 6.1 6.1.1 6.1.1.1 6.1.1.2 6.1.2 6.1.2.1 6.1.2.2 6.1.3 6.1.3.1 6.1.3.2 6.2 6.2.1 6.2.1.1 6.2.1.2 6.2.1.3 ' +
  '6.2.2 6.2.2.1 6.2.2.2 6.2.3 6.2.3.1 6.2.3.2 七 7.1 7.1.1 7.1.2 7.2 7.3'
).split(' ');
const TABLES = Array.from({ length: 12 }, (_, index) => `notice/tables/table${index + 1}.ts`);

/** Headings of the notice that have no row in their part of the page. */
function rowless(page: string): string[] {
  const [, rules = '', interfaces = ''] = page.split(/^## /m);
  const told = (part: string) =>
    new Set(rowsOf(part).flatMap(([first = '']) => first.split(/, | and /).map((word) => word.trim())));
  const [articles, sections] = [told(rules), told(interfaces)];
  return [
    ...ARTICLES.filter((article) => !articles.has(article)).map((article) => `article ${article}`),
    ...SECTIONS.filter((section) => !sections.has(section)),
    ...TABLES.filter((table) => !interfaces.includes(table) && !rules.includes(table)),
  ];
}

t.test('every heading of the notice has its row', async (t) => {
  t.strictSame(rowless(PAGE), []);
});

t.test('every file that the page names exists, and every section that a component cites stands there', async (t) => {
  t.ok(rowsOf(PAGE).length > 30);
  t.strictSame(missing(PAGE), []);
  t.strictSame(uncited(PAGE), []);
});

t.test('what is built has a test beside it', async (t) => {
  for (const cells of rowsOf(PAGE)) {
    const [name = '', ...told] = cells;
    const [code = '', test = ''] = told.slice(-2);
    if (/(not built|: for people)$/.test(cells.at(-3) ?? '')) continue;
    t.match(code, /`/, name);
    t.match(test, /`test\//, name);
  }
});

t.test('the checks have teeth', async (t) => {
  t.strictSame(missing('`operators/none.ts`'), ['operators/none.ts']);
  t.ok(uncited(PAGE.replace('| 7.2 |', '| 9.9 |')).includes('7.2'));
  t.strictSame(rowless(PAGE.replace('| 7.2 |', '| 9.9 |').replace('| 14 |', '| 99 |')), ['article 14', '7.2']);
});
