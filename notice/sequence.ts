const GAPS_TOLD_MAX = 20;

const written = (sequence: number) => String(sequence).padStart(6, '0');

/**
 * What is wrong with the batches of a window: they are numbered from 000001 without a gap, each number once, and the last
 * one, and only that, says `end` (notice 6.2.1.2 a, 6.2.2.2 a). Nothing where the window is whole.
 */
export function sequenceFaults(batches: readonly { sequence: number; end: boolean }[]): string[] {
  const faults: string[] = [];
  const times = new Map<number, number>();
  for (const { sequence } of batches) times.set(sequence, (times.get(sequence) ?? 0) + 1);
  const numbers = [...times.keys()].sort((one, other) => one - other);
  const gaps = gapsOf(numbers);
  if (gaps.length > 0) {
    const more = gaps.length > GAPS_TOLD_MAX ? ` and ${gaps.length - GAPS_TOLD_MAX} more gaps` : '';
    faults.push(`missing: ${gaps.slice(0, GAPS_TOLD_MAX).join(', ')}${more}`);
  }
  const doubled = numbers.filter((number) => times.get(number) !== 1);
  if (doubled.length > 0) faults.push(`twice: ${doubled.slice(0, GAPS_TOLD_MAX).map(written).join(', ')}`);
  const ends = batches.filter(({ end }) => end).map(({ sequence }) => sequence);
  const last = numbers.at(-1) ?? 0;
  const [end] = ends;
  if (end === undefined) faults.push(`no file says end; the last that came is ${written(last)}`);
  else if (ends.length > 1)
    faults.push(`several files say end: ${ends.slice(0, GAPS_TOLD_MAX).map(written).join(', ')}`);
  else if (end !== last) faults.push(`${written(end)} says end, but ${written(last)} came too`);
  return faults;
}

/** Numbers that are missing below the greatest: `000002`, `000005 to 000007`. */
function gapsOf(numbers: readonly number[]): string[] {
  const gaps: string[] = [];
  let before = 0;
  for (const number of numbers) {
    const [from, to] = [before + 1, number - 1];
    if (from === to) gaps.push(written(from));
    else if (from < to) gaps.push(`${written(from)} to ${written(to)}`);
    before = number;
  }
  return gaps;
}
