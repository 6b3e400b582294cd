import fc from 'fast-check';
import t from 'tap';
import { Type as Typebox } from 'typebox';
import { Type } from '../../contract/schema.js';

/** A schema as it is written, for whichever builder. */
type Written = (type: typeof Type) => object;

const more = fc.record(
  { description: fc.string(), default: fc.jsonValue(), minimum: fc.integer() },
  { requiredKeys: [], noNullPrototype: true },
);
const scalar: fc.Arbitrary<Written> = fc
  .tuple(fc.constantFrom('Boolean', 'Integer', 'Null', 'Number', 'String', 'Unknown'), more)
  .map(
    ([name, options]): Written =>
      (type) =>
        type[name as 'String'](options),
  );
const literal = fc.tuple(fc.oneof(fc.string(), fc.integer(), fc.boolean()), more).map(
  ([value, options]): Written =>
    (type) =>
      type.Literal(value, options),
);
const listed = fc.tuple(fc.uniqueArray(fc.string(), { minLength: 1 }), more).map(
  ([values, options]): Written =>
    (type) =>
      type.Enum(values, options),
);

const { schema } = fc.letrec<{ schema: Written }>((tie) => {
  const array = fc.tuple(tie('schema'), more).map(
    ([items, options]): Written =>
      (type) =>
        type.Array(items(type) as never, options),
  );
  const union = fc.tuple(fc.array(tie('schema'), { minLength: 2, maxLength: 4 }), more).map(
    ([each, options]): Written =>
      (type) =>
        type.Union(each.map((one) => one(type)) as never, options),
  );
  const mapping = fc
    .tuple(fc.option(fc.constantFrom('^[a-z]+$', '^A\\.[1-6]$'), { nil: undefined }), tie('schema'), more)
    .map(
      ([pattern, value, options]): Written =>
        (type) =>
          type.Record(type.String(pattern === undefined ? {} : { pattern }), value(type) as never, options),
    );
  const name = fc.stringMatching(/^[a-z][a-zA-Z]{0,8}$/);
  const object = fc
    .tuple(fc.dictionary(name, fc.tuple(tie('schema'), fc.boolean()), { noNullPrototype: true }), more)
    .map(
      ([properties, options]): Written =>
        (type) =>
          type.Object(
            Object.fromEntries(
              Object.entries(properties).map(([name, [inner, isOptional]]) => {
                const property = inner(type) as never;
                return [name, isOptional ? type.Optional(property) : property];
              }),
            ),
            options,
          ),
    );
  return {
    schema: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      scalar,
      literal,
      listed,
      array,
      union,
      mapping,
      object,
    ),
  };
});

t.test('schemas are what typebox makes of the same words, to the order of their keywords', async () => {
  fc.assert(
    fc.property(schema, (written) => JSON.stringify(written(Type)) === JSON.stringify(written(Typebox))),
    { numRuns: 500 },
  );
});

t.test('an optional property leaves the schema that it was made of as it is', async (t) => {
  const text = Type.String();
  t.same(Type.Object({ may: Type.Optional(text), must: text }).required, ['must']);
});
