import { Calendar } from './calendar.js';
import { Commands } from './commands.js';
import { useLive, usePolled } from './data.js';
import { bytes, count, dayOf, percent, timeOf } from './format.js';
import { Lanes } from './lanes.js';
import { Letters } from './letters.js';
import { Pipelines } from './pipelines.js';
import { html, render, useEffect, useState } from './preact.js';
import { Trace } from './trace.js';
import { Windows } from './windows.js';
import { preferredLanguage, wordsOf } from './words.js';

const THEMES = ['auto', 'light', 'dark'];
const SECTIONS = ['pipelines', 'windows', 'lanes', 'commands', 'letters', 'trace', 'calendar'];

function App() {
  const [language, setLanguage] = useState(preferredLanguage);
  const [theme, setTheme] = useState(localStorage.getItem('theme') ?? 'auto');
  const live = useLive();
  const shapes = usePolled('/api/pipelines', 30_000);
  const ledger = usePolled('/api/status');
  const words = wordsOf(language);
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
    localStorage.setItem('language', language);
  }, [language]);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem('theme', theme);
  }, [theme]);
  const shared = { words, view: live.view, ledger, shapes };
  return html`
    <a class="skip" href="#content">${words.skip}</a>
    <header>
      <h1><img src="/icon.svg" alt="" width="22" height="22" /> iovpipe</h1>
      <nav aria-label="iovpipe">
        ${SECTIONS.map((name) => html`<a href=${`#${name}`}>${words[name]}</a>`)}
      </nav>
      <div class="tools">
        <button type="button" onClick=${() => setLanguage(language === 'zh' ? 'en' : 'zh')}>${words.language}</button>
        <button
          type="button"
          aria-label=${`${words.theme}: ${words[theme]}`}
          onClick=${() => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length])}
        >${words[theme]}</button>
      </div>
    </header>
    <main id="content" tabindex="-1">
      <${Summary} ...${shared} state=${live.state} />
      <${Pipelines} ...${shared} />
      <div class="columns">
        <${Windows} ...${shared} />
        <${Lanes} ...${shared} />
        <${Commands} ...${shared} />
        <${Calendar} ...${shared} />
      </div>
      <${Letters} ...${shared} />
      <${Trace} ...${shared} />
    </main>
  `;
}

function Summary({ words, view, ledger, state }) {
  const total = (ledger?.records ?? []).reduce((sum, one) => sum + one.count, 0);
  const facts = ledger
    ? [
        [words.archived, count(total)],
        [words.cards, count(ledger.cards.complete)],
        [words.letters, count(ledger.deadLetters), ledger.deadLetters > 0 ? 'warm' : ''],
        [words.memory, view ? bytes(view.memoryBytes) : ''],
        [words.busy, view ? percent(view.busy) : ''],
      ]
    : [];
  return html`
    <div class="summary">
      <p class="now">
        <time>${view ? timeOf(view.at) : '––:––:––'}</time>
        <span>${view ? dayOf(view.at) : ''} · Asia/Shanghai</span>
        <span class=${`state ${state}`} role="status">${words[state]}</span>
      </p>
      <dl>${facts.map(([name, value, mood = '']) => html`<div class=${mood}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    </div>
  `;
}

render(html`<${App} />`, document.getElementById('app'));
