// Dead letters: the list, newest first and page by page, one of them with its masked record, and the button that sends it again.
import { ask, usePolled } from './data.js';
import { count, momentOf } from './format.js';
import { html, useEffect, useState } from './preact.js';
import { Nothing, Section } from './section.js';

/** As many as the daemon gives at once. */
const PAGE = 100;

export function Letters({ words, ledger }) {
  const [again, setAgain] = useState(0);
  const [shown, setShown] = useState();
  const [told, setTold] = useState();
  const [before, setBefore] = useState('');
  const letters = usePolled(`/api/dead?state=waiting&before=${before}`, 3_000, again);
  const sent = (message) => {
    setTold(message);
    setShown(undefined);
    setAgain(again + 1);
  };
  return html`
    <${Section} name="letters" title=${words.letters} hint=${words.lettersHint}>
      <p class="told" role="status">${told}</p>
      ${letters?.length === 0 && html`<${Nothing}>${words.noLetters}<//>`}
      ${
        letters?.length > 0 &&
        html`
        <div class="scroll" tabindex="0" role="group" aria-label=${words.letters}>
          <table>
            <thead>
              <tr>${['when', 'pipeline', 'code', 'reason'].map((name) => html`<th scope="col">${words[name]}</th>`)}<td></td></tr>
            </thead>
            <tbody>
              ${letters.map(
                (letter) => html`
                  <tr key=${letter.id} class=${shown === letter.id ? 'open' : ''}>
                    <td class="nowrap">${momentOf(letter.at)}</td>
                    <td class="nowrap">${letter.pipeline}</td>
                    <td class="nowrap"><code>${letter.code}</code></td>
                    <td class="reason">${letter.reason}</td>
                    <td>
                      <button
                        type="button"
                        aria-expanded=${shown === letter.id}
                        aria-label=${`${shown === letter.id ? words.hide : words.show} ${letter.id}`}
                        onClick=${() => setShown(shown === letter.id ? undefined : letter.id)}
                      >${shown === letter.id ? words.hide : words.show}</button>
                    </td>
                  </tr>
                  ${shown === letter.id && html`<tr class="detail"><td colspan="5"><${Letter} ...${{ words, sent }} id=${letter.id} /></td></tr>`}
                `,
              )}
            </tbody>
          </table>
        </div>
      `
      }
      <${Pages} ...${{ words, letters, before, setBefore }} total=${ledger?.deadLetters ?? 0} />
    <//>
  `;
}

/** How many there are besides, and the way to them; nothing where all are shown. */
function Pages({ words, letters = [], total, before, setBefore }) {
  if (before === '' && letters.length < PAGE) return null;
  const last = letters.at(-1)?.id;
  return html`
    <p class="pages">
      <span>${words.shownOf} ${count(letters.length)} / ${count(total)}</span>
      <button type="button" disabled=${before === ''} onClick=${() => setBefore('')}>${words.newest}</button>
      <button type="button" disabled=${letters.length < PAGE} onClick=${() => setBefore(last)}>${words.older}</button>
    </p>
  `;
}

function Letter({ words, id, sent }) {
  const [letter, setLetter] = useState();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    ask(`/api/dead/${id}`).then(setLetter, () => setLetter(undefined));
  }, [id]);
  const retry = async () => {
    setBusy(true);
    try {
      const { retried, code, reason } = await ask(`/api/dead/${id}/retry`, { method: 'POST' });
      sent(retried ? words.retried : `${words.stays} ${code ?? ''} ${reason ?? ''}`);
    } catch (error) {
      sent(`${words.stays} ${error.message}`);
    }
    setBusy(false);
  };
  if (!letter) return html`<p>…</p>`;
  const facts = { [words.origin]: letter.origin, ...letter.tags };
  return html`
    <div class="letter">
      <p class="why">${letter.reason}</p>
      <${Facts} of=${facts} />
      ${letter.record && html`<${Facts} of=${letter.record} />`}
      ${
        letter.obstacle
          ? html`<p class="why">${words.cannot} ${letter.obstacle}</p>`
          : html`<button type="button" class="main" disabled=${busy} onClick=${retry}>${busy ? words.retrying : words.retry}</button>`
      }
    </div>
  `;
}

const Facts = ({ of }) => html`
  <dl class="facts">
    ${Object.entries(of).map(
      ([name, value]) =>
        html`<div><dt>${name}</dt><dd>${typeof value === 'object' ? JSON.stringify(value) : String(value)}</dd></div>`,
    )}
  </dl>
`;
