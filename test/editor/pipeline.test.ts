import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { componentsOf } from '../../engine/registry.js';
import { editorSchema, testSchema } from '../../engine/schema.js';
import { type Completion, LanguageServer } from '../support/languageServer.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
t.setTimeout(600_000);

/** The shipped pipeline file and its tests, beside their schemas, in an editor. */
async function editor(name: string): Promise<LanguageServer> {
  const folder = t.testdir({
    'pipeline.schema.json': JSON.stringify(editorSchema()),
    'test.schema.json': JSON.stringify(testSchema()),
  });
  const path = join(folder, name);
  writeFileSync(path, readFileSync(join(ROOT, name), 'utf8'));
  const server = await LanguageServer.open(path);
  t.teardown(() => server.close());
  return server;
}

const labels = (found: readonly Completion[]) => found.map(({ label }) => label);

t.test('pipeline.yaml in an editor', async (t) => {
  const server = await editor('pipeline.yaml');

  await t.test('nothing of it is underlined', async (t) => {
    t.strictSame(await server.diagnostics(), []);
  });

  await t.test('hover shows what a key, a component and an option mean', async (t) => {
    t.match(await server.hover('timezone'), 'Asia/Shanghai');
    t.match(await server.hover('retention'), /days|kept/i);
    t.match(await server.hover('schedule', 'accounts-daily'), /manual/);
    t.match(await server.hover('finishBy'), /05:00/);
    t.match(await server.hover('decrypt', 'accounts-in'), /encrypted field/);
    t.match(await server.hover('bytesMax', 'accounts-daily'), /before compression/);
    t.match(await server.hover('level', 'accounts-daily'), /\w{4}/);
    t.match(await server.hover('window', 'accounts-daily'), /since/);
    t.match(await server.hover('ratePerSecondMax'), /500/);
    t.match(await server.hover('hostKey', 'regulator:'), /ssh-keygen/);
  });

  await t.test('the keys of the file and of a pipeline are offered, each with its docs', async (t) => {
    const top = await server.completions(
      'timezone: Asia/Shanghai                   # every time in this file, and in the notice\n',
      '',
    );
    t.ok(
      ['environment', 'tables', 'codes'].every((key) => labels(top).includes(key)),
      labels(top).join(),
    );
    const pipeline = await server.completions('\npipelines:\n', '  new:\n    ');
    t.strictSame(
      labels(pipeline)
        .filter((key) => /^[a-z]+$/.test(key))
        .sort(),
      ['operators', 'schedule', 'sink', 'source'],
    );
  });

  await t.test('components are offered by their names, each with its docs', async (t) => {
    const operators = await server.completions(
      '      - limitCards: { max: 10 }           # article 11: 一证多卡\n',
      '      - x',
    );
    for (const { name, summary } of componentsOf('operator')) {
      const found = operators.find(({ label }) => label === name);
      t.ok(found?.documentation.includes(summary.slice(0, 30)), `${name}: ${found?.documentation.slice(0, 60)}`);
    }
  });

  await t.test('options are offered, and not those that are there', async (t) => {
    const options = await server.completions('- split: { bytesMax: 100_000_000, ', 'x');
    t.ok(labels(options).includes('format'), labels(options).join());
    t.notOk(labels(options).includes('bytesMax'));
  });

  await t.test('the values of an option are offered', async (t) => {
    t.strictSame(labels(await server.completions('source: { archive: { kind: ', '')).sort(), ['CL', 'KH']);
    const windows = labels(await server.completions('source: { archive: { kind: KH, window: ', ''));
    t.ok(
      ['day', 'month', 'full'].every((value) => windows.includes(value)),
      windows.join(),
    );
    t.ok(labels(await server.completions('\npipelines:\n', '  new:\n    schedule: ')).includes('manual'));
  });
});

t.test('a slip is underlined', async (t) => {
  const folder = t.testdir({
    'pipeline.schema.json': JSON.stringify(editorSchema()),
    'x.yaml':
      '# yaml-language-server: $schema=./pipeline.schema.json\narchive: { sqlite: { path: a.db } }\npipelines:\n  a: { source: { file: { path: a } }, sink: { discart: {} } }\n',
  });
  const server = await LanguageServer.open(join(folder, 'x.yaml'));
  t.teardown(() => server.close());
  t.match(await server.diagnostics(), [/^4 .*discart/]);
});

t.test('a file of tests in an editor', async (t) => {
  const server = await editor('pipeline.test.yaml');
  t.strictSame(await server.diagnostics(), []);
  t.match(await server.hover('given', 'steps'), /source/);
  const expected = await server.completions(
    '        expect: { due: [{ name: KH_R-1_LSV1, state: delivered }] }\n',
    '        ',
  );
  t.ok(labels(expected).includes('cutoff'), labels(expected).join());
});

/** Places of the schema that have no docs: `pipelines.source.https.port`. */
function undocumented(schema: Described, place: string, definitions: Readonly<Record<string, Described>>): string[] {
  const own = schema.$ref ? definitions[schema.$ref.replace('#/definitions/', '')] : undefined;
  const inner = own ?? schema;
  const branches = [
    ...(inner.anyOf ?? []),
    ...Object.values(inner.patternProperties ?? {}),
    ...(inner.items ? [inner.items] : []),
  ];
  const found = Object.entries(inner.properties ?? {}).flatMap(([name, property]) => {
    const docs =
      property.description ?? (property.$ref && definitions[property.$ref.replace('#/definitions/', '')]?.description);
    return [
      ...(docs ? [] : [`${place}.${name}`]),
      ...undocumented(property, `${place}.${name}`, own ? {} : definitions),
    ];
  });
  return [...found, ...branches.flatMap((branch) => undocumented(branch, place, definitions))];
}

interface Described {
  $ref?: string;
  description?: string;
  properties?: Readonly<Record<string, Described>>;
  patternProperties?: Readonly<Record<string, Described>>;
  anyOf?: readonly Described[];
  items?: Described;
}

t.test('every key and option has docs to show', async (t) => {
  const schema = editorSchema() as Described & { definitions: Record<string, Described> };
  const places = [
    ...undocumented(schema, 'pipeline.yaml', schema.definitions),
    ...Object.entries(schema.definitions).flatMap(([role, definition]) => undocumented(definition, role, {})),
    ...undocumented(testSchema() as Described, 'tests', {}),
  ];
  t.strictSame([...new Set(places)], []);
});
