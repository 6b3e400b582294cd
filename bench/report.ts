/** One figure beside its floor in the same run. */
export interface Row {
  bench: string;
  scale: string;
  figure: string;
  floor: string;
  /** Figure over floor; absent where there is no floor. */
  ratio?: number;
  /** The ratio we want to reach; what is below it falls short, without failing the run. */
  goal?: number;
  peakBytes?: number;
  /** Limits that this row breaks, in words. */
  broken: string[];
}

const HEAD = ['bench', 'scale', 'figure', 'floor', 'ratio', 'goal', 'peak RSS', ''] as const;

export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.bench,
    row.scale,
    row.figure,
    row.floor,
    row.ratio === undefined ? '' : row.ratio.toFixed(2),
    row.goal === undefined ? '' : row.goal.toFixed(2),
    row.peakBytes === undefined ? '' : `${Math.round(row.peakBytes / 1e6)} MB`,
    row.broken.join('; '),
  ]);
  const all = [[...HEAD], ...cells];
  const widths = HEAD.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  return all
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export const mbPerSecond = (bytes: number, seconds: number): string => `${(bytes / 1e6 / seconds).toFixed(1)} MB/s`;
