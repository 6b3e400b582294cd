import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { GENERATED_FOLDERS, generatedFiles } from '../../engine/generated.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

for (const [path, text] of generatedFiles()) {
  t.test(`${path} is what the code makes of it`, async (t) => {
    t.equal(readFileSync(join(ROOT, path), 'utf8'), text, 'run `npm run generate` and look at the difference');
  });
}

t.test('no page is left of what is no more', async (t) => {
  for (const folder of GENERATED_FOLDERS) {
    const there = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const paths = there.map(({ parentPath, name }) => relative(ROOT, join(parentPath, name)));
    t.same(
      paths.filter((path) => !generatedFiles().has(path)),
      [],
    );
    t.ok(paths.length > 10, folder);
  }
});
