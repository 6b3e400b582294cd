import type { Check } from './check.js';
import { msisdnRanges } from './operators.js';

/**
 * A card's number: 13 digits, or 11 as older cards and data cards have, with or without 86 in front. A number may have
 * been ported, so a range that is unknown or another operator's is a warning alone.
 */
export const msisdn: Check = (value, basicOperator) => {
  const number = /^(?:86)?(1\d{12}|1\d{10})$/.exec(value)?.[1];
  if (number === undefined) return { rule: 'a card number: 11 or 13 digits that start with 1, after 86 or not' };
  if (number.length === 11) return undefined;
  const owner =
    msisdnRanges.get(number.slice(0, 3)) ??
    msisdnRanges.get(number.slice(0, 4)) ??
    msisdnRanges.get(number.slice(0, 5));
  if (owner === undefined) return { rule: 'a 13-digit number in a range of IoV numbers', warningOnly: true };
  if (basicOperator === undefined || owner === basicOperator) return undefined;
  return {
    rule: `a number in a range of the operator named by BasicOperator; this range is of operator ${owner}`,
    warningOnly: true,
  };
};
