import type { Check } from './check.js';

const WEIGHTS = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
const LETTER_VALUES: Readonly<Record<string, number>> = Object.fromEntries(
  ['AJ', 'BKS', 'CLT', 'DMU', 'ENV', 'FW', 'GPX', 'HY', 'RZ'].flatMap((letters, at) => {
    // The columns of the standard: A J are 1, B K S are 2, … G P X are 7, H Y are 8, R Z are 9.
    return [...letters].map((letter) => [letter, at + 1]);
  }),
);

const IMPORTED = '2';

/** GB 16735: 17 characters without I O Q, the ninth a check digit, which cars made abroad need not carry. */
export const vin: Check = (value, placeOfOrigin) => {
  if (!/^[0-9A-HJ-NPR-Z]{17}$/.test(value)) return { rule: 'a VIN: 17 digits and capitals without I O Q (GB 16735)' };
  let sum = 0;
  for (let at = 0; at < 17; at += 1) {
    const character = value[at]!;
    sum += (LETTER_VALUES[character] ?? Number(character)) * WEIGHTS[at]!;
  }
  if (value[8] === '0123456789X'[sum % 11]) return undefined;
  const rule = 'a VIN whose ninth character, the check digit, fits (GB 16735)';
  return placeOfOrigin === IMPORTED ? { rule, warningOnly: true } : { rule };
};
