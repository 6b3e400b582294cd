// Upload lanes: one place a connection that a server allows, and the file that goes over it.
import { bytes, percent } from './format.js';
import { html } from './preact.js';
import { Nothing, Section } from './section.js';

export function Lanes({ words, view }) {
  const servers = (view?.connections ?? []).filter(({ kind }) => kind === 'sftp');
  return html`
    <${Section} name="lanes" title=${words.lanes} hint=${words.lanesHint}>
      ${view && servers.length === 0 && html`<${Nothing}>${words.noLanes}<//>`}
      ${servers.map(
        ({ name, open, max, uploads }) => html`
          <div class="line"><h3>${name}</h3><span>${open} ${words.openOf} ${max}</span></div>
          <ol class="lanes">
            ${Array.from({ length: max }, (_, index) => html`<${Lane} ...${{ words, open, index }} upload=${uploads[index]} />`)}
          </ol>
        `,
      )}
    <//>
  `;
}

function Lane({ words, upload, open, index }) {
  if (!upload) {
    const state = index < open ? 'idle' : 'free';
    return html`<li class=${state}><span class="number">${index + 1}</span><span>${words[state]}</span></li>`;
  }
  const share = upload.bytes === 0 ? 1 : upload.sentBytes / upload.bytes;
  return html`
    <li class="busy" title=${upload.name}>
      <i style=${{ width: `${share * 100}%` }}></i>
      <span class="number">${index + 1}</span>
      <span class="file">${shortName(upload.name)}</span>
      <span>${percent(share)} · ${bytes(upload.bytes)}${upload.attempt > 1 ? ` · ${words.attempt} ${upload.attempt}` : ''}</span>
    </li>
  `;
}

/** The cut-off is the same for all: `KH_0002_2026111600_P_000012.bin` → `KH_0002 P 000012`. */
const shortName = (name) => name.replace(/^((?:KH|CL)_.+)_\d{10}_([PF])_(\d{6}(?:end)?)\..*$/, '$1 $2 $3');
