/** 归属运营商 of table 12 (BasicOperator). */
export type OperatorCode = '1' | '2' | '3';
export const TELECOM: OperatorCode = '1';
export const MOBILE: OperatorCode = '2';
export const UNICOM: OperatorCode = '3';

function byPrefix(groups: readonly (readonly [OperatorCode, string])[]): ReadonlyMap<string, OperatorCode> {
  return new Map(groups.flatMap(([operator, prefixes]) => prefixes.split(' ').map((prefix) => [prefix, operator])));
}

/** Who issued a card, by the fifth and sixth digits of its ICCID, after 8986. */
export const iccidIssuers = byPrefix([
  [TELECOM, '03 11'],
  [MOBILE, '00 02 04 07 08'],
  [UNICOM, '01 06 09'],
]);

/** Whose network a card belongs to, by the two digits after 460 in its IMSI. */
export const imsiNetworks = byPrefix([
  [TELECOM, '03 05 11'],
  [MOBILE, '00 02 04 07 08 13'],
  [UNICOM, '01 06 09'],
]);

/** Who was given a range of IoV numbers, by its first digits. Numbers move between operators, so this shows little. */
export const msisdnRanges = byPrefix([
  [TELECOM, '1410 10649'],
  [MOBILE, '1440 1441 148 10648'],
  [UNICOM, '146 10646'],
]);
