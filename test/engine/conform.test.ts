import t from 'tap';
import { conform } from '../../engine/conform.js';
import { Faults } from '../../engine/fault.js';
import type { JsonSchema } from '../../engine/jsonSchema.js';
import { locatedText } from '../support/locatedText.js';

/** The value with its defaults, and what is told of it. */
function conformed(schema: JsonSchema, yaml: string): { value: unknown; told: string[] } {
  const faults = new Faults();
  const located = locatedText(yaml);
  conform(schema, located, [], faults);
  return {
    value: located.value,
    told: faults.list().map(({ place, message }) => (place ? `${place}: ${message}` : message)),
  };
}

const RETRY: JsonSchema = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1 },
    retry: {
      type: 'object',
      properties: { attempts: { type: 'integer', default: 3, minimum: 1, maximum: 9 } },
      default: {},
      additionalProperties: false,
    },
    tags: { type: 'array', items: { type: 'string', pattern: '^[a-z]+$' }, default: [], maxItems: 2 },
  },
  required: ['name', 'retry', 'tags'],
  additionalProperties: false,
};

t.test('defaults are filled in, within mappings too, and never shared', async (t) => {
  const one = conformed(RETRY, 'name: a');
  t.strictSame(one, { value: { name: 'a', retry: { attempts: 3 }, tags: [] }, told: [] });
  t.strictSame(conformed(RETRY, 'name: a\nretry: {}').value, one.value);
  (one.value as { tags: string[] }).tags.push('x');
  t.strictSame(conformed(RETRY, 'name: a').value, { name: 'a', retry: { attempts: 3 }, tags: [] });
});

t.test('every fault is told, each at its place', async (t) => {
  t.strictSame(conformed(RETRY, 'retry: { attempts: 1.5, attemps: 2 }\ntags: [a, B, c]').told, [
    'expected name (text), got nothing',
    'retry.attempts: expected a whole number from 1 to 9, got 1.5',
    'retry: expected attempts, got "attemps"; did you mean "attempts"?',
    'tags: expected a list of texts of at most 2 entries, got a list',
  ]);
  t.strictSame(conformed(RETRY, 'name: a\ntags: [a, B]').told, [
    'tags[1]: expected text that matches ^[a-z]+$, got "B"',
  ]);
});

t.test('of a union the branch that is a mapping tells its own faults', async (t) => {
  const schema: JsonSchema = { anyOf: [RETRY, { type: 'string', const: 'manual' }], expected: 'a mapping or manual' };
  t.strictSame(conformed(schema, 'manual').told, []);
  t.strictSame(conformed(schema, 'name: a').value, { name: 'a', retry: { attempts: 3 }, tags: [] });
  t.strictSame(conformed(schema, 'nam: a').told, [
    'expected name (text), got nothing',
    'expected one of name, retry, tags, got "nam"; did you mean "name"?',
  ]);
  t.strictSame(conformed(schema, 'auto').told, ['expected a mapping or manual, got "auto"']);
});

t.test('a bound counts characters as people do', async (t) => {
  t.strictSame(conformed({ type: 'string', maxLength: 2 }, '𠮷野').told, []);
  t.strictSame(conformed({ type: 'string', maxLength: 2 }, '𠮷野家').told, [
    'expected text of at most 2 characters, got "𠮷野家"',
  ]);
});

t.test('a list of different entries has none twice', async (t) => {
  const schema: JsonSchema = { type: 'array', items: { type: 'string' }, uniqueItems: true };
  t.strictSame(conformed(schema, '[a, b]').told, []);
  t.strictSame(conformed(schema, '[a, b, a]').told, ['expected a list of texts, each once, got a list']);
});
