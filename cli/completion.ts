import { type Command, type Commands, EXIT, oneOf, print } from './command.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export const command: Command = {
  usage: 'completion bash|zsh|fish',
  help: [
    'Prints what lets a shell complete command lines: commands, their options, and the words that these take.',
    '',
    '  bash   source <(iovpipe completion bash)                                  in ~/.bashrc',
    '  zsh    iovpipe completion zsh > "${fpath[1]}/_iovpipe"',
    '  fish   iovpipe completion fish > ~/.config/fish/completions/iovpipe.fish',
  ].join('\n'),
  options: {},
  words: { '': SHELLS },
  positionalsMax: 1,
  async run({ positionals: [word] }, commands) {
    const shell = oneOf(SHELLS, word, 'completion');
    const { scripts } = await import('./completionScripts.js');
    print(scripts[shell](await completables(commands)));
    return EXIT.done;
  },
};

/** Loads every command; a shell does so once, when it reads the script. */
async function completables(commands: Commands) {
  const { completableOf } = await import('./completionScripts.js');
  return Promise.all(
    Object.entries(commands).map(async ([name, entry]) =>
      completableOf(name, entry.summary, (await entry.load()).command, Object.keys(commands)),
    ),
  );
}
