import { type Command, type Commands, complain, EXIT, print } from './command.js';

export const command: Command = {
  usage: 'help [COMMAND | --man]',
  help: 'Shows every command, or what one of them does.\n\n  --man   the manual page, for `man -l -`',
  options: { man: { type: 'boolean' } },
  positionalsMax: 1,
  async run({ values, positionals: [name] }, commands) {
    if (values.man) {
      const { manPage } = await import('./manPage.js');
      print(await manPage(commands));
      return EXIT.done;
    }
    if (name === undefined) {
      print(overview(commands));
      return EXIT.done;
    }
    const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (!entry) {
      const { didYouMean } = await import('../engine/suggest.js');
      complain(`iovpipe: expected a command, got ${JSON.stringify(name)}${didYouMean(name, Object.keys(commands))}`);
      return EXIT.usage;
    }
    const { command } = await entry.load();
    print(`usage: iovpipe ${command.usage}\n\n${command.help}`);
    return EXIT.done;
  },
};

function overview(commands: Commands): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  return [
    'iovpipe carries the real-name registrations of IoV SIM cards from car makers to the regulator.',
    '',
    'usage: iovpipe COMMAND …',
    '',
    ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    '`iovpipe help COMMAND` shows its options. Exit codes: 0 done, 1 refused input or configuration, 2 work failed, 64 wrong usage.',
  ].join('\n');
}
