/**
 * TypeScript with its comments blanked, line for line, so that a word in a comment is not taken for code.
 * Knows strings, templates and regular expressions well enough for the code of this house.
 */
export function withoutComments(text: string): string {
  return blanked(text, false);
}

/** As `withoutComments`, and with the contents of strings and regular expressions blanked too. */
export function bare(text: string): string {
  return blanked(text, true);
}

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const STRING = /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y;
const TEMPLATE_TEXT = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))+/y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const WORD = /[A-Za-z0-9_$]+/y;
/** After one of these a slash begins a regular expression; after a value it divides. */
const BEFORE_REGEX = /(?:^|[=(,:[!&|?{};+\-*%<>~]|\b(?:return|typeof|case|in|of|void|throw|await|yield))$/;

function blanked(text: string, strings: boolean): string {
  let out = '';
  let at = 0;
  let before = '';
  /** Braces open since each template's `${`; a closing one at zero goes back into the template. */
  const templates: number[] = [];
  const blank = (part: string) => part.replace(/[^\n]/g, ' ');
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const take = (part: string, shown: string, last = part) => {
    out += shown;
    at += part.length;
    if (last.trim() !== '') before = last;
  };
  const template = () => {
    const part = match(TEMPLATE_TEXT) ?? '';
    take(part, strings ? blank(part) : part, '');
    if (text.startsWith('${', at)) {
      templates.push(0);
      take('${', strings ? '  ' : '${', '(');
    } else take('`', '`', 'x');
  };
  while (at < text.length) {
    const comment = match(COMMENT);
    const string = comment === undefined ? match(STRING) : undefined;
    const regex = comment === undefined && BEFORE_REGEX.test(before) ? match(REGEX) : undefined;
    const character = text[at] ?? '';
    if (comment !== undefined) take(comment, blank(comment), '');
    else if (string !== undefined)
      take(string, strings ? `${string[0]}${blank(string.slice(1, -1))}${string[0]}` : string, 'x');
    else if (regex !== undefined) take(regex, strings ? blank(regex) : regex, 'x');
    else if (character === '`') {
      take('`', '`', '');
      template();
    } else if (character === '}' && templates.at(-1) === 0) {
      templates.pop();
      take('}', strings ? ' ' : '}', '');
      template();
    } else {
      if (character === '{' && templates.length > 0) templates[templates.length - 1]! += 1;
      if (character === '}' && templates.length > 0) templates[templates.length - 1]! -= 1;
      take(match(WORD) ?? character, match(WORD) ?? character);
    }
  }
  return out;
}
