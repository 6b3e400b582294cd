// Windows against their time: a bar from the cut-off to the deadline, and the stages of their files.
import { count, cutoffTime, dayOf, minuteOf, momentOf, percent } from './format.js';
import { html } from './preact.js';
import { Nothing, Section } from './section.js';

const SHOWN_MAX = 12;
const SOON_MS = 86_400_000;

export function Windows({ words, ledger }) {
  const windows = ledger ? chosen(ledger) : [];
  const turns = (ledger?.schedules ?? []).filter(({ nextAt }) => nextAt - ledger.at < SOON_MS);
  return html`
    <${Section} name="windows" title=${words.windows} hint=${words.windowsHint}>
      ${ledger && windows.length === 0 && html`<${Nothing}>${words.noWindows}<//>`}
      <ol class="windows">
        ${windows.map((one) => html`<${Window} key=${one.name} ...${{ words, one }} now=${ledger.at} />`)}
      </ol>
      <ol class="turns">
        ${turns.map(
          ({ pipeline, nextAt, finishBy }) => html`
            <li><span>${pipeline}</span><span>${words.next} ${momentOf(nextAt)}${finishBy ? `, ${words.by} ${finishBy}` : ''}</span></li>
          `,
        )}
      </ol>
    <//>
  `;
}

/** What is open, and what has been due today; of older ones the last. */
function chosen({ windows, at }) {
  const today = dayOf(at);
  const current = windows.filter(({ state, cutoff }) => state === 'open' || dayOf(cutoffTime(cutoff)) === today);
  return (current.length > 0 ? current : windows.slice(-2)).sort(urgentFirst).slice(0, SHOWN_MAX);
}

/** What is open stands above what is done. */
function urgentFirst(one, other) {
  if (one.state !== other.state) return one.state === 'open' ? -1 : 1;
  return (
    other.cutoff.localeCompare(one.cutoff) ||
    other.name.slice(0, 2).localeCompare(one.name.slice(0, 2)) ||
    one.name.localeCompare(other.name)
  );
}

function Window({ words, one, now }) {
  const { name, state, records, files, deadline, cutoff } = one;
  const [verdict, mood] = verdictOf(words, one, now);
  if (state === 'delivered') {
    return html`
      <li class=${`done ${mood}`}>
        <h3>${name}</h3>
        <span>${count(records.total)} ${words.records} · ${count(files.delivered)} ${words.files}</span>
        <strong>${verdict}</strong>
      </li>
    `;
  }
  const share = records.total === 0 ? 0 : records.delivered / records.total;
  const planned = files.known - files.packed - files.uploading - files.delivered;
  const stages = [
    ['planned', planned],
    ['packed', files.packed],
    ['uploading', files.uploading],
    ['delivered', files.delivered],
  ];
  const start = cutoffTime(cutoff);
  const gone = deadline ? Math.min(1, Math.max(0, (now - start) / (deadline - start))) : undefined;
  return html`
    <li class=${mood}>
      <div class="line"><h3>${name}</h3><strong>${verdict}</strong></div>
      <div class="bar" role="progressbar" aria-label=${name} aria-valuenow=${Math.round(share * 100)} aria-valuemin="0" aria-valuemax="100">
        <i style=${{ width: `${share * 100}%` }}></i>
        ${gone !== undefined && html`<u style=${{ left: `${gone * 100}%` }}></u>`}
      </div>
      <p class="line">
        <span>${percent(share)} · ${count(records.delivered)} / ${count(records.total)} ${words.records}</span>
        <span>${deadline ? `${momentOf(start)} → ${minuteOf(deadline)}` : momentOf(start)}</span>
      </p>
      <p class="stages">
        ${stages.map(([stage, number]) => html`<span class=${number > 0 ? stage : 'none'}>${words[stage]} <b>${number}</b></span>`)}
      </p>
    </li>
  `;
}

function verdictOf(words, { state, deadline, deliveredAt, expectedAt }, now) {
  if (state === 'delivered') {
    const late = deadline !== undefined && deliveredAt > deadline;
    return [`${late ? words.late : words.delivered} ${minuteOf(deliveredAt)}`, late ? 'late' : 'good'];
  }
  if (deadline !== undefined && now > deadline) return [words.late, 'late'];
  if (expectedAt === undefined) return [words.open, ''];
  const risk = deadline !== undefined && expectedAt > deadline;
  return [`${risk ? words.atRisk : words.expected} ${minuteOf(expectedAt)}`, risk ? 'late' : ''];
}
