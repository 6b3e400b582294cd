import { html } from './preact.js';

/** A part of the page under its heading; `hint` says in a line what is seen. */
export const Section = ({ name, title, hint, children }) => html`
  <section id=${name} aria-labelledby=${`${name}-title`}>
    <div class="heading">
      <h2 id=${`${name}-title`}>${title}</h2>
      <p>${hint}</p>
    </div>
    ${children}
  </section>
`;

export const Nothing = ({ children }) => html`<p class="nothing">${children}</p>`;
