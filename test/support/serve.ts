import type { Engine } from '../../engine/engine.js';

/** Lets an engine serve in this process: `ready` when every listener is up, until `end`, which closes it. */
export function serve(engine: Engine) {
  const stop = new AbortController();
  let served: Promise<void> = Promise.resolve();
  const ready = new Promise<void>((resolve, reject) => {
    served = engine.serve(stop.signal, resolve);
    served.catch(reject);
  });
  ready.catch(() => undefined);
  const end = () => {
    stop.abort();
    return served.finally(() => engine.close());
  };
  return { ready, end };
}
