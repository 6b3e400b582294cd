/** As long as a signal is there, so is what aborts it. */
const held = new WeakMap<AbortSignal, AbortController>();

/**
 * A signal that aborts once so many milliseconds have passed, or one of the others has aborted. Everything that waits for others
 * has its limit from here: `AbortSignal.any` holds its sources weakly, and an `AbortSignal.timeout` that nobody else holds is
 * collected as garbage before its time, so that the limit never comes (nodejs/node#57736).
 */
export function timeLimit(ms: number, ...others: readonly AbortSignal[]): AbortSignal {
  const limit = new AbortController();
  const over = () => limit.abort(new DOMException(`more than ${ms} ms`, 'TimeoutError'));
  setTimeout(over, ms).unref();
  const signal = AbortSignal.any([limit.signal, ...others]);
  held.set(signal, limit);
  return signal;
}
