import type { Source, SourceSpec } from '../../contract/component.js';
import type { Context } from '../../contract/context.js';
import type { PackedFile } from '../../contract/file.js';
import type { Item } from '../../contract/item.js';
import { optionsOf } from './options.js';
import { within } from './within.js';

/** A source of files that is being read. */
export interface Watching {
  /** The next file, within so many ms. */
  next(ms?: number): Promise<Item<PackedFile>>;
  /** So many, in order of their names. */
  take(count: number): Promise<Item<PackedFile>[]>;
  /** Asks it to stop and closes it. */
  stop(): Promise<void>;
}

export async function watching(spec: SourceSpec, options: object, context: Context): Promise<Watching> {
  const source = (await spec.create(optionsOf(spec, options), context)) as Source;
  await source.open?.();
  const stop = new AbortController();
  const items = source.read(stop.signal)[Symbol.asyncIterator]();
  const next = async (ms = 30_000) => {
    const { value, done } = await within(ms, 'the next file', items.next());
    if (done) throw new Error('the source has ended');
    return value as Item<PackedFile>;
  };
  return {
    next,
    async take(count) {
      const taken: Item<PackedFile>[] = [];
      while (taken.length < count) taken.push(await next());
      return taken.sort((a, b) => (a.value.name < b.value.name ? -1 : 1));
    },
    async stop() {
      stop.abort();
      await source.close?.();
    },
  };
}
