import { Piscina } from 'piscina';

const IDLE_MS = 10_000;
/**
 * Workers make short-lived objects alone; a large nursery would only be memory, and so would be the buffers, many times its size,
 * that are not freed before it is full.
 */
const NURSERY_MB = 1;
/** Where cores are short, whoever waits for an answer goes before files, which have hours. */
const NICE = 10;

/** Worker threads that all run one module's default export; started when needed, ended when idle. */
export interface Pool {
  run<Result>(
    task: unknown,
    options?: { transferList?: readonly TransferableObject[]; signal?: AbortSignal },
  ): Promise<Result>;
  close(): Promise<void>;
}

type TransferableObject = ArrayBuffer | import('node:worker_threads').MessagePort;

/** @param module the worker's file */
export function openPool(module: URL, threads: number): Pool {
  const piscina = new Piscina({
    filename: module.href,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: IDLE_MS,
    // Piscina would let a worker sleep in Atomics.wait, where it is deaf to the port through which a file comes.
    atomics: 'disabled',
    niceIncrement: NICE,
    resourceLimits: { maxYoungGenerationSizeMb: NURSERY_MB },
  });
  return {
    run: (task, { transferList = [], signal } = {}) =>
      piscina.run(task, { transferList: [...transferList], ...(signal && { signal }) }),
    close: () => piscina.destroy(),
  };
}
