import { IovError } from '../contract/error.js';
import { complain, EXIT } from './command.js';

/** For closing what was open, once work under way has settled or its time is up. */
const CLOSE_MS = 15_000;

/**
 * Aborts at the first SIGTERM or SIGINT; the second ends the process at once. Where `drainMs` says how long work under way may
 * take, it is ended when that and the closing have had their time, whatever it waits for.
 */
export function stopSignal(drainMs?: () => number): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(EXIT.failed);
      controller.abort(new IovError('STOPPED', `stopped by ${signal}`));
      if (drainMs) endsWithin(drainMs());
    });
  }
  return controller.signal;
}

function endsWithin(drainMs: number): void {
  const tooLate = () => {
    complain(
      `iovpipe: not stopped ${CLOSE_MS} ms after the ${drainMs} ms for what was under way; it is resumed at the next start`,
    );
    process.exit(EXIT.failed);
  };
  setTimeout(tooLate, drainMs + CLOSE_MS).unref();
}
