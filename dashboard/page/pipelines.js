// The drawing: each pipeline a line of its components, with what flows on every edge.
import { count, momentOf, percent, rate } from './format.js';
import { html } from './preact.js';
import { Section } from './section.js';

/** Below this share of a second an edge that waits is nothing to show. */
const HELD_FROM = 0.15;
const HELD_HARD = 0.6;

export function Pipelines({ words, view, ledger, shapes }) {
  const counters = new Map((view?.pipelines ?? []).map((one) => [one.name, one]));
  const turns = new Map((ledger?.schedules ?? []).map((one) => [one.pipeline, one]));
  return html`
    <${Section} name="pipelines" title=${words.pipelines} hint=${words.pipelinesHint}>
      <ol class="pipelines">
        ${(shapes ?? []).map(
          (shape) =>
            html`<${Pipeline} key=${shape.name} ...${{ words, shape }} counted=${counters.get(shape.name)} turn=${turns.get(shape.name)} />`,
        )}
      </ol>
    <//>
  `;
}

function Pipeline({ words, shape, counted, turn }) {
  const { source, operators, sink } = shape;
  const nodes = [...operators, sink];
  const parts = counted?.parts ?? [];
  const state = (counted?.underWay ?? 0) > 0 ? 'works' : counted?.running ? 'waits' : 'rests';
  const failed = Object.values(counted?.failures ?? {}).reduce((sum, one) => sum + one, 0);
  const isQuiet = state === 'rests' && parts.every(({ items }) => items === 0);
  return html`
    <li class=${isQuiet ? 'quiet' : ''}>
      <div class="name">
        <span class=${`dot ${state}`} title=${words[state]}></span>
        <h3>${shape.name}</h3>
        <p>
          ${failed > 0 && html`<span class="bad">${failed} ${words.failed}</span>`}
          ${
            turn
              ? html`<span>${words.next} ${momentOf(turn.nextAt)}${turn.finishBy ? `, ${words.by} ${turn.finishBy}` : ''}</span>`
              : html`<span>${shape.manual ? words.manual : words[state]}</span>`
          }
        </p>
      </div>
      <div class="chain">
        <${Node} kind="source" ...${source} />
        ${nodes.map(
          (node, index) => html`
            <${Edge} words=${words} part=${parts[index]} />
            <${Node} kind=${index === nodes.length - 1 ? 'sink' : 'operator'} part=${parts[index]} words=${words} ...${node} />
          `,
        )}
      </div>
    </li>
  `;
}

const Node = ({ kind, name, on, summary, part, words }) => html`
  <span class=${`node ${kind}`} title=${summary}>
    ${name}${on && html`<small>${on}</small>`}
    ${part?.underWay > 0 && part.limit > 1 && html`<small class="at-work">${part.underWay}/${part.limit}</small>`}
    ${part?.failed > 0 && html`<small class="bad" title=${words.failed}>${part.failed}</small>`}
  </span>
`;

function Edge({ words, part }) {
  if (!part) return html`<span class="edge"><i></i></span>`;
  const perSecond = part.shape === 'bytes' ? part.recordsPerSecond : part.itemsPerSecond;
  const held = part.full >= HELD_HARD ? 'hard' : part.full >= HELD_FROM ? 'some' : '';
  const flows = perSecond > 0 ? 'flows' : '';
  const seen = perSecond > 0 ? rate(perSecond) : '';
  return html`
    <span class=${`edge ${flows} ${held}`} title=${`${count(part.records || part.items)} ${part.shape}`}>
      <b>${seen}</b><i></i>
      <em>${held ? `${words.held} ${percent(part.full)}` : ''}</em>
    </span>
  `;
}
