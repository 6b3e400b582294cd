import type { Commands } from './command.js';

/** The manual page of section 1, in man(7), made of the same words as `iovpipe help`. */
export async function manPage(commands: Commands): Promise<string> {
  const loaded = await Promise.all(
    Object.entries(commands).map(async ([name, entry]) => ({ name, summary: entry.summary, ...(await entry.load()) })),
  );
  return [
    '.\\" Made by `npm run generate`; a test compares.',
    '.TH IOVPIPE 1 "" "iovpipe" "User Commands"',
    '.SH NAME',
    'iovpipe \\- carries the real\\-name registrations of IoV SIM cards from car makers to the regulator',
    '.SH SYNOPSIS',
    '.B iovpipe',
    '.I COMMAND',
    '[\\fIargument\\fR \\&...]',
    '.SH DESCRIPTION',
    'A pipeline file (\\fIpipeline.yaml\\fR) says what comes from where, what is done with it, and where it goes; MIIT notice',
    '2022\\-35 prescribes the messages and files. \\fBiovpipe check\\fR tells what is wrong with it, \\fBiovpipe run\\fR runs it.',
    '.SH COMMANDS',
    ...loaded.flatMap(({ name, summary, command }) => [
      `.SS ${name}`,
      `${roff(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)}`,
      '.PP',
      '.B iovpipe',
      roff(command.usage),
      '.PP',
      '.nf',
      ...command.help.split('\n').map(roff),
      '.fi',
    ]),
    '.SH EXIT STATUS',
    ...[
      ['0', 'done'],
      ['1', 'refused input or configuration'],
      ['2', 'work failed'],
      ['64', 'wrong usage'],
    ].flatMap(([code = '', meaning = '']) => ['.TP', `.B ${code}`, meaning]),
    '.SH ENVIRONMENT',
    '.TP',
    '.B CREDENTIALS_DIRECTORY',
    'Folder of secrets, as systemd gives it; after it \\fIsecrets/\\fR beside the pipeline file.',
    '.TP',
    '.B NO_COLOR, FORCE_COLOR',
    'No colours on a terminal, or colours anywhere.',
    '.SH FILES',
    ...[
      ['pipeline.yaml', 'the pipelines'],
      ['pipeline.test.yaml', 'their tests'],
      ['peers.yaml', 'who is at the other end'],
      ['secrets/', 'keys and passwords, one a file'],
    ].flatMap(([path = '', meaning = '']) => ['.TP', `.I ${path}`, meaning]),
    '',
  ].join('\n');
}

/** A line of text: nothing in it means anything to roff. */
function roff(line: string): string {
  const escaped = line
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '\\&...')
    .replaceAll('’', "'")
    .replaceAll('·', '\\(pc');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
