import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { commands } from '../../cli/commands.js';

/** A page of the documentation. */
export interface Page {
  text: string;
  /** What stands between ``` and ```, with its language. */
  fenced: readonly { language: string; text: string }[];
  /** The texts of one language. */
  blocks(language: string): string[];
  /** The cells of each row under this heading, which is that of the first column. */
  table(heading: string): string[][];
}

/** @param path from the root of the project */
export function pageOf(path: string): Page {
  const text = readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8');
  const fenced = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));
  return {
    text,
    fenced,
    blocks: (wanted) => fenced.flatMap(({ language, text }) => (language === wanted ? [text] : [])),
    table: (heading) =>
      [...text.matchAll(new RegExp(`^\\| ${heading} \\|.*\\n\\|[-|]+\\|\\n((?:\\|.*\\n)+)`, 'gm'))]
        .flatMap(([, rows = '']) => rows.trim().split('\n'))
        .map((row) => row.slice(2, -2).split(' | ')),
  };
}

/**
 * Each command that the page calls, in a line of shell or in its text, is one, and has the options it is called with.
 * @returns their names, one a call
 */
export async function commandsAreThere(t: Test, page: Page): Promise<string[]> {
  const shell = page
    .blocks('sh')
    .join('')
    .matchAll(/^iovpipe (\w+)(.*)$/gm);
  const others = page.text.matchAll(/(?:^ {4}|`)iovpipe (\w+)([^`\n]*)/gm);
  const names: string[] = [];
  for (const [, name = '', words = ''] of [...shell, ...others]) {
    names.push(name);
    t.ok(Object.hasOwn(commands, name), name);
    const options = (await commands[name]?.load())?.command.options ?? {};
    for (const [, option = ''] of words.matchAll(/--([a-z][a-z-]*)/g))
      t.ok(Object.hasOwn(options, option), `${name} --${option}`);
  }
  return names;
}
