// Numbers and times as the page shows them. Every time is Asia/Shanghai, as in the notice.
const zone = { timeZone: 'Asia/Shanghai', hourCycle: 'h23' };
const clock = new Intl.DateTimeFormat('en-GB', { ...zone, hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minute = new Intl.DateTimeFormat('en-GB', { ...zone, hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('sv-SE', { ...zone, year: 'numeric', month: '2-digit', day: '2-digit' });
const whole = new Intl.NumberFormat('en-US');

export const timeOf = (ms) => clock.format(ms);
export const minuteOf = (ms) => minute.format(ms);
/** `2026-11-16`. */
export const dayOf = (ms) => day.format(ms);
export const momentOf = (ms) => `${dayOf(ms).slice(5)} ${minuteOf(ms)}`;
export const count = (value) => whole.format(Math.round(value));

/** A rate in few digits: 0.4, 12, 1.2k. */
export function rate(value) {
  if (value >= 9_950) return `${(value / 1_000).toFixed(value >= 99_500 ? 0 : 1)}k`;
  if (value >= 9.95 || value === 0) return String(Math.round(value));
  return value.toFixed(1);
}

export function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  let left = value;
  while (left >= 1_000 && at < units.length - 1) {
    left /= 1_000;
    at += 1;
  }
  return `${left >= 100 || at === 0 ? Math.round(left) : left.toFixed(1)} ${units[at]}`;
}

/** `5 h 42 min`, `42 min`, `30 s`, in the words of the language. */
export function span(ms, { hours, minutes, seconds }) {
  const total = Math.max(0, Math.round(ms / 1_000));
  const whole = Math.floor(total / 3_600);
  const rest = Math.floor((total % 3_600) / 60);
  if (whole > 0) return `${whole} ${hours} ${String(rest).padStart(2, '0')} ${minutes}`;
  return rest > 0 ? `${rest} ${minutes}` : `${total} ${seconds}`;
}

export const percent = (share) => `${Math.round(share * 100)} %`;

/** The start of a cut-off's hour: `2026111600`. */
export function cutoffTime(cutoff) {
  const [, year, month, date, hour] = /^(\d{4})(\d\d)(\d\d)(\d\d)$/.exec(cutoff) ?? [];
  return Date.parse(`${year}-${month}-${date}T${hour}:00:00+08:00`);
}
