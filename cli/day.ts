import { IovError } from '../contract/error.js';
import { isCutoff } from '../notice/cutoff.js';
import { type Given, textOption } from './command.js';

/**
 * What `--day` says: YYYYMMDD, a day of Asia/Shanghai.
 * @throws IovError USAGE
 */
export function dayOption(given: Given): string | undefined {
  const day = textOption(given, 'day');
  if (day === undefined || (/^\d{8}$/.test(day) && isCutoff(`${day}00`))) return day;
  throw new IovError('USAGE', `--day: expected a day as YYYYMMDD, got ${JSON.stringify(day)}`);
}
