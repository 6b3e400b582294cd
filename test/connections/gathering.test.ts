import t from 'tap';
import { Gathering } from '../../connections/gathering.js';

/** So long that a test which waits for it runs into its own limit. */
const LONG_MS = 3_600_000;

/** A gathering for so long, what it counts as arriving, and who has been let go. */
function gathering(forMs: number) {
  const state = { arriving: 0, released: [] as string[] };
  const gathered = new Gathering(forMs, () => state.arriving);
  const join = async (name: string, moreMayCome = true) => {
    await gathered.join(moreMayCome);
    state.released.push(name);
  };
  return { state, gathered, join };
}

t.test('who is alone does not wait', async (t) => {
  const { state, join } = gathering(LONG_MS);
  await join('one');
  await join('another, later');
  t.same(state.released, ['one', 'another, later']);
});

t.test('who is there waits for those that arrive, and all go on at once, in order', async (t) => {
  const { state, gathered, join } = gathering(LONG_MS);
  state.arriving = 2;
  const all = [join('a'), join('b')];
  state.arriving = 1;
  gathered.settle();
  await new Promise(setImmediate); // every promise that could have resolved has
  t.same(state.released, []);
  state.arriving = 0;
  await Promise.all([...all, join('c')]);
  t.same(state.released, ['a', 'b', 'c']);
});

t.test('somebody who leaves without a word holds up nobody any longer', async (t) => {
  const { state, gathered, join } = gathering(LONG_MS);
  state.arriving = 1;
  const waiting = join('a');
  state.arriving = 0;
  gathered.settle();
  await waiting;
  t.same(state.released, ['a']);
});

t.test('somebody who never arrives holds up the others for no longer than that', async (t) => {
  const { state, join } = gathering(5);
  state.arriving = 1;
  await Promise.all([join('a'), join('b')]);
  await join('c');
  t.same(state.released, ['a', 'b', 'c']);
});

t.test('with 0 nobody waits', async (t) => {
  const { state, join } = gathering(0);
  state.arriving = 5;
  await join('a');
  t.same(state.released, ['a']);
});

t.test('where no other could be taken nobody waits for one', async (t) => {
  const { state, join } = gathering(LONG_MS);
  state.arriving = 5;
  await Promise.all([join('a'), join('b', false)]);
  t.same(state.released, ['a', 'b']);
});
