/** A line of a diff: in both, only expected, or only come. */
export interface DiffLine {
  mark: ' ' | '-' | '+';
  text: string;
}

/** Above this many pairs of lines the middle is told as a whole; nobody reads such a diff line by line. */
const PAIRS_MAX = 4_000_000;

/** The longest common subsequence of two texts, as a diff. */
export function diffLines(expected: readonly string[], came: readonly string[]): DiffLine[] {
  let start = 0;
  while (start < expected.length && start < came.length && expected[start] === came[start]) start += 1;
  let end = 0;
  const left = () => Math.min(expected.length, came.length) - start;
  while (end < left() && expected[expected.length - 1 - end] === came[came.length - 1 - end]) end += 1;
  return [
    ...lines(' ', expected.slice(0, start)),
    ...middle(expected.slice(start, expected.length - end), came.slice(start, came.length - end)),
    ...lines(' ', expected.slice(expected.length - end)),
  ];
}

const lines = (mark: DiffLine['mark'], texts: readonly string[]): DiffLine[] => texts.map((text) => ({ mark, text }));

function middle(expected: readonly string[], came: readonly string[]): DiffLine[] {
  const width = came.length + 1;
  if ((expected.length + 1) * width > PAIRS_MAX) return [...lines('-', expected), ...lines('+', came)];
  // common[i * width + j]: how many lines expected from i and came from j have in common
  const common = new Uint32Array((expected.length + 1) * width);
  for (let i = expected.length - 1; i >= 0; i -= 1) {
    for (let j = came.length - 1; j >= 0; j -= 1) {
      const below = common[(i + 1) * width + j]!;
      const right = common[i * width + j + 1]!;
      common[i * width + j] = expected[i] === came[j] ? common[(i + 1) * width + j + 1]! + 1 : Math.max(below, right);
    }
  }
  const found: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < expected.length || j < came.length) {
    if (i < expected.length && j < came.length && expected[i] === came[j]) {
      found.push({ mark: ' ', text: expected[i]! });
      i += 1;
      j += 1;
    } else if (
      j === came.length ||
      (i < expected.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) {
      found.push({ mark: '-', text: expected[i]! });
      i += 1;
    } else {
      found.push({ mark: '+', text: came[j]! });
      j += 1;
    }
  }
  return found;
}
