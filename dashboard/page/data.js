// What the page knows of the daemon: one stream of counters, and the ledger asked again and again.
import { useEffect, useState } from './preact.js';

const LEDGER_EVERY_MS = 3_000;

/** @throws Error with what the daemon says */
export async function ask(path, options) {
  const response = await fetch(path, { headers: { 'content-type': 'application/json' }, ...options });
  if (response.status === 401) location.assign('/');
  const body = await response.json();
  if (!response.ok) throw new Error(body.reason ?? response.statusText);
  return body;
}

/** The counters of the last second; `state` says whether they still come. */
export function useLive() {
  const [live, setLive] = useState({ state: 'waiting', view: undefined });
  useEffect(() => {
    let events;
    let timer;
    const open = () => {
      events = new EventSource('/api/live');
      events.addEventListener('live', ({ data }) => setLive({ state: 'live', view: JSON.parse(data) }));
      events.addEventListener('error', () => {
        setLive(({ view }) => ({ state: 'lost', view }));
        // a browser tries again where the line broke, and not where it was refused
        if (events.readyState === EventSource.CLOSED) timer = setTimeout(open, LEDGER_EVERY_MS);
      });
    };
    open();
    return () => {
      clearTimeout(timer);
      events.close();
    };
  }, []);
  return live;
}

/** An answer that is asked for again every `everyMs`, and at once where `again` changes; undefined until the first one. */
export function usePolled(path, everyMs = LEDGER_EVERY_MS, again = 0) {
  const [answer, setAnswer] = useState();
  useEffect(() => {
    let over = false;
    let timer;
    const look = async () => {
      const found = document.hidden ? undefined : await ask(path).catch(() => undefined);
      if (over) return;
      if (found) setAnswer(found);
      timer = setTimeout(look, everyMs);
    };
    look();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [path, again]);
  return answer;
}
