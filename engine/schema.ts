import { ConfigSchema } from './configSchema.js';
import { choices, type JsonSchema, jsonSchema } from './jsonSchema.js';
import { componentsOf, type Role } from './registry.js';
import { TestFileSchema } from './yamlTests/schema.js';

/** What the loader puts in before the options are checked. */
const SUBSTITUTION: JsonSchema = { type: 'string', pattern: '\\$\\{(secret|file|env):[^}]+\\}' };

/** `100_000_000`, as the loader reads it; YAML itself takes it for a text. */
const GROUPED_INTEGER: JsonSchema = { type: 'string', pattern: '^[1-9][0-9]{0,2}(_[0-9]{3})+$' };

/** What stands in the place of a component, for whoever points at it. */
const ROLE_DOCS: Readonly<Record<Role, string>> = {
  source: 'Where items come from: one component, { name: options }.',
  operator: 'What is done with each item: one component, { name: options }.',
  sink: 'Where items go: one component, { name: options }.',
  connection: 'What pipelines share: one connection, { kind: options }.',
};

type EditorSchema = JsonSchema & {
  $schema?: string;
  $ref?: string;
  title?: string;
  definitions?: Record<string, EditorSchema>;
};

/**
 * The JSON schema of a pipeline file for editors: every key and option with its docs, values, default and examples.
 * Checks less than `iovpipe check`, which alone knows what an included file holds.
 */
export function editorSchema(): EditorSchema {
  const config = jsonSchema(ConfigSchema);
  const pipelines = config.properties?.pipelines as JsonSchema;
  const pipeline = valueSchema(pipelines);
  const withComponents: JsonSchema = {
    ...config,
    properties: {
      ...config.properties,
      connections: {
        ...config.properties?.connections,
        ...eachNamed(config.properties?.connections, ref('connection')),
      },
      pipelines: {
        ...pipelines,
        ...eachNamed(pipelines, {
          ...pipeline,
          properties: {
            ...pipeline.properties,
            source: ref('source'),
            operators: {
              ...pipeline.properties?.operators,
              items: ref('operator'),
              description: 'What is done with each item, one after another.',
            },
            sink: ref('sink'),
          },
        }),
      },
    },
  };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'iovpipe pipeline file',
    ...forEditors(withComponents),
    definitions: Object.fromEntries(
      (['source', 'operator', 'sink', 'connection'] as const).map((role) => [role, oneOfRole(role)]),
    ),
  };
}

/** The same of a file of tests. */
export function testSchema(): EditorSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Tests of an iovpipe pipeline file',
    ...forEditors(jsonSchema(TestFileSchema)),
  };
}

function ref(role: Role): EditorSchema {
  return { $ref: `#/definitions/${role}` };
}

/** `{ name: options }` for every component of a role. */
function oneOfRole(role: Role): EditorSchema {
  const properties = componentsOf(role).map((spec) => {
    const options = forEditors(jsonSchema(spec.options));
    const description = [spec.summary, spec.description].filter(Boolean).join('\n\n');
    // A component whose options all have defaults may stand alone: `authenticate:`.
    const schema = options.required ? options : { ...options, type: ['object', 'null'] as unknown as 'object' };
    return [spec.name, { ...schema, description }] as const;
  });
  return {
    type: 'object',
    description: ROLE_DOCS[role],
    properties: Object.fromEntries(properties),
    minProperties: 1,
    maxProperties: 1,
    additionalProperties: false,
  };
}

function valueSchema(record: JsonSchema): JsonSchema {
  return Object.values(record.patternProperties ?? {})[0] ?? {};
}

function eachNamed(record: JsonSchema | undefined, value: JsonSchema): JsonSchema {
  return { patternProperties: { [Object.keys(record?.patternProperties ?? {})[0] ?? '']: value } };
}

/** Option schemas as editors want them: an option with a default may be left out, and a text may be a substitution. */
function forEditors(schema: JsonSchema): EditorSchema {
  const { connection, peer, secret, expected, keys, ...plain } = schema;
  const result: EditorSchema = { ...plain };
  if (schema.required) {
    const required = schema.required.filter((name) => schema.properties?.[name]?.default === undefined);
    if (required.length > 0) result.required = required;
    else delete result.required;
  }
  if (schema.properties) result.properties = mapValues(schema.properties, forEditors);
  if (schema.patternProperties) result.patternProperties = mapValues(schema.patternProperties, forEditors);
  if (schema.items) result.items = forEditors(schema.items);
  const listed = choices(schema);
  if (schema.anyOf && listed) {
    delete result.anyOf;
    return { ...result, enum: listed };
  }
  if (schema.anyOf) result.anyOf = schema.anyOf.map(forEditors);
  const isLarge = schema.type === 'integer' && (schema.maximum ?? Number.POSITIVE_INFINITY) >= 1_000;
  if (isLarge) return either(result, GROUPED_INTEGER);
  const isNarrowText = schema.type === 'string' && (schema.pattern || schema.maxLength || schema.format);
  const isIncludable = schema.type === 'array' || schema.patternProperties;
  if (!isNarrowText && !isIncludable) return result;
  return either(result, SUBSTITUTION);
}

/** The schema, or another way of writing the same; its docs stand above both, where editors look for them. */
function either({ description, default: usual, examples, ...kind }: EditorSchema, other: JsonSchema): EditorSchema {
  return {
    ...(description !== undefined && { description }),
    ...(usual !== undefined && { default: usual }),
    ...(examples !== undefined && { examples }),
    anyOf: [kind, other],
  };
}

function mapValues(
  record: { readonly [name: string]: JsonSchema },
  change: (schema: JsonSchema) => EditorSchema,
): { [name: string]: EditorSchema } {
  return Object.fromEntries(Object.entries(record).map(([name, schema]) => [name, change(schema)]));
}
