import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { generatedFiles } from '../../engine/generated.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

for (const [path, text] of generatedFiles()) {
  t.test(`${path} is what the code makes of it`, async (t) => {
    t.equal(readFileSync(join(ROOT, path), 'utf8'), text, 'run `npm run generate` and look at the difference');
  });
}
