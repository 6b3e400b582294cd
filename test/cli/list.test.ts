import t from 'tap';
import { componentDocs } from '../../engine/docs.js';
import { components } from '../../engine/registry.js';
import { iovpipe } from '../support/cli.js';

const folder = t.testdir();

t.test('list names every component under its role', async (t) => {
  const { code, stdout } = await iovpipe(['list'], folder);
  t.equal(code, 0);
  for (const { name, summary } of components)
    t.match(stdout, new RegExp(`^  ${name} +${summary.slice(0, 20)}`, 'm'), name);
});

t.test('list NAME shows each role of that name; an unknown name is refused with 1', async (t) => {
  const { stdout } = await iovpipe(['list', 'archive'], folder);
  t.match(stdout, /^# archive \(source\)/);
  t.match(stdout, /^# archive \(sink\)/m);
  const unknown = await iovpipe(['list', 'arkive'], folder);
  t.equal(unknown.code, 1);
  t.equal(unknown.stdout, '');
  t.match(unknown.stderr, 'iovpipe: expected a component, got "arkive"; did you mean "archive"?');
});

t.test('list --json is for scripts, --markdown every page', async (t) => {
  const json = JSON.parse((await iovpipe(['list', '--json'], folder)).stdout) as { role: string; name: string }[];
  t.strictSame(
    json.map(({ role, name }) => `${role} ${name}`),
    components.map(({ role, name }) => `${role} ${name}`),
  );
  const { stdout } = await iovpipe(['list', '--markdown'], folder);
  for (const spec of components) {
    const docs = componentDocs(spec).replace(/^#/gm, '##');
    t.ok(stdout.includes(`\n${docs}`), `${spec.role} ${spec.name}`);
  }
});
