import { type Command, complain, EXIT, print } from './command.js';
import { commands, type Entry } from './commands.js';

/** Every command, this one too. */
export const all: Readonly<Record<string, Entry>> = {
  ...commands,
  help: { summary: 'this page, or what a command does', load: async () => ({ command }) },
};

export const command: Command = {
  usage: 'help [COMMAND | --man]',
  help: 'Shows every command, or what one of them does.\n\n  --man   the manual page, for `man -l -`',
  options: { man: { type: 'boolean' } },
  positionalsMax: 1,
  async run({ values, positionals: [name] }) {
    if (values.man) {
      const { manPage } = await import('./manPage.js');
      print(await manPage(all));
      return EXIT.done;
    }
    if (name === undefined) {
      print(overview());
      return EXIT.done;
    }
    const entry = Object.hasOwn(all, name) ? all[name] : undefined;
    if (!entry) {
      const { didYouMean } = await import('../engine/suggest.js');
      complain(`iovpipe: expected a command, got ${JSON.stringify(name)}${didYouMean(name, Object.keys(all))}`);
      return EXIT.usage;
    }
    const { command } = await entry.load();
    print(`usage: iovpipe ${command.usage}\n\n${command.help}`);
    return EXIT.done;
  },
};

function overview(): string {
  const width = Math.max(...Object.keys(all).map((name) => name.length));
  return [
    'iovpipe carries the real-name registrations of IoV SIM cards from car makers to the regulator.',
    '',
    'usage: iovpipe COMMAND …',
    '',
    ...Object.entries(all).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    '`iovpipe help COMMAND` shows its options. Exit codes: 0 done, 1 refused input or configuration, 2 work failed, 64 wrong usage.',
  ].join('\n');
}
