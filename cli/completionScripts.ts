import type { Command } from './command.js';
import { optionsOf } from './optionHelp.js';

interface CompletableOption {
  name: string;
  text: string;
  /** What its value may be; `anything` is left to whoever types. Absent where it takes none. */
  value?: readonly string[] | 'files' | 'anything';
}

/** A command as a shell completes it. */
export interface Completable {
  name: string;
  summary: string;
  options: CompletableOption[];
  /** What may stand without an option. */
  rest: readonly string[] | 'files' | 'anything';
}

/** What the help calls a value that is a file or a folder. */
const FILES = new Set(['FILE', 'DIR', 'PATH']);

export function completableOf(
  name: string,
  summary: string,
  command: Command,
  commands: readonly string[],
): Completable {
  const words = name === 'help' ? { '': commands } : (command.words ?? {});
  const options = optionsOf(command).map(({ name, takesValue, placeholder, text }): CompletableOption => {
    const value = words[name] ?? (FILES.has(placeholder) ? 'files' : 'anything');
    return { name, text, ...(takesValue && { value }) };
  });
  const rest = words[''] ?? (/\[FILE/.test(command.usage) ? 'files' : 'anything');
  return { name, summary, options: [...options, { name: 'help', text: 'what the command does' }], rest };
}

/** Scripts by shell. Static: they start no process while somebody types. */
export const scripts = { bash, zsh, fish } as const;

function bash(commands: readonly Completable[]): string {
  const values = commands.flatMap(({ name, options }) =>
    options.flatMap((option) => (option.value ? [`    '${name} --${option.name}') ${reply(option.value)} ;;`] : [])),
  );
  return `# bash completion of iovpipe; made by \`iovpipe completion bash\`
_iovpipe() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]}
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    ${reply(commands.map(({ name }) => name))}
    return
  fi
  case "$command $before" in
${values.join('\n')}
    *) case "$command" in
${commands.map((one) => `      ${one.name}) ${bashRest(one)} ;;`).join('\n')}
      esac ;;
  esac
}
complete -F _iovpipe iovpipe
`;
}

function reply(value: NonNullable<CompletableOption['value']>): string {
  if (value === 'files') return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word"))';
  return value === 'anything' ? ':' : `COMPREPLY=($(compgen -W '${value.join(' ')}' -- "$word"))`;
}

function bashRest({ options, rest }: Completable): string {
  const names = options.map(({ name }) => `--${name}`);
  if (rest !== 'files') return reply([...(rest === 'anything' ? [] : rest), ...names]);
  return `if [[ $word == -* ]]; then ${reply(names)}; else ${reply('files')}; fi`;
}

function zsh(commands: readonly Completable[]): string {
  const cases = commands.map(({ name, options, rest }) => {
    const specs = options.map(({ name, text, value }) => {
      return `'--${name}[${zshText(text)}]${value ? `:${name}:${zshValues(value)}` : ''}'`;
    });
    const others = rest === 'anything' ? [] : [`'*:word:${zshValues(rest)}'`];
    return `    ${name}) _arguments ${[...specs, ...others].join(' ')} ;;`;
  });
  return `#compdef iovpipe
# made by \`iovpipe completion zsh\`
_iovpipe() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    '${name}:${zshText(summary)}'`).join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
_iovpipe "$@"
`;
}

function zshValues(value: NonNullable<CompletableOption['value']>): string {
  if (value === 'files') return '_files';
  return value === 'anything' ? ' ' : `(${value.join(' ')})`;
}

/** Brackets, colons and quotes have a meaning to \`_arguments\`. */
const zshText = (text: string) => text.replace(/[[\]:\\]/g, '\\$&').replaceAll("'", '’');

function fish(commands: readonly Completable[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  const lines = commands.flatMap(({ name, summary, options, rest }) => {
    const here = `complete -c iovpipe -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c iovpipe -n 'not __fish_seen_subcommand_from ${names}' -fa ${name} -d '${fishText(summary)}'`,
      ...(rest === 'files' ? [] : [`${here}${rest === 'anything' ? ' -f' : ` -fa '${rest.join(' ')}'`}`]),
      ...options.map(({ name, text, value }) => `${here} -l ${name}${fishValue(value)} -d '${fishText(text)}'`),
    ];
  });
  return ['# made by `iovpipe completion fish`', ...lines, ''].join('\n');
}

function fishValue(value: CompletableOption['value']): string {
  if (value === undefined) return '';
  if (value === 'files') return ' -rF';
  return value === 'anything' ? ' -x' : ` -xa '${value.join(' ')}'`;
}

const fishText = (text: string) => text.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
