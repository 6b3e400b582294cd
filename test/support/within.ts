/** What the promise gives, or a rejection where it takes longer: a deadline, so that a test that waits in vain ends and says so. */
export async function within<Result>(ms: number, what: string, promise: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // whoever slept through the deadline hears first what has come meanwhile
    timer = setTimeout(() => setImmediate(() => reject(new Error(`${what}: not within ${ms} ms`))), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
