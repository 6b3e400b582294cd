import t from 'tap';
import { sequenceFaults } from '../../notice/sequence.js';

/** `3e`: number 3, and it says end. */
const faultsOf = (...batches: string[]) =>
  sequenceFaults(batches.map((text) => ({ sequence: Number.parseInt(text, 10), end: text.endsWith('e') })));

t.test('a window is whole from 000001 to end, in whatever order its files came', async (t) => {
  t.same(faultsOf('1e'), []);
  t.same(faultsOf('3e', '1', '2'), []);
});

t.test('gaps are told in stretches, and not without end', async (t) => {
  t.same(faultsOf('1', '3', '7e'), ['missing: 000002, 000004 to 000006']);
  t.same(faultsOf('999999e'), ['missing: 000001 to 999998']);
  const odd = Array.from({ length: 100 }, (_, index) => String(2 * index + 1));
  t.match(faultsOf(...odd, '201e')[0], /^missing: 000002, .*000040 and 80 more gaps$/);
});

t.test('end comes once, and last', async (t) => {
  t.same(faultsOf('1', '2'), ['no file says end; the last that came is 000002']);
  t.same(faultsOf('1e', '2'), ['000001 says end, but 000002 came too']);
  t.same(faultsOf('1e', '2e'), ['several files say end: 000001, 000002']);
  t.same(faultsOf('1', '1e'), ['twice: 000001']);
});
