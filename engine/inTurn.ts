/**
 * One step after the other, whatever one of them throws: what is closed leaves nothing open behind it.
 * @throws what the first threw that failed, once all have had their turn
 */
export async function inTurn(steps: Iterable<() => Promise<void> | void>): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  if (failures.length > 0) throw failures[0];
}
