import type { Check } from './check.js';

// No I, O, S, V, Z: they are taken for digits or for one another.
const ALPHABET = '0123456789ABCDEFGHJKLMNPQRTUWXY';
const WEIGHTS = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
const FORM = /^[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}$/;

/** GB 32100: authority and kind of body, six digits of place, nine of the body, and a check character (mod 31). */
export const creditCode: Check = (value) => {
  if (!FORM.test(value))
    return { rule: 'a unified social credit code: 18 digits and capitals without I O S V Z (GB 32100)' };
  let sum = 0;
  for (let at = 0; at < 17; at += 1) sum += ALPHABET.indexOf(value[at]!) * WEIGHTS[at]!;
  const expected = ALPHABET[(31 - (sum % 31)) % 31];
  return value[17] === expected ? undefined : { rule: 'a credit code whose check character fits (GB 32100)' };
};
