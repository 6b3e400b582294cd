import fc from 'fast-check';
import t from 'tap';
import { Offsets, type Step } from '../../connections/offsets.js';

const SEED = Number(process.env.IOVPIPE_SEED ?? 202235);
t.comment(`seed ${SEED}`);

t.test('what is committed is the lowest offset that has not settled, whatever the order', async (t) => {
  // each step begins the next message, with a gap before it, or settles one of those under way
  const steps = fc.array(fc.record({ isBegin: fc.boolean(), gap: fc.nat(5), which: fc.nat() }), { maxLength: 4_000 });
  const property = fc.property(fc.nat(1_000), steps, (first, steps) => {
    const offsets = new Offsets();
    const open: Step[] = [];
    let last: number | undefined;
    for (const { isBegin, gap, which } of steps) {
      if (isBegin) {
        last = last === undefined ? first : last + 1 + gap;
        open.push(offsets.begin(last));
      } else if (open.length > 0) {
        const [step] = open.splice(which % open.length, 1);
        offsets.settle(step!);
      }
      const lowest = Math.min(...open.map(({ offset }) => offset));
      const expected = open.length > 0 ? lowest : last === undefined ? undefined : last + 1;
      if (offsets.next !== expected) throw new Error(`expected ${expected}, got ${offsets.next}`);
      const settled = offsets.underWay - open.length; // those above one that is open still count
      if (settled < 0 || (open.length === 0 && settled > 0)) throw new Error(`${offsets.underWay} under way`);
    }
  });
  t.doesNotThrow(() => fc.assert(property, { seed: SEED, numRuns: 200 }));
});

t.test('what has settled is forgotten, also where one offset settles late', (t) => {
  const offsets = new Offsets();
  const late = offsets.begin(0);
  for (let offset = 1; offset <= 100_000; offset += 1) offsets.settle(offsets.begin(offset));
  t.equal(offsets.next, 0);
  offsets.settle(late);
  t.equal(offsets.next, 100_001);
  t.equal(offsets.underWay, 0);
  t.end();
});

t.test('where a partition ends is reached once what began before has settled', (t) => {
  const offsets = new Offsets();
  offsets.ended(0);
  t.equal(offsets.next, 0, 'an empty one');
  offsets.ended(3);
  t.equal(offsets.next, 3, 'one with nothing but a transaction that was taken back');
  const message = offsets.begin(5);
  offsets.ended(7);
  t.equal(offsets.next, 5);
  offsets.settle(message);
  t.equal(offsets.next, 7);
  const later = offsets.begin(8);
  offsets.ended(7);
  offsets.ended(9);
  t.equal(offsets.next, 8, 'an end that came late says nothing');
  offsets.settle(later);
  t.equal(offsets.next, 9);
  t.equal(offsets.underWay, 0);
  t.end();
});

t.test('a transaction goes up to what is neither settled nor held back, and takes a message whole', (t) => {
  const offsets = new Offsets();
  const write = () => ({ isOver: false, arrived: () => undefined });
  const [first, dead, second, late] = [0, 1, 3, 4].map((offset) => offsets.begin(offset)) as [Step, Step, Step, Step];
  first.held = [write()];
  second.held = [write(), write()];
  t.same(offsets.within(9), { next: 1, held: first.held }, 'a dead letter is still being stored');
  offsets.settle(dead);
  t.same(offsets.within(9), { next: 4, held: [...first.held, ...second.held] });
  t.same(offsets.within(2), { next: 3, held: first.held });
  late.held = [write()];
  t.equal(offsets.within(9).next, 5);
  second.held = [{ ...write(), isOver: true }, write()];
  t.same(offsets.within(9), { next: 3, held: first.held }, 'what is over is about to settle');
  t.equal(offsets.held.length, 3);
  t.end();
});
