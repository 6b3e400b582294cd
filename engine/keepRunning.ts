import { setTimeout as wait } from 'node:timers/promises';
import type { Clock, Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Store } from '../contract/store.js';
import type { ChainRun } from './chain.js';
import type { CheckedPipeline } from './config.js';
import { deliveredShare, watchDeadline } from './deadline.js';
import { turns } from './schedule.js';
import { untilComplete } from './untilComplete.js';

const RESTART_MS_MIN = 1_000;
const RESTART_MS_MAX = 60_000;

/** What keeping a pipeline going needs of the engine. */
export interface Keeping {
  clock: Clock;
  log: Log;
  store: Store;
  /** How long work under way may take to settle once a stop is asked for. */
  drainMs(): number;
  /** Creates the components of one run; `atMs` is when it was due. */
  prepare(pipeline: CheckedPipeline, atMs?: number): Promise<ChainRun>;
  /** Opens the connections that its components have asked for and that are not open. */
  connect(pipeline: CheckedPipeline): Promise<void>;
}

/** A finite pipeline runs to its end; a lasting one is started again when it breaks, later and later while it does not last. */
export async function keepRunning(
  pipeline: CheckedPipeline,
  first: ChainRun | undefined,
  keeping: Keeping,
  stop: AbortSignal,
): Promise<void> {
  const { log } = keeping;
  let run = first;
  for (let delayMs = 0; ; ) {
    const begunMs = performance.now();
    try {
      await attempt(pipeline, run, keeping, stop);
      return;
    } catch (thrown) {
      const error = IovError.from(thrown);
      if (stop.aborted && error.code === 'STOPPED') return noteStop(pipeline, error, log);
      if (stop.aborted || (pipeline.source.spec.lasts === 'finite' && !error.retryable)) {
        log.error({ pipeline: pipeline.name, code: error.code }, error.message);
        throw error;
      }
      delayMs = delayAfter(delayMs, begunMs);
      log.error({ pipeline: pipeline.name, code: error.code, againInMs: delayMs }, error.message);
      await pause(delayMs, stop);
      if (stop.aborted) return;
      run = undefined;
    }
  }
}

/** Runs a pipeline whenever it is due. A schedule never ends in silence: it goes on where the store remembers it. */
export async function keepSchedule(pipeline: CheckedPipeline, keeping: Keeping, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    try {
      await takeTurns(pipeline, keeping, stop);
      return;
    } catch (thrown) {
      if (stop.aborted) return;
      const { code, message } = IovError.from(thrown);
      const fields = { pipeline: pipeline.name, code, againInMs: RESTART_MS_MAX, alarm: 'scheduleFailed' };
      keeping.log.error(fields, message);
      await pause(RESTART_MS_MAX, stop);
    }
  }
}

async function takeTurns(pipeline: CheckedPipeline, keeping: Keeping, stop: AbortSignal): Promise<void> {
  const { schedule, name } = pipeline;
  const { clock, log, store } = keeping;
  if (!schedule) return;
  const isShared = pipeline.operators.some(({ spec }) => spec.name === 'lanes');
  for await (const turn of turns({ pipeline: name, ...schedule, isShared }, clock, store, stop)) {
    const done = new AbortController();
    if (turn.finishByMs !== undefined) {
      // the pace counts from when the work begins: one that is caught up is late, and not slow
      const work = {
        name,
        startMs: Math.min(clock.now(), turn.finishByMs - 1),
        deadlineMs: turn.finishByMs,
        progress: () => deliveredShare(store.status().windows, name, turn.dueMs),
      };
      void watchDeadline(work, clock, log, AbortSignal.any([done.signal, stop]));
    }
    try {
      await untilDelivered(pipeline, turn.dueMs, keeping, stop);
    } finally {
      done.abort();
    }
    if (stop.aborted) return;
  }
}

/** Runs a due window until it is delivered: each attempt resumes the one before. */
async function untilDelivered(
  pipeline: CheckedPipeline,
  dueMs: number,
  keeping: Keeping,
  stop: AbortSignal,
): Promise<void> {
  const { log } = keeping;
  for (let delayMs = 0; !stop.aborted; ) {
    const begunMs = performance.now();
    try {
      return await untilComplete(pipeline.name, () => attempt(pipeline, undefined, keeping, stop, dueMs), log, stop);
    } catch (thrown) {
      const error = IovError.from(thrown);
      if (stop.aborted && error.code === 'STOPPED') return noteStop(pipeline, error, log);
      delayMs = delayAfter(delayMs, begunMs);
      const fields = { pipeline: pipeline.name, code: error.code, againInMs: delayMs, alarm: 'exportFailed' };
      log.error(fields, error.message);
      await pause(delayMs, stop);
    }
  }
}

/** Opens what a run needs and runs it to its end; whatever happens it is closed. It is prepared here where it has not been. */
export async function attempt(
  pipeline: CheckedPipeline,
  prepared: ChainRun | undefined,
  keeping: Keeping,
  stop: AbortSignal,
  dueMs?: number,
): Promise<void> {
  const run = prepared ?? (await keeping.prepare(pipeline, dueMs));
  try {
    await keeping.connect(pipeline);
    await runToEnd(pipeline, run, keeping, stop);
  } finally {
    await run.close();
  }
}

/** Once `stop` has come what is under way has `drainMs` to settle. */
async function runToEnd(
  { name }: CheckedPipeline,
  run: ChainRun,
  { log, store, drainMs }: Keeping,
  stop: AbortSignal,
): Promise<void> {
  let drain: NodeJS.Timeout | undefined;
  const drainEnds = () => {
    const boundMs = drainMs();
    const late = () => {
      run.abort(new IovError('STOPPED', `${name}: still busy ${boundMs} ms after the stop`));
      store.release?.(); // what its components wait for when they close
    };
    drain = setTimeout(late, boundMs);
  };
  // it may have come while the connections opened
  if (stop.aborted) drainEnds();
  else stop.addEventListener('abort', drainEnds, { once: true });
  try {
    await run.open();
    await run.run(stop);
    log.info({ pipeline: name }, 'pipeline has ended');
  } finally {
    stop.removeEventListener('abort', drainEnds);
    clearTimeout(drain);
  }
}

/** What a stop has broken off is no failure: the next start takes it up. */
function noteStop({ name }: CheckedPipeline, { message }: IovError, log: Log): void {
  log.info({ pipeline: name }, `stopped, and resumed at the next start: ${message}`);
}

/** Twice the delay before it, within bounds; the smallest again after an attempt that lasted: what broke it is another trouble. */
function delayAfter(delayMs: number, begunMs: number): number {
  const lasted = performance.now() - begunMs > RESTART_MS_MAX;
  return lasted ? RESTART_MS_MIN : Math.min(Math.max(RESTART_MS_MIN, 2 * delayMs), RESTART_MS_MAX);
}

/** By the machine's timers, whatever any clock says, and whenever it is set. */
async function pause(delayMs: number, stop: AbortSignal): Promise<void> {
  await wait(delayMs, undefined, { signal: stop }).catch(() => undefined);
}
