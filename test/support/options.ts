import type { ComponentSpec } from '../../contract/component.js';
import type { TSchema } from '../../contract/schema.js';
import { conform } from '../../engine/conform.js';
import { Faults } from '../../engine/fault.js';
import { jsonSchema } from '../../engine/jsonSchema.js';
import { SourceText } from '../../engine/located.js';
import { locatedValue } from './locatedText.js';

/** Options as `check` hands them to a component: defaults applied, refused where the schema refuses them. */
export function optionsOf(spec: Pick<ComponentSpec, 'options'>, given: object): Record<string, never> {
  return conformed(spec.options, given) as Record<string, never>;
}

/** A value with its defaults, as `check` hands it on. */
export function conformed(schema: TSchema, given: object): unknown {
  const value: unknown = structuredClone(given);
  const faults = new Faults();
  conform(jsonSchema(schema), locatedValue(value, new SourceText('options', '')), [], faults);
  const [first] = faults.list();
  if (first) throw new Error(`${first.place}: ${first.message}`);
  return value;
}
