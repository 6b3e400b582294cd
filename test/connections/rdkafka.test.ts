import t from 'tap';
import { askedUntil, type RdDone } from '../../connections/rdkafka.js';

const error = (code: number) => Object.assign(new Error(`code ${code}`), { code });

/** Answers with these errors, one after another, and then with a number; tells how long it was given each time. */
function answering(...codes: number[]) {
  const given: number[] = [];
  const ask = (done: RdDone<number>, leftMs: number) => {
    const code = codes[given.length];
    given.push(leftMs);
    if (code === undefined) done(null, 7);
    else done(error(code), undefined as never);
  };
  return { given, ask };
}

t.test('brokers that have not yet settled who answers are asked again', async (t) => {
  for (const code of [5, 6, 14, 15, 16]) {
    const { given, ask } = answering(code, code);
    t.equal(await askedUntil(10_000, ask), 7, `${code}`);
    t.equal(given.length, 3);
    t.ok((given[2] ?? 0) < (given[0] ?? 0), 'it has what is left of its time');
  }
});

t.test('what lasts is told at once', async (t) => {
  const { given, ask } = answering(3);
  await t.rejects(askedUntil(10_000, ask), { code: 3 });
  t.equal(given.length, 1);
});

t.test('they are not asked for ever', async (t) => {
  const { given, ask } = answering(...Array.from({ length: 100 }, () => 6));
  await t.rejects(askedUntil(300, ask), { code: 6 });
  t.ok(given.length > 1 && given.length < 5, `${given.length} times`);
});
