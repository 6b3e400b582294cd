const LOOK_MS = 20;

/**
 * Looks again and again until something is so: for what a ledger or a directory of another part of the process tells nobody.
 * Rejects where it takes longer than `ms`, with what `instead` sees then.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { ms = 30_000, instead = () => '' }: { ms?: number; instead?: () => string } = {},
): Promise<void> {
  const endsAt = performance.now() + ms;
  for (;;) {
    const isLast = performance.now() > endsAt; // whoever slept through the deadline looks once more
    if (await condition()) return;
    if (isLast) throw new Error(`${what}: not within ${ms} ms ${instead()}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
