/** A configuration file as it was read, and where its lines begin. */
export class SourceText {
  readonly #lineStarts: number[] = [0];

  constructor(
    /** The path as people gave it: `pipeline.yaml`. */
    readonly name: string,
    readonly text: string,
  ) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#lineStarts.push(at + 1);
  }

  /** Line and column of an offset, both from 1. */
  position(offset: number): { line: number; column: number } {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#lineStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.#lineStarts[low]! + 1 };
  }

  /** Where a line begins and ends, without its line break. */
  lineBounds(line: number): { start: number; end: number } {
    const start = this.#lineStarts[line - 1] ?? 0;
    const next = this.#lineStarts[line];
    const end = next === undefined ? this.text.length : next - 1;
    return { start, end: this.text[end - 1] === '\r' ? end - 1 : end };
  }
}

/** A stretch of a file: offsets `start` (included) to `end` (excluded). */
export interface Mark {
  readonly source: SourceText;
  readonly start: number;
  readonly end: number;
}

/** A value of the configuration and where it was written. */
export interface Located {
  /** Plain data: `${…}` has been replaced. */
  readonly value: unknown;
  readonly mark: Mark;
  /** Where its key was written; absent at the top and in lists. */
  readonly key?: Mark;
  /** What to call the value instead of showing it: `a secret`, `the text of t1.crt`. */
  readonly hidden?: string;
  /** A fault has been told about it already, and no other is worth telling. */
  readonly broken?: true;
  /** Values of a mapping by key, or of a list by index. */
  readonly children: ReadonlyMap<string, Located>;
}

/** Keys and indices that lead to a value, from the top of the pipeline file. */
export type Path = readonly string[];

/** The value at a path, or the nearest one around it; `exact` says which. */
export function locate(root: Located, path: Path): { found: Located; exact: boolean } {
  let found = root;
  for (const step of path) {
    const child = found.children.get(step);
    if (!child) return { found, exact: false };
    found = child;
  }
  return { found, exact: true };
}

/** A text that stands under a key; undefined where there is none. */
export function textAt(located: Located | undefined, key: string): string | undefined {
  const value: unknown = located?.children.get(key)?.value;
  return typeof value === 'string' ? value : undefined;
}

/** A path as people write it: `accounts-in.operators[1].split.bytesMax`. */
export function placeOf(path: Path): string {
  const steps = path[0] === 'pipelines' && path.length > 1 ? path.slice(1) : path;
  let place = '';
  for (const step of steps) {
    if (/^\d+$/.test(step) && place !== '') place += `[${step}]`;
    else place += place === '' ? step : `.${step}`;
  }
  return place;
}
