import type { Source } from '../../contract/component.js';
import type { Context } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import { oneLine } from '../../contract/oneLine.js';
import type { JsonObject } from '../../contract/tags.js';
import { spec } from '../../sinks/archive.js';
import type { SqliteStore } from '../../stores/sqlite/store.js';
import { drive, keepingSink } from './drive.js';
import { optionsOf } from './options.js';
import { seededRandom } from './seededRandom.js';
import { textsOf } from './testStore.js';

const WINDOW = {
  ...({ id: 0, kind: 'KH', code: '0002', cutoff: '', type: 'F', fromPosition: 0, toPosition: 1e9 } as const),
  ...({ pipeline: '', state: 'open', plannedAt: 0, options: '' } as const),
};
const order = {
  transform: (item: Item) => [{ ...item, value: oneLine(Buffer.from(String((item.value as JsonObject).ICCID))) }],
};

/**
 * Reads a source into the archive, run after run: in each one line fails for now, at most so many after its first, while
 * others before and after it are on their way; until a run comes to its end.
 * @returns the ICCIDs in the archive, and how many runs it took
 */
export async function archivedThroughBreaks(
  source: () => Source,
  { store, context }: { store: SqliteStore; context: Context },
  { seed, linesMax }: { seed: number; linesMax: number },
): Promise<{ texts: string[]; runs: number }> {
  const random = seededRandom(seed);
  let runs = 0;
  for (let isDone = false; !isDone; runs += 1) {
    const archive = await spec.create(optionsOf(spec, { kind: 'KH', code: '0002' }), context);
    let left = Math.floor(random() * linesMax);
    const breaking = keepingSink(async (item) => {
      if (left-- === 0) throw new IovError('STOPPED', 'broken off');
      await (archive as ReturnType<typeof keepingSink>).write(item);
    });
    isDone = await drive(source(), [order], breaking).then(
      () => true,
      () => false,
    );
  }
  return { texts: textsOf(store.records(WINDOW, 0, 1e9)), runs };
}
