import type { Command } from './command.js';

/** One option as shells and the manual page show it. */
export interface OptionHelp {
  name: string;
  takesValue: boolean;
  /** What its value is called: `FILE`, `LEVEL`; empty where the help does not say. */
  placeholder: string;
  /** What the help of its command says, in one line. */
  text: string;
}

/** Every option of a command with its line of help, in the order of the help. */
export function optionsOf({ options, help }: Command): OptionHelp[] {
  const lines = help.split('\n');
  return Object.entries(options).map(([name, { type }]) => {
    const line = lines.find((one) => new RegExp(`^\\s+--${name}(?![\\w-])`).test(one)) ?? '';
    const text = /^\s+--[\w-]+(?: [^\s]+)*?\s{2,}(.*)$/.exec(line)?.[1] ?? '';
    const placeholder = /^\s+--[\w-]+ (\S+)/.exec(line)?.[1] ?? '';
    return { name, takesValue: type === 'string', placeholder, text };
  });
}
