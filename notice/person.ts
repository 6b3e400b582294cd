import type { JsonObject } from '../contract/tags.js';
import { sm3Hex } from '../crypto/digest.js';

/**
 * Who holds a card, as a digest of certificate type and number (notice article 11: 一证多卡). Cards are counted by it, so
 * that the state by card needs no plain number to be compared.
 * @param record of table 8, or of table 12 with its own spelling of the number's field
 * @returns undefined where the record names no certificate
 */
export function personOf(record: JsonObject): string | undefined {
  const type = record.CustomerCertType;
  const number = record.CustomerCertNumber ?? record.CustomerCertNmuber;
  if (typeof type !== 'string' || typeof number !== 'string' || number.trim() === '') return undefined;
  return sm3Hex(`${type}|${number.trim().toUpperCase()}`); // the check character X is written in either case
}
