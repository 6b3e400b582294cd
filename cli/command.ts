import type { ParseArgsConfig } from 'node:util';
import { IovError } from '../contract/error.js';
import { LEVELS, type LogLevel } from '../engine/logWords.js';

export type OptionConfigs = NonNullable<ParseArgsConfig['options']>;

/** What was given on the command line, parsed by the command's `options`. */
export interface Given {
  values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  positionals: readonly string[];
}

/** What the audit log says of a call. */
export interface AuditedCall {
  what: string;
  /** The pipeline file that names the archive, where it is not `--file`. */
  file?: string | undefined;
}

/** One command, in its own file, loaded when it is called. */
export interface Command {
  /** What stands behind `iovpipe`: `check [FILE]`. */
  usage: string;
  /** What it does and what each option means, for `iovpipe help COMMAND`. */
  help: string;
  options: OptionConfigs;
  positionalsMax: number;
  /** For shells that complete: the words that an option takes, and under `''` those that may stand without one. */
  words?: Readonly<Record<string, readonly string[]>>;
  /**
   * It shows or changes what is kept of people: each call is noted in the audit log first. A function where not every call does,
   * or where the pipeline file is no option.
   */
  audited?: true | ((given: Given) => AuditedCall | undefined);
  /**
   * @param commands all there are, for those that tell of them
   * @returns the exit code: 0 done, 1 refused input or configuration, 2 work failed, 64 wrong usage
   */
  run(given: Given, commands: Commands): Promise<number>;
}

/** Every command by its name; a file is loaded when its command is called. */
export type Commands = Readonly<Record<string, CommandEntry>>;

export interface CommandEntry {
  /** One line for `iovpipe help`. */
  summary: string;
  load(): Promise<{ command: Command }>;
}

export const EXIT = { done: 0, refused: 1, failed: 2, usage: 64 } as const;

/** A text option; undefined where it was not given. */
export function textOption(given: Given, name: string): string | undefined {
  const value = given.values[name];
  return typeof value === 'string' ? value : undefined;
}

/**
 * The word that was given, where it is one of those that are known.
 * @param of `--format`, or a command where the word stands without an option
 * @throws IovError USAGE
 */
export function oneOf<Word extends string>(
  words: readonly Word[],
  given: string | undefined,
  of: string,
  expected = `one of ${words.join(', ')}`,
): Word {
  const word = words.find((known) => known === given);
  if (word !== undefined) return word;
  throw new IovError('USAGE', `${of}: expected ${expected}, got ${JSON.stringify(given ?? 'nothing')}`);
}

/** What `--log` says. */
export function logLevel(given: Given, usual: LogLevel): LogLevel {
  return oneOf(LEVELS, textOption(given, 'log') ?? usual, '--log', LEVELS.join(', '));
}

/** Data goes to stdout, one write a text, so that a pipe to `head` or `jq` sees nothing else. */
export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** What people must know goes to stderr. */
export function complain(text: string): void {
  process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}
