const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether YYYYMMDD is a day of the calendar, 1900 or later. */
export function isDay(text: string): boolean {
  if (text.length !== 8) return false;
  const year = digits(text, 0, 4);
  const month = digits(text, 4, 6);
  const day = digits(text, 6, 8);
  if (!(year >= 1900) || !(month >= 1 && month <= 12) || !(day >= 1 && day <= DAYS[month - 1]!)) return false;
  return month !== 2 || day !== 29 || (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0));
}

/** Whether YYYYMMDDHHMISS is a second of the calendar; 24:00:00 and leap seconds are not. */
export function isSecond(text: string): boolean {
  if (text.length !== 14 || !isDay(text.slice(0, 8))) return false;
  return digits(text, 8, 10) <= 23 && digits(text, 10, 12) <= 59 && digits(text, 12, 14) <= 59;
}

/** The number those characters write; NaN, which fails every comparison, where one of them is no digit. */
function digits(text: string, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    number = number * 10 + digit;
  }
  return number;
}
