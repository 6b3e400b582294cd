import { IovError } from '../contract/error.js';
import type { JsonObject } from '../contract/tags.js';
import { maskKey } from './mask.js';

export interface JsonBounds {
  /** Objects and lists inside one another; the tables need 3. */
  depthMax: number;
}

const BOUNDS: JsonBounds = { depthMax: 32 };

/** Keys that reach an object's prototype in careless code further on. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }); // a BOM stays, and is refused

/**
 * One JSON object as a peer may send it (notice 4.2.2, 4.3.2): UTF-8 without BOM, each key once, no key that reaches a
 * prototype, of bounded depth. JSON.parse does the work; one scan of the text counts keys and depth, and a key that came
 * twice shows as more keys in the text than in the value.
 * @throws IovError MESSAGE_NOT_JSON; its message says where, and never holds a value, nor a key that may be one
 */
export function parseStrictJson(input: Uint8Array | string, bounds: JsonBounds = BOUNDS): JsonObject {
  const text = typeof input === 'string' ? input : decode(input);
  const seen = scan(text, bounds.depthMax);
  const value = parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw notJson(
      `expected one object, got ${value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`}`,
    );
  }
  if (countKeys(value) !== seen.keys)
    throw notJson(`the key ${JSON.stringify(maskKey(keyTwice(text)))} comes twice in one object`);
  return value as JsonObject;
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw notJson('expected UTF-8', cause);
  }
}

function parse(text: string): unknown {
  if (text.charCodeAt(0) === 0xfeff) throw notJson('expected UTF-8 without a byte order mark');
  try {
    return JSON.parse(text);
  } catch (thrown) {
    // V8's message quotes the text, which may be personal data; only the position is passed on.
    const position = /at position (\d+)/.exec(thrown instanceof Error ? thrown.message : '')?.[1];
    throw notJson(position ? `malformed at character ${position}` : 'malformed');
  }
}

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** Counts the colons outside strings, one a key, and refuses what is nested too deeply. The text need not be JSON yet. */
function scan(text: string, depthMax: number): { keys: number } {
  let keys = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = stringEnd(text, at);
    } else if (code === COLON) {
      keys += 1;
    } else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > depthMax) throw notJson(`nested more than ${depthMax} deep at character ${at}`);
    } else if (code === 0x7d || code === 0x5d) {
      depth -= 1;
    }
  }
  return { keys };
}

/** Where the string that opens at `start` closes; the text's end where it does not. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let before = at - 1;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((at - before) % 2 === 1) return at; // an even number of backslashes: they escape one another
  }
  return text.length;
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let keys = 0;
  if (Array.isArray(value)) {
    for (const entry of value) keys += countKeys(entry);
    return keys;
  }
  for (const key of Object.keys(value)) {
    if (FORBIDDEN.has(key)) throw notJson(`the key ${key} is not allowed`);
    keys += 1 + countKeys((value as JsonObject)[key]);
  }
  return keys;
}

/** The first key that comes twice in one object; called only on JSON known to have one. */
function keyTwice(text: string): string {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x7b) open.push(new Set());
    else if (code === 0x7d) open.pop();
    if (code !== QUOTE) continue;
    const end = stringEnd(text, at);
    const colon = /\s*:/y;
    colon.lastIndex = end + 1;
    if (colon.test(text)) {
      const key = String(JSON.parse(text.slice(at, end + 1)));
      const keys = open.at(-1);
      if (keys?.has(key)) return key.slice(0, 64);
      keys?.add(key);
    }
    at = end;
  }
  return '';
}

function notJson(what: string, cause?: unknown): IovError {
  return new IovError('MESSAGE_NOT_JSON', `JSON: ${what}`, { cause });
}
