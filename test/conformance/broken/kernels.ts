import { defineOperator, type Kernel, type OperatorSpec } from '../../../contract/component.js';
import type { Item } from '../../../contract/item.js';
import { Type } from '../../../contract/schema.js';

const broken = (name: string, create: () => Kernel, more: Partial<OperatorSpec> = {}): OperatorSpec =>
  defineOperator({
    name,
    summary: 'Broken on purpose.',
    takes: ['record'],
    gives: 'record',
    options: Type.Object({}, { additionalProperties: false }),
    examples: [{ title: 'Never', yaml: '{}' }],
    create,
    ...more,
  });

/** Takes what nobody gives. */
export const astray = broken('astray', () => ({ transform: (item) => [item] }), { takes: ['picture' as never] });

/** Its example promises an upper-case text. */
export const boasts = broken('boasts', () => ({ transform: (item) => [item] }), {
  examples: [{ title: 'Upper case', yaml: '{}', input: [{ a: 'x' }], output: [{ a: 'X' }] }],
});

/** Drops every second item, and its receipt with it. */
export const swallows = broken('swallows', () => {
  let count = 0;
  return { transform: (item) => (++count % 2 ? [item] : []) };
});

/** Acknowledges an item before it has arrived anywhere. */
export const acknowledgesEarly = broken('acknowledgesEarly', () => ({
  transform(item) {
    item.receipt.arrived();
    return [item];
  },
}));

/** Holds items back, and forgets them at the end. */
export const neverFlushes = broken('neverFlushes', () => {
  const held: Item[] = [];
  return {
    transform(item) {
      held.push(item);
      return held.length < 3 ? [] : held.splice(0);
    },
  };
});

/** Holds items back, and calls them arrived when the run breaks. */
export const claimsWhenBroken = broken('claimsWhenBroken', () => {
  const held: Item[] = [];
  return {
    transform(item) {
      held.push(item);
      return [];
    },
    flush: () => held.splice(0),
    close() {
      for (const { receipt } of held) receipt.arrived();
    },
  };
});
