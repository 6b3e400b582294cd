import type { Kernel, Sink, Source } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import { runChain } from '../../engine/stream.js';

/** Runs source, kernels and sink as the engine does, and notes which items failed, by origin. */
export async function drive(
  source: Source,
  kernels: readonly Kernel[],
  sink: Sink,
  stop: AbortSignal = new AbortController().signal,
): Promise<{ failed: Map<string, IovError> }> {
  const failed = new Map<string, IovError>();
  await source.open?.();
  let broken: IovError | undefined;
  try {
    await runChain({
      source: source.read(stop),
      stages: kernels.length > 0 ? [{ kernels }] : [],
      sink,
      failed: async (item, error) => {
        failed.set(item.origin, error);
        item.receipt.failed(error);
        if (error.retryable) throw error;
      },
      arrived: () => undefined,
      signal: new AbortController().signal,
    });
  } catch (thrown) {
    broken = IovError.from(thrown);
  }
  for (const kernel of kernels) await kernel.close?.(broken);
  await source.close?.();
  if (broken) throw broken;
  return { failed };
}

/** A sink that keeps what comes. */
export function keepingSink(write: (item: Item) => Promise<void> | void = () => undefined): Sink & { items: Item[] } {
  const items: Item[] = [];
  return {
    items,
    concurrency: 100,
    write: async (item) => {
      await write(item);
      items.push(item);
    },
  };
}
