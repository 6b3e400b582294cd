import { IovError } from '../contract/error.js';
import { isSecond } from './timeFormat.js';

// Asia/Shanghai is UTC+8 the whole year since its last summer time, in 1991. Earlier times are refused, so that a fixed
// offset is right, whatever time zone data a host has.
const OFFSET_MS = 8 * 3600_000;
const EARLIEST_MS = Date.UTC(1992, 0, 1) - OFFSET_MS;
const LATEST_MS = Date.UTC(10_000, 0, 1) - OFFSET_MS - 1;

/** The hour that a time lies in, as file names have it: YYYYMMDDHH, Asia/Shanghai (notice 6.2.1.2 a). */
export function cutoffOf(timeMs: number): string {
  return timestampOf(timeMs).slice(0, 10);
}

/**
 * When a cut-off is: what was accepted before belongs to the window.
 * @throws IovError USAGE where it is not an hour of the calendar
 */
export function cutoffMs(cutoff: string): number {
  const timeMs = parseTimestamp(`${cutoff}0000`);
  if (timeMs !== undefined) return timeMs;
  const got = JSON.stringify(cutoff.slice(0, 40));
  throw new IovError('USAGE', `cut-off: expected an hour as YYYYMMDDHH (Asia/Shanghai, from 1992 on), got ${got}`);
}

export function isCutoff(text: string): boolean {
  return parseTimestamp(`${text}0000`) !== undefined;
}

/** A time as records have it: YYYYMMDDHHMISS, Asia/Shanghai; parts of a second are dropped. */
export function timestampOf(timeMs: number): string {
  if (!(timeMs >= EARLIEST_MS && timeMs <= LATEST_MS)) {
    throw new IovError('INTERNAL', `time: expected one from 1992 to 9999, got ${timeMs} ms`);
  }
  const iso = new Date(timeMs + OFFSET_MS).toISOString(); // 2022-11-16T00:00:00.000Z
  return (
    iso.slice(0, 4) + iso.slice(5, 7) + iso.slice(8, 10) + iso.slice(11, 13) + iso.slice(14, 16) + iso.slice(17, 19)
  );
}

/** A time in Asia/Shanghai, as people read it: `2022-11-16 00:00:05`. */
export function localTime(timeMs: number): string {
  return new Date(timeMs + OFFSET_MS).toISOString().slice(0, 19).replace('T', ' ');
}

/** The time of a YYYYMMDDHHMISS, or undefined where there is no such second, or it is before 1992. */
export function parseTimestamp(text: string): number | undefined {
  if (!isSecond(text)) return undefined;
  const iso = text.replace(/(....)(..)(..)(..)(..)(..)/, '$1-$2-$3T$4:$5:$6+08:00');
  const timeMs = Date.parse(iso);
  return timeMs >= EARLIEST_MS ? timeMs : undefined;
}

/** Date and time of an entry in a zip: two 16-bit words, in steps of two seconds, from 1992 to 2107. */
export interface DosTime {
  date: number;
  time: number;
}

/** The wall clock of Asia/Shanghai as a zip writes it, the same on every host. */
export function dosTimeOf(timeMs: number): DosTime {
  const text = timestampOf(timeMs);
  const part = (from: number, to: number) => Number(text.slice(from, to));
  if (part(0, 4) > 2107) throw new IovError('INTERNAL', `time in a zip: expected one until 2107, got ${text}`);
  return {
    date: ((part(0, 4) - 1980) << 9) | (part(4, 6) << 5) | part(6, 8),
    time: (part(8, 10) << 11) | (part(10, 12) << 5) | (part(12, 14) >> 1),
  };
}
