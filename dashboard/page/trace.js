// Where a registration, a card or a file is, as a line of steps.
import { ask } from './data.js';
import { dayOf, timeOf } from './format.js';
import { html, useState } from './preact.js';
import { Section } from './section.js';

export function Trace({ words }) {
  const [key, setKey] = useState('');
  const [found, setFound] = useState();
  const find = async (event) => {
    event.preventDefault();
    const wanted = key.trim();
    if (wanted === '') return;
    try {
      setFound({ steps: await ask(`/api/trace?key=${encodeURIComponent(wanted)}`) });
    } catch (error) {
      setFound({ steps: [], problem: error.message });
    }
  };
  return html`
    <${Section} name="trace" title=${words.trace} hint=${words.traceHint}>
      <form class="find" role="search" onSubmit=${find}>
        <label for="key">${words.traceKey}</label>
        <input id="key" type="search" value=${key} maxlength="128" autocomplete="off" spellcheck=${false} onInput=${({ target }) => setKey(target.value)} />
        <button class="main">${words.find}</button>
      </form>
      <div role="status">
        ${found?.problem && html`<p class="nothing">${found.problem}</p>`}
        ${found && !found.problem && found.steps.length === 0 && html`<p class="nothing">${words.nothing}</p>`}
        ${
          found?.steps.length > 0 &&
          html`
          <ol class="steps">
            ${found.steps.map(
              ({ at, step, text }) => html`
                <li class=${step}>
                  <time>${dayOf(at)} <b>${timeOf(at)}</b></time>
                  <strong>${words.steps[step] ?? step}</strong>
                  <span>${text}</span>
                </li>
              `,
            )}
          </ol>
        `
        }
      </div>
    <//>
  `;
}
