import type { Kernel, OperatorSpec } from '../../contract/component.js';
import type { Context } from '../../contract/context.js';
import type { Item } from '../../contract/item.js';
import { Receipt } from '../../contract/receipt.js';
import type { Tags } from '../../contract/tags.js';
import { bareContext } from './bareContext.js';
import { optionsOf } from './options.js';

/** An operator as the engine would create it, and the item that it makes of one. */
export async function operator(spec: OperatorSpec, options: object, context: Partial<Context> = {}) {
  const kernel = (await spec.create(optionsOf(spec, options), {
    ...bareContext({ directory: '.' }),
    ...context,
  })) as Kernel;
  return async (value: unknown, tags: Tags = {}): Promise<Item> => {
    const item: Item = { value, tags, origin: 'test', effects: [], receipt: new Receipt(() => undefined) };
    const [only, ...others] = await kernel.transform(item);
    if (!only || others.length > 0) throw new Error(`expected one item, got ${only ? others.length + 1 : 0}`);
    return only;
  };
}
