/**
 * Makes one attempt after another, until one shows no faults or there have been so many. More than one is for machines that
 * share their cores with others; whoever shows the last one says so.
 */
export async function attempts<Result>(
  most: number,
  make: (attempt: number) => Promise<Result>,
  faults: (result: Result) => readonly string[],
): Promise<Result[]> {
  const made: Result[] = [];
  for (let attempt = 1; attempt <= most; attempt += 1) {
    const result = await make(attempt);
    made.push(result);
    const found = faults(result);
    if (found.length === 0) break;
    process.stderr.write(`bench: attempt ${attempt} of ${most}: ${found.join('; ')}\n`);
  }
  return made;
}

/** What a row says of the attempts before it. */
export const attemptOf = (made: readonly unknown[]): string => (made.length > 1 ? `, attempt ${made.length}` : '');
