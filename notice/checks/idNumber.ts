import { isDay } from '../timeFormat.js';
import type { Check } from './check.js';

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK_DIGITS = '10X98765432';

/** GB 11643: six digits of place, eight of birth, three of order, and a check digit (ISO 7064, MOD 11-2). */
export const idNumber: Check = (value) => {
  if (!/^[1-9]\d{16}[\dX]$/.test(value)) return { rule: 'an ID number: 17 digits, then a digit or X (GB 11643)' };
  if (!isDay(value.slice(6, 14))) return { rule: 'an ID number with a day of birth that exists (GB 11643)' };
  let sum = 0;
  for (let at = 0; at < 17; at += 1) sum += (value.charCodeAt(at) - 48) * WEIGHTS[at]!;
  return value[17] === CHECK_DIGITS[sum % 11] ? undefined : { rule: 'an ID number whose check digit fits (GB 11643)' };
};
