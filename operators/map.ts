import { defineOperator } from '../contract/component.js';
import { Type } from '../contract/schema.js';
import type { JsonObject } from '../contract/tags.js';

const FIELD = '^[^\\s.][^.]{0,63}$';
const Value = Type.Union(
  [Type.String({ maxLength: 10_000 }), Type.Number(), Type.Boolean(), Type.Null(), Type.Array(Type.String())],
  {
    expected: 'a text, number, boolean, null or list of texts',
  },
);

export const spec = defineOperator({
  name: 'map',
  summary: 'Renames, sets, fills in and removes fields, as a list of changes.',
  description:
    'Changes are made in this order: `remove`, `rename`, `default` (where a field is absent or empty), `set`. A renamed field keeps its place; one that is absent is passed over. Fields of the first level only.',
  takes: ['message', 'record'],
  gives: 'same',
  options: Type.Object(
    {
      remove: Type.Array(Type.String({ pattern: FIELD }), {
        default: [],
        maxItems: 1000,
        description: 'Fields to leave out.',
      }),
      rename: Type.Record(Type.String({ pattern: FIELD }), Type.String({ pattern: FIELD }), {
        default: {},
        maxProperties: 1000,
        description: 'Old name to new name.',
      }),
      default: Type.Record(Type.String({ pattern: FIELD }), Value, {
        default: {},
        maxProperties: 1000,
        description: 'Values for fields that are absent or empty.',
      }),
      set: Type.Record(Type.String({ pattern: FIELD }), Value, {
        default: {},
        maxProperties: 1000,
        description: 'Values that replace what is there.',
      }),
    },
    { additionalProperties: false },
  ),
  examples: [
    {
      title: 'The card system’s names and a constant',
      yaml: 'rename: { Iccid: ICCID }\ndefault: { BlackName: "0" }\nset: { BasicOperator: "2" }\nremove: [Remark]',
      input: [{ Iccid: '89860012345678901234', Remark: 'x', BlackName: '' }],
      output: [{ ICCID: '89860012345678901234', BlackName: '0', BasicOperator: '2' }],
    },
  ],
  create(options) {
    const removed = new Set(options.remove);
    const renamed = new Map(Object.entries(options.rename));
    const defaults = Object.entries(options.default);
    const fixed = Object.entries(options.set);
    return {
      transform(item) {
        const fields = new Map<string, unknown>();
        for (const [name, value] of Object.entries(item.value as JsonObject)) {
          if (value !== undefined && !removed.has(name)) fields.set(renamed.get(name) ?? name, value);
        }
        for (const [name, value] of defaults) {
          const present = fields.get(name);
          if (present === undefined || present === null || present === '') fields.set(name, value);
        }
        for (const [name, value] of fixed) fields.set(name, value);
        return [{ ...item, value: Object.fromEntries(fields) }];
      },
    };
  },
});
