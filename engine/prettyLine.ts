/** By level: nothing, cyan, yellow, red. */
const COLOURS: Readonly<Record<string, string>> = { info: '36', warn: '33', error: '31' };
const DIM = '2';

/** One line of the log. */
export interface Said {
  level: string;
  atMs: number;
  message: string;
  fields: object;
}

/**
 * A line of the log as a person reads it: `14:03:09 warn  a delivery broke; it is tried again  file=… attempt=2`. The time is
 * that of the machine.
 */
export function prettyLine({ level, atMs, message, fields }: Said, coloured: boolean): string {
  const paint = (code: string | undefined, words: string) =>
    coloured && code !== undefined && words !== '' ? `\u001B[${code}m${words}\u001B[0m` : words;
  const clock = new Date(atMs).toTimeString().slice(0, 8);
  const told = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${worded(value)}`],
  );
  const words = [
    `${paint(DIM, clock)} ${paint(COLOURS[level], level.padEnd(5))} ${harmless(message)}`,
    paint(DIM, told.join(' ')),
  ];
  return `${words.filter((part) => part !== '').join('  ')}\n`;
}

/** As it is where it is one word, else as JSON. */
const worded = (value: unknown): string =>
  typeof value === 'string' && /^[^\s"=\p{Cc}]+$/u.test(value) ? value : harmless(JSON.stringify(value));

/** A terminal obeys control characters, and others may have written them. */
const harmless = (words: string): string =>
  words.replace(/\p{Cc}/gu, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
