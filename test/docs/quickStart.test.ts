import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { TestFileSchema } from '../../engine/yamlTests/schema.js';
import { cleanEnvironment } from '../support/cleanEnvironment.js';
import { commandsAreThere, pageOf } from '../support/page.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const page = pageOf('docs/quick-start.md');
const run = promisify(execFile);
t.setTimeout(300_000);

t.test('every block but `run` works as pasted, one after another', async (t) => {
  const folder = t.testdir();
  mkdirSync(join(folder, 'bin'));
  writeFileSync(
    join(folder, 'bin/iovpipe'),
    `#!/bin/sh\nexec "${process.execPath}" "${join(ROOT, 'dist/cli/main.js')}" "$@"\n`,
  );
  chmodSync(join(folder, 'bin/iovpipe'), 0o755);
  const env = cleanEnvironment();
  const shell = page.blocks('sh').filter((text) => text !== 'iovpipe run\n');
  t.equal(shell.length, 3);
  await run('bash', ['-euo', 'pipefail', '-c', shell.join('\n')], {
    cwd: folder,
    env: { ...env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
  });
  t.ok(existsSync(join(folder, 'site/pipeline.svg')));
  const [own = ''] = page.blocks('yaml');
  writeFileSync(join(folder, 'site/pipeline.test.yaml'), own);
  await run(join(folder, 'bin/iovpipe'), ['test'], { cwd: join(folder, 'site'), env });
});

t.test('every word of a test is explained, and every command is there', async (t) => {
  const step = TestFileSchema.properties.tests.items.properties.steps.items.properties;
  for (const word of Object.keys(step.expect.properties)) t.match(page.text, `| \`${word}\` |`);
  for (const word of Object.keys(step.given.items.properties)) t.match(page.text, `\`${word}\``);
  t.ok((await commandsAreThere(t, page)).length > 8);
});
