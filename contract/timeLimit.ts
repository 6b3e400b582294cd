/**
 * A signal that aborts once so many milliseconds have passed, or one of the others has aborted. Everything that waits for others
 * has its limit from here: `AbortSignal.any` holds its sources weakly, and an `AbortSignal.timeout` that nobody else holds is
 * collected as garbage before its time, so that the limit never comes (nodejs/node#57736).
 */
export function timeLimit(ms: number, ...others: readonly AbortSignal[]): AbortSignal {
  const limit = new AbortController();
  const over = () => limit.abort(new DOMException(`more than ${ms} ms`, 'TimeoutError'));
  setTimeout(over, ms).unref(); // and it holds the limit until then
  return AbortSignal.any([limit.signal, ...others]);
}
