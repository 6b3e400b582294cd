import Value from 'typebox/value';
import type { ComponentSpec } from '../../contract/component.js';

/** Options as `check` hands them to a component: defaults applied, refused where the schema refuses them. */
export function optionsOf(spec: ComponentSpec, given: object): Record<string, never> {
  return Value.Parse(spec.options, Value.Default(spec.options, structuredClone(given))) as Record<string, never>;
}
