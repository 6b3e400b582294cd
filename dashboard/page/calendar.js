// Windows by the day of their cut-off: the last weeks at a glance.
import { count, cutoffTime, dayOf } from './format.js';
import { html } from './preact.js';
import { Section } from './section.js';

const WEEKS = 6;
const DAY_MS = 86_400_000;

export function Calendar({ words, ledger }) {
  return html`
    <${Section} name="calendar" title=${words.calendar} hint=${words.calendarHint}>
      ${ledger && html`<${Month} ...${{ words, ledger }} />`}
    <//>
  `;
}

function Month({ words, ledger }) {
  const days = new Map();
  for (const window of ledger.windows) {
    const day = dayOf(cutoffTime(window.cutoff));
    days.set(day, [...(days.get(day) ?? []), window]);
  }
  const today = dayOf(ledger.at);
  const noon = Date.parse(`${today}T12:00:00+08:00`);
  const weekday = (new Date(noon).getUTCDay() + 6) % 7;
  const first = noon - (weekday + 7 * (WEEKS - 1)) * DAY_MS;
  const weeks = Array.from({ length: WEEKS }, (_, week) =>
    Array.from({ length: 7 }, (_, index) => dayOf(first + (7 * week + index) * DAY_MS)),
  );
  return html`
    <table class="calendar">
      <thead><tr>${words.weekdays.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
      <tbody>
        ${weeks.map(
          (week) =>
            html`<tr>${week.map((day) => html`<${Day} ...${{ words, day, today }} now=${ledger.at} windows=${days.get(day) ?? []} />`)}</tr>`,
        )}
      </tbody>
    </table>
    <p class="legend">
      ${['onTime', 'open', 'late'].map((name) => html`<span><i class=${name}></i>${words[name]}</span>`)}
    </p>
  `;
}

function Day({ words, day, today, now, windows }) {
  const isLate = ({ deadline, deliveredAt = now }) => deadline !== undefined && deliveredAt > deadline;
  const state =
    windows.length === 0
      ? 'none'
      : windows.some(isLate)
        ? 'late'
        : windows.every((one) => one.state === 'delivered')
          ? 'onTime'
          : 'open';
  const records = windows.reduce((sum, one) => sum + one.records.total, 0);
  const told = windows.length === 0 ? words.less : `${words[state]}: ${windows.map(({ name }) => name).join(', ')}`;
  return html`
    <td class=${`${state} ${day === today ? 'today' : ''} ${day > today ? 'future' : ''}`} title=${`${day} ${told}`}>
      <b>${Number(day.slice(8))}</b>
      ${windows.length > 0 && html`<span>${count(records)}</span>`}
    </td>
  `;
}
