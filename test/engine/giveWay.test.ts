import t from 'tap';
import { giveWayTo } from '../../engine/giveWay.js';

const connected = (callers: number) =>
  new Map([
    ['sftp', {}],
    ['t2', { callers }],
  ]);
const turn = () => new Promise((resolve) => setImmediate(resolve));

t.test('without callers nobody waits, however busy this thread is', async (t) => {
  let done = false;
  void giveWayTo(connected(0))(60_000).then(() => {
    done = true;
  });
  await Promise.resolve();
  await Promise.resolve();
  t.ok(done, 'not even a turn of the event loop');
});

t.test('with callers a thread that has time to spare waits no longer than it takes to see that', async (t) => {
  await t.resolves(giveWayTo(connected(1))(60_000), 'long before the minute is over');
});

t.test('with callers and a busy thread it waits, until they are gone or its time is over', async (t) => {
  const connections = connected(1);
  let isBusy = true;
  const work = (async () => {
    while (isBusy) {
      const until = performance.now() + 5;
      while (performance.now() < until); // nothing but work between two turns
      await turn();
    }
  })();
  const states: string[] = [];
  const patient = giveWayTo(connections)(60_000).then(() => states.push('patient'));
  await giveWayTo(connections)(30).then(() => states.push('bounded'));
  t.same(states, ['bounded']);
  connections.set('t2', { callers: 0 });
  await patient;
  t.same(states, ['bounded', 'patient']);
  isBusy = false;
  await work;
});

t.test('its time is over when the clock says so, however long the turns of a busy thread are', async (t) => {
  let isOver = false;
  let turns = 0;
  const work = (async () => {
    for (; !isOver; turns += 1) {
      const until = performance.now() + 60;
      while (performance.now() < until);
      await turn();
    }
  })();
  await giveWayTo(connected(1))(100).then(() => {
    isOver = true;
  });
  t.ok(turns <= 4, `${turns} turns of 60 ms`);
  await work;
});
