import t from 'tap';
import { tableDocs } from '../../notice/docs.js';
import { tables } from '../../notice/tables/index.js';

t.test('a page has a row for every field, with as many cells as its head', async (t) => {
  for (const table of Object.values(tables)) {
    const page = tableDocs(table);
    const rows = page.split('\n').filter((line) => line.startsWith('| '));
    t.equal(rows.length, 2 + (table.codes ?? table.fields).length, `table ${table.number}`);
    const widths = new Set(rows.map((line) => line.split(/(?<!\\)\|/).length));
    t.equal(widths.size, 1);
    for (const field of table.fields) t.ok(page.includes(`\`${field.name}\``));
  }
});

t.test('a page says how each remark is read', async (t) => {
  const page = tableDocs(tables[12]!);
  const line = (name: string) => page.split('\n').find((candidate) => candidate.includes(`| \`${name}\` |`)) ?? '';
  t.match(line('DataStartDate'), 'when DataLimType is 1 or 3 or 5; a time that exists, `YYYYMMDD`');
  t.match(line('City'), 'a name of A.4');
  t.match(line('EndCorporationPosterAddress'), 'when CustomerType is 2 and it can be had');
  t.match(line('VoiceDirList'), 'a list of strings');
  t.match(tableDocs(tables[11]!), 'inferred, so a check');
  t.match(tableDocs(tables[7]!), 'fields of table 2');
  t.match(tableDocs(tables[4]!), '| 604 | bad internal error |');
});
