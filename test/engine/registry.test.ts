import t from 'tap';
import { ConfigSchema } from '../../engine/configSchema.js';
import { conform } from '../../engine/conform.js';
import { componentDocs } from '../../engine/docs.js';
import { Faults } from '../../engine/fault.js';
import { type JsonSchema, jsonSchema } from '../../engine/jsonSchema.js';
import { components } from '../../engine/registry.js';
import { locatedText } from '../support/locatedText.js';

/** What `conform` enforces. */
const ENFORCED = [
  'type',
  'const',
  'enum',
  'anyOf',
  'properties',
  'patternProperties',
  'additionalProperties',
  'required',
  'items',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
  'pattern',
];
/** What tells people and `check` more, and forbids nothing by itself. */
const ANNOTATIONS = ['default', 'description', 'examples', 'expected', 'keys', 'connection', 'peer', 'secret'];

/** Every keyword of a schema and of the schemas within it, with its place. */
function keywords(schema: JsonSchema, place: string): [string, string][] {
  const within = [
    ...Object.entries(schema.properties ?? {}),
    ...Object.entries(schema.patternProperties ?? {}),
    ...(schema.items ? [['items', schema.items] as const] : []),
    ...(schema.anyOf ?? []).map((branch, at) => [String(at), branch] as const),
  ];
  return [
    ...Object.keys(schema).map((keyword): [string, string] => [keyword, place]),
    ...within.flatMap(([name, inner]) => keywords(inner, `${place}.${name}`)),
  ];
}

function unknownKeywords(schema: JsonSchema, place: string): string[] {
  const known = [...ENFORCED, ...ANNOTATIONS];
  return keywords(schema, place).flatMap(([keyword, at]) => (known.includes(keyword) ? [] : [`${at}: ${keyword}`]));
}

t.test('option schemas use only keywords that check enforces', async (t) => {
  t.strictSame(unknownKeywords(jsonSchema(ConfigSchema), 'top'), []);
  for (const spec of components) {
    t.strictSame(unknownKeywords(jsonSchema(spec.options), `${spec.role} ${spec.name}`), []);
  }
  t.strictSame(
    unknownKeywords({ multipleOf: 2 } as JsonSchema, 'control'),
    ['control: multipleOf'],
    'the check has teeth',
  );
});

t.test('no two components of a role share a name', async (t) => {
  const names = components.map(({ role, name }) => `${role} ${name}`);
  t.strictSame(names, [...new Set(names)]);
});

for (const spec of components) {
  t.test(`${spec.role} ${spec.name} is described, and its examples keep to its options`, async (t) => {
    const schema = jsonSchema(spec.options);
    t.equal(schema.additionalProperties, false, 'unknown options are refused');
    t.match(spec.summary, /^[A-Z].*\.$/, 'the summary is a sentence');
    t.ok(spec.examples.length > 0, 'there is an example');
    for (const { title, yaml } of spec.examples) {
      const faults = new Faults();
      const located = locatedText(yaml);
      conform(schema, located, [], faults);
      for (const { field, rule } of faults.none ? (spec.check?.(located.value as never) ?? []) : []) {
        faults.add(located.mark, [field], rule);
      }
      t.strictSame(
        faults.list().map(({ place, message }) => `${place}: ${message}`),
        [],
        title,
      );
    }
    for (const [name, option] of Object.entries(schema.properties ?? {})) {
      t.ok(option.description, `${name} is described`);
      const isBound = option.type === 'integer' && name !== 'table';
      if (isBound) t.type(option.maximum, 'number', `${name} has a maximum`);
      if (option.default === undefined) continue;
      const faults = new Faults();
      conform(option, locatedText(JSON.stringify(option.default)), [name], faults);
      t.ok(faults.none, `the default of ${name} keeps to its own rule`);
    }
    t.match(componentDocs(spec), spec.summary);
  });
}
