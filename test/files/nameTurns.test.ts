import t from 'tap';
import { NameTurns } from '../../files/nameTurns.js';

/** Work that ends when it is told to, and what has begun. */
function bench() {
  const turns = new NameTurns();
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (what: string) => () => {
    begun.push(what);
    return new Promise<string>((resolve) => ends.set(what, () => resolve(what)));
  };
  return { turns, begun, work, end: (what: string) => ends.get(what)?.() };
}

t.test('one at a time of a name, in order, also after one that failed; other names do not wait', async (t) => {
  const { turns, begun, work, end } = bench();
  const first = turns.alone('a', work('first'));
  const failing = turns.alone('a', () => Promise.reject(new Error('no')));
  const third = turns.alone('a', work('third'));
  const other = turns.alone('b', work('other'));
  t.same(begun, ['first', 'other']);
  end('first');
  t.equal(await first, 'first');
  await t.rejects(failing, /no/);
  await Promise.resolve();
  t.same(begun, ['first', 'other', 'third']);
  end('third');
  end('other');
  t.same(await Promise.all([third, other]), ['third', 'other']);
});

t.test('who is stopped does not wait, and who comes next does not overtake the first', async (t) => {
  const { turns, begun, work, end } = bench();
  const first = turns.alone('a', work('first'));
  const stop = new AbortController();
  const stopped = turns.alone('a', async () => stop.signal.aborted, stop.signal);
  const last = turns.alone('a', work('last'));
  stop.abort();
  t.equal(await stopped, true);
  t.equal(await turns.alone('a', async () => 'at once', stop.signal), 'at once');
  t.same(begun, ['first']);
  end('first');
  await first;
  await new Promise(setImmediate);
  t.same(begun, ['first', 'last']);
  end('last');
  await last;
});
