import { sm3Hex } from '../crypto/digest.js';
import type { Field } from './table.js';

/**
 * A value as messages and screens may show it (articles 19 and 20). What a field should hold decides how it is masked;
 * what it does hold may be something else, as when a peer mixes up its columns, so a field that is not personal shows
 * a code of at most four characters and, where it is a time field, what starts like a date of these centuries.
 */
export function maskValue(field: Pick<Field, 'personal' | 'format'> | undefined, value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = String(value);
  if (typeof value !== 'string' && typeof value !== 'number') return text;
  if (text === '') return "''";
  if (field?.personal === undefined && /^[A-Za-z0-9]{1,4}$/.test(text)) return text;
  if (field?.format !== undefined && /^(19|20)\d{6}(\d{6})?$/.test(text)) return text;
  if (field?.personal === 'name') return maskName(text);
  if (field?.personal === 'address') return maskAddress(text);
  return /\d/.test(text) ? maskNumber(text) : maskName(text);
}

/** The name of a field: one that a peer made up may be anything, a person's name too. */
export function maskKey(name: string): string {
  return /^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name) ? name : maskValue(undefined, name);
}

/** 张三丰 → 张**: how long a name is says little, so at most three stars stand for the rest. */
function maskName(text: string): string {
  const [first = '', ...rest] = text.slice(0, 8);
  return first + '*'.repeat(Math.min(3, Math.max(1, rest.length)));
}

/** 110105194912310021 → 110*************21; of what is too short to hide enough, or may hold a name, nothing shows. */
function maskNumber(text: string): string {
  if (text.length < 9 || !/^[\x20-\x7e]*$/.test(text)) return '*'.repeat(Math.min(text.length, 25));
  return `${text.slice(0, 3)}${'*'.repeat(Math.min(text.length, 25) - 5)}${text.slice(-2)}`;
}

/** 广东省深圳市南山区… → 广东省***: the province or city at the start, no more. */
function maskAddress(text: string): string {
  const place = /^.{1,3}?[省市区]/u.exec(text);
  return place ? `${place[0]}***` : maskName(text);
}

/**
 * A text of letters and digits whose numbers of eleven digits or more (a phone's, a person's, a card's) a digest stands for: the
 * same number is told alike, and nobody learns which it is.
 */
export function maskNumbers(text: string): string {
  return text.replace(/\d{11,}/g, (number) => `#${sm3Hex(number).slice(0, 8)}`);
}
