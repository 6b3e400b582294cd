import { type Mark, type Path, placeOf } from './located.js';

/** One thing that is wrong with a pipeline file, told so that a person can mend it. */
export interface ConfigFault {
  file: string;
  /** From 1. */
  line: number;
  column: number;
  /** `accounts-in.operators[1].split.bytesMax`; empty for the file as a whole. */
  place: string;
  /** `expected …, got …`, and what to do where that is known. */
  message: string;
  /** The line and a caret below it; empty where there is no line to show. */
  excerpt: string;
}

const EXCERPT_WIDTH_MAX = 120;
const FAULTS_MAX = 200;

/** Gathers the faults of a check, so that all are told at once. */
export class Faults {
  readonly #told: { mark: Mark; path: Path; message: string }[] = [];
  readonly #hidden: Mark[] = [];

  /** @param first the file whose faults come first: the pipeline file itself */
  constructor(readonly first = '') {}

  get none(): boolean {
    return this.#told.length === 0;
  }

  add(mark: Mark, path: Path, message: string): void {
    if (this.#told.length < FAULTS_MAX) this.#told.push({ mark, path, message });
  }

  /** A stretch that no excerpt may show: a password or key that somebody wrote into the file. */
  hide(mark: Mark): void {
    this.#hidden.push(mark);
  }

  /** Every fault, in the order of the files' lines. */
  list(): ConfigFault[] {
    const faults = this.#told.map(({ mark, path, message }) => ({
      file: mark.source.name,
      ...mark.source.position(mark.start),
      place: placeOf(path),
      message,
      excerpt: this.#excerpt(mark),
    }));
    const files = [...new Set([this.first, ...faults.map((fault) => fault.file)])];
    return faults.sort(
      (one, other) =>
        files.indexOf(one.file) - files.indexOf(other.file) || one.line - other.line || one.column - other.column,
    );
  }

  #excerpt(mark: Mark): string {
    const { source } = mark;
    const { line, column } = source.position(mark.start);
    const bounds = source.lineBounds(line);
    if (bounds.start === bounds.end) return '';
    const shown = [...source.text.slice(bounds.start, bounds.end)].length;
    const from = shown > EXCERPT_WIDTH_MAX ? Math.max(bounds.start, mark.start - EXCERPT_WIDTH_MAX / 2) : bounds.start;
    const to = Math.min(bounds.end, from + EXCERPT_WIDTH_MAX);
    const text = this.#masked(mark, from, to);
    const before = text.slice(0, column - 1 - (from - bounds.start));
    const marked = text.slice(before.length, before.length + Math.max(1, Math.min(mark.end, to) - mark.start));
    const number = String(line);
    return [
      `  ${number} | ${text}`,
      `  ${' '.repeat(number.length)} | ${blank(before)}${'^'.repeat(Math.max(1, width(marked)))}`,
    ].join('\n');
  }

  #masked(mark: Mark, from: number, to: number): string {
    const characters = mark.source.text.slice(from, to).split('');
    for (const hidden of this.#hidden) {
      if (hidden.source !== mark.source) continue;
      for (let at = Math.max(from, hidden.start); at < Math.min(to, hidden.end); at += 1) characters[at - from] = '•';
    }
    return characters.join('');
  }
}

/** A fault as two to three lines: `file:line:column place: message`, then the excerpt. */
export function formatFault(fault: ConfigFault): string {
  const place = fault.place === '' ? '' : `${fault.place}: `;
  const head = `${fault.file}:${fault.line}:${fault.column} ${place}${fault.message}`;
  return fault.excerpt === '' ? head : `${head}\n${fault.excerpt}`;
}

/** Blanks as wide as the text, so that the caret stands right below Chinese text and tabs too. */
function blank(text: string): string {
  return text.replace(/[^\t]/gu, (character) => ' '.repeat(width(character)));
}

/** Columns on a terminal: a Chinese character takes two. */
function width(text: string): number {
  let columns = 0;
  for (const character of text)
    columns += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(
      character,
    )
      ? 2
      : 1;
  return columns;
}
