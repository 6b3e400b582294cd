// Files that commands ask for, against their six hours.
import { momentOf, span } from './format.js';
import { html } from './preact.js';
import { Nothing, Section } from './section.js';

const SHOWN_MAX = 10;
const LAST_HALF_HOUR_MS = 1_800_000;

export function Commands({ words, ledger }) {
  const sums = { open: 0, asked: 0, delivered: 0, expired: 0, failed: 0 };
  for (const counts of ledger?.dueFiles ?? []) for (const state of Object.keys(sums)) sums[state] += counts[state];
  const due = (ledger?.due ?? []).slice(0, SHOWN_MAX);
  return html`
    <${Section} name="commands" title=${words.commands} hint=${words.commandsHint}>
      <p class="stages">
        ${Object.entries(sums).map(([state, number]) => html`<span class=${number > 0 ? state : 'none'}>${words[state]} <b>${number}</b></span>`)}
      </p>
      ${ledger && due.length === 0 && html`<${Nothing}>${words.noCommands}<//>`}
      <ol class="due">
        ${due.map((one) => html`<${Due} key=${one.name} ...${{ words, one }} now=${ledger.at} />`)}
      </ol>
    <//>
  `;
}

function Due({ words, one, now }) {
  const { name, content, state, acceptedAt, dueAt, reason } = one;
  const left = dueAt - now;
  const gone = Math.min(1, Math.max(0, (now - acceptedAt) / (dueAt - acceptedAt)));
  const mood = left < LAST_HALF_HOUR_MS ? 'late' : gone > 0.5 ? 'warm' : '';
  const told = left < 0 ? `${words.overdue} ${span(-left, words)}` : `${span(left, words)} ${words.left}`;
  const what = content === 'HT' ? words.contract : words.pictures;
  return html`
    <li class=${mood} title=${`${what}, ${words[state]}; ${words.due} ${momentOf(dueAt)}`}>
      <h3>${name}</h3>
      <div class="bar thin" role="progressbar" aria-label=${name} aria-valuenow=${Math.round(gone * 100)} aria-valuemin="0" aria-valuemax="100">
        <i style=${{ width: `${gone * 100}%` }}></i>
      </div>
      <strong>${told}</strong>
      ${reason && html`<p class="why">${reason}</p>`}
    </li>
  `;
}
