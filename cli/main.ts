#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { IovError } from '../contract/error.js';
import { type Command, complain, EXIT, type Given } from './command.js';
import { commands } from './commands.js';

/** Other spellings that people try. */
const ALIASES: Readonly<Record<string, string>> = {
  '--help': 'help',
  '-h': 'help',
  '--version': 'version',
  '-v': 'version',
  '-V': 'version',
};

/** Runs one command line and gives its exit code. */
async function main(words: readonly string[]): Promise<number> {
  const [first = 'help', ...rest] = words;
  const name = ALIASES[first] ?? first;
  if (!Object.hasOwn(commands, name)) {
    const { didYouMean } = await import('../engine/suggest.js');
    complain(`iovpipe: expected a command, got ${JSON.stringify(first)}${didYouMean(first, Object.keys(commands))}`);
    complain('`iovpipe help` shows them all.');
    return EXIT.usage;
  }
  if (rest.includes('--help') || rest.includes('-h')) return main(['help', name]);
  const { command } = await commands[name]!.load();
  const given = parse(name, command, rest);
  if (typeof given === 'string') return misused(command, given);
  if (command.audited) await (await import('./audited.js')).noteCall(name, command, given);
  return command.run(given, commands);
}

/** What was given, or what is wrong with it. */
function parse(name: string, command: Command, words: readonly string[]): Given | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: command.options,
      allowPositionals: true,
      strict: true,
    });
    if (positionals.length <= command.positionalsMax) return { values, positionals };
    return `${name} takes at most ${command.positionalsMax} words, got ${positionals.length}`;
  } catch (thrown) {
    return thrown instanceof Error ? (thrown.message.split('. ')[0] ?? thrown.message) : String(thrown);
  }
}

function misused(command: Command, problem: string): number {
  complain(`iovpipe: ${problem}`);
  complain(`usage: iovpipe ${command.usage}`);
  return EXIT.usage;
}

/** What starting again cannot mend. */
const REFUSALS: readonly string[] = ['CONFIG_INVALID', 'CONFIG_UNREADABLE', 'CARDS_ELSEWHERE'];

/** Wrong input and configuration are the caller's to mend (1), a wrong command line too (64); anything else is failed work (2). */
function exitCodeOf({ code }: IovError): number {
  if (code === 'USAGE') return EXIT.usage;
  return REFUSALS.includes(code) ? EXIT.refused : EXIT.failed;
}

// `iovpipe list | head` closes the pipe early, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.done);
  throw error;
});

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (thrown: unknown) => {
    const error = IovError.from(thrown);
    complain(
      `iovpipe: ${error.code === 'INTERNAL' && error.cause instanceof Error ? (error.cause.stack ?? error.message) : error.message}`,
    );
    process.exitCode = exitCodeOf(error);
  },
);
