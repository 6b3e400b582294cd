import { IovError } from '../contract/error.js';
import type { DeadLetter, Store } from '../contract/store.js';
import { systemClock } from '../engine/clock.js';
import type { CheckedConfig } from '../engine/config.js';
import { DeadLetterSource, type FailedAgain, obstacle, waitingLetters } from '../engine/deadLetters.js';
import { checked } from './checked.js';
import { complain, EXIT, type Given, logLevel, print, printJson, textOption } from './command.js';
import { stopSignal } from './stopSignal.js';
import { withStore } from './store.js';

/** Letters to send again, by pipeline, and why others cannot be. */
interface Chosen {
  ids: Map<string, number[]>;
  refused: { id: number; reason: string }[];
}

/** Sends dead letters through their pipelines again; a daemon may be running on the same archive. */
export async function retry(given: Given, ids: readonly string[]): Promise<number> {
  const select = selection(given, ids);
  const config = await checked(textOption(given, 'file') ?? 'pipeline.yaml');
  if (!config) return EXIT.refused;
  const { ids: byPipeline, refused } = await withStore(given, (store) => chosen(config, select, store));
  if (!given.values.json) for (const { id, reason } of refused) complain(`iovpipe: dead letter ${id}: ${reason}`);
  const { retried, failed } = await send(config, byPipeline, given);
  if (given.values.json) printJson({ retried, failed, refused });
  else {
    print(`${retried} sent again, ${failed.length} failed again`);
    for (const { id, code, reason } of failed) complain(`iovpipe: dead letter ${id}: ${code} ${reason}`);
  }
  const asked = [...byPipeline.values()].reduce((sum, { length }) => sum + length, 0);
  if (retried < asked) return EXIT.failed;
  return refused.length > 0 ? EXIT.refused : EXIT.done;
}

type Selection = { ids: number[] } | { pipeline?: string };

function selection(given: Given, words: readonly string[]): Selection {
  const pipeline = textOption(given, 'pipeline');
  const all = given.values.all === true;
  if (textOption(given, 'archive') !== undefined)
    throw new IovError('USAGE', 'dead retry needs the pipeline file (--file); --archive is not enough');
  if (Number(words.length > 0) + Number(pipeline !== undefined) + Number(all) !== 1)
    throw new IovError('USAGE', 'dead retry expects ids, --pipeline NAME or --all, and one of these only');
  const wrong = words.find((word) => !/^\d{1,15}$/.test(word));
  if (wrong !== undefined)
    throw new IovError('USAGE', `dead retry: expected the id of a dead letter, got ${JSON.stringify(wrong)}`);
  if (words.length > 0) return { ids: [...new Set(words.map(Number))] };
  return pipeline === undefined ? {} : { pipeline };
}

function chosen(config: CheckedConfig, select: Selection, store: Store): Chosen {
  const { ids, refused }: Chosen = { ids: new Map(), refused: [] };
  const take = (id: number, letter: DeadLetter | undefined) => {
    const reason = obstacle(config, letter);
    if (reason !== undefined) refused.push({ id, reason });
    else if (letter)
      ids
        .set(letter.pipeline, ids.get(letter.pipeline) ?? [])
        .get(letter.pipeline)
        ?.push(id);
  };
  if ('ids' in select) for (const id of select.ids) take(id, store.deadLetter(id));
  else for (const { id } of waitingLetters(store, select.pipeline)) take(id, store.deadLetter(id));
  return { ids, refused };
}

async function send(config: CheckedConfig, byPipeline: Chosen['ids'], given: Given) {
  const failed: FailedAgain[] = [];
  let retried = 0;
  if (byPipeline.size === 0) return { retried, failed };
  const [{ Engine }, { openLog }] = await Promise.all([import('../engine/engine.js'), import('../engine/log.js')]);
  const log = openLog({ level: logLevel(given, 'silent') });
  const signal = stopSignal(() => config.drainMs);
  const engine = await Engine.open(config, { clock: systemClock, log, stop: signal });
  try {
    for (const [name, ids] of byPipeline) {
      if (signal.aborted) break;
      const source = DeadLetterSource.of(engine, name, ids);
      await engine.once(name, { source, signal });
      retried += source.retried;
      failed.push(...source.failed);
    }
    return { retried, failed };
  } finally {
    await engine.close();
  }
}
