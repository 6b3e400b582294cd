import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { commandsAreThere, pageOf } from '../support/page.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const page = pageOf('docs/concepts.md');

t.test('each word has a few sentences, and links lead somewhere', async (t) => {
  const [, ...sections] = page.text.split(/^## /m);
  t.ok(sections.length > 10);
  for (const section of sections) {
    const [title = '', text = ''] = section.split(/\n(.*)/s);
    t.ok(text.split(/[.:] /).length >= 3, title);
  }
  for (const [, to = ''] of page.text.matchAll(/\]\(([^)]+)\)/g)) t.ok(existsSync(join(ROOT, 'docs', to)), to);
  await commandsAreThere(t, page);
});

t.test('it is found from the first pages', async (t) => {
  for (const page of ['README.md', 'README.zh-CN.md', 'docs/quick-start.md'])
    t.match(readFileSync(join(ROOT, page), 'utf8'), 'concepts.md');
});
