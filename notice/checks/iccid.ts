import type { Check } from './check.js';
import { iccidIssuers } from './operators.js';

/**
 * ITU-T E.118, as China issues them: 8986, two digits of the issuer, then digits and (China Mobile) letters, 19 or 20 in
 * all. Real cards fail the Luhn digit, and new issuers appear, so both are warnings alone.
 */
export const iccid: Check = (value) => {
  if (!/^8986\d{2}[0-9A-Z]{13,14}$/.test(value)) return { rule: 'an ICCID: 8986 and 15 or 16 more digits or capitals' };
  if (!iccidIssuers.has(value.slice(4, 6)))
    return { rule: 'an ICCID of a known issuer (5th and 6th digit)', warningOnly: true };
  if (/^\d{20}$/.test(value) && !luhn(value)) return { rule: 'an ICCID whose Luhn digit fits', warningOnly: true };
  return undefined;
};

function luhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - at) - 48;
    const weighted = at % 2 === 1 ? digit * 2 : digit;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}
