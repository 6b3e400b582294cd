import { randomUUID } from 'node:crypto';
import t from 'tap';
import { spec } from '../../connections/lanes.js';
import type { keptLog } from '../support/bareContext.js';
import { startKafka } from '../support/kafka.js';
import { Holder } from '../support/laneHolder.js';
import { lanesOf, SESSION_MS } from '../support/lanes.js';
import { optionsOf } from '../support/options.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

const MS = 60_000;

const kafka = await startKafka();
if (kafka) t.teardown(() => kafka.stop());
const skip = kafka ? false : 'no Kafka';
const signal = new AbortController().signal;
t.setTimeout(400_000);

const warnings = (log: ReturnType<typeof keptLog>) => log.lines.filter(({ level }) => level === 'warn');
const codes = (log: ReturnType<typeof keptLog>) =>
  warnings(log).map(({ fields }) => (fields as { code?: string }).code);
const sorted = (lanes: ReadonlySet<number>) => [...lanes].sort((one, other) => one - other);

t.test('lanes', { skip }, async (t) => {
  t.setTimeout(400_000);
  if (!kafka) return;

  t.test('each lane has one holder, and the others take over when one leaves', async (t) => {
    const topic = await kafka.topic(5);
    const first = await lanesOf(t, kafka, topic);
    t.same(sorted(await within(MS, 'all lanes', first.lanes.settled(signal))), [0, 1, 2, 3, 4]);
    t.equal(first.lanes.count, 5);
    t.same(
      [1, 2, 5, 6].map((sequence) => first.lanes.laneOf(sequence)),
      [0, 1, 4, 0],
    );
    const second = await lanesOf(t, kafka, topic);
    await until('both have some', () => first.lanes.held.size > 0 && second.lanes.held.size > 0, { ms: MS });
    t.same(sorted(new Set([...first.lanes.held, ...second.lanes.held])), [0, 1, 2, 3, 4]);
    t.equal(first.lanes.held.size + second.lanes.held.size, 5, 'none has two');
    await first.lanes.close();
    t.equal(first.lanes.held.size, 0);
    await until('the other has all', () => second.lanes.held.size === 5, { ms: MS });
    t.notOk(second.lanes.refusal());
  });

  t.test('lanes that are added later are counted by all alike', async (t) => {
    const topic = await kafka.topic(2);
    const first = await lanesOf(t, kafka, topic);
    await within(MS, 'lanes', first.lanes.settled(signal));
    await kafka.grow(topic, 4);
    await until('they are handed out', () => first.lanes.held.size === 4, { ms: MS });
    const second = await lanesOf(t, kafka, topic);
    await until('both have some', () => first.lanes.held.size === 2 && second.lanes.held.size === 2, { ms: MS });
    t.same([first.lanes.count, second.lanes.count], [4, 4]);
    t.same([first.lanes.laneOf(3), second.lanes.laneOf(3)], [2, 2], 'a file has one lane');
  });

  t.test('a lane goes only when its user has closed, or has had its time', async (t) => {
    const topic = await kafka.topic(2);
    const first = await lanesOf(t, kafka, topic, { revokeMs: 1_500 });
    await within(MS, 'lanes', first.lanes.settled(signal));
    const holder = new Holder();
    first.lanes.join(holder);
    const second = await lanesOf(t, kafka, topic);
    await until('it is asked to close', () => holder.vacating, { ms: MS });
    t.equal(first.lanes.held.size, 0, 'nothing new begins');
    t.notOk(first.lanes.refusal(), 'what is under way may go on');
    t.equal(second.lanes.held.size, 0, 'nobody else has them yet');
    holder.done();
    await until('both have one', () => first.lanes.held.size === 1 && second.lanes.held.size === 1, { ms: MS });
    t.notOk(holder.hurried);
    await until('and it is told that there are lanes again', () => holder.grew > 0, { ms: MS });
    holder.vacating = false;
    await second.lanes.close();
    await until('it is asked once more', () => holder.vacating, { ms: MS });
    await until('it is hurried', () => holder.hurried, { ms: MS });
    await until('it has both', () => first.lanes.held.size === 2, { ms: MS });
    t.match(warnings(first.log), [{ message: /^the time to let the lanes go has run out/ }]);
    t.equal(warnings(first.log).length, 1, 'told, and that once');
  });

  t.test('a lease that runs out while lanes are let go is told once', async (t) => {
    const topic = await kafka.topic(1);
    const { lanes, log } = await lanesOf(t, kafka, topic, { revokeMs: 10 * SESSION_MS });
    await within(MS, 'lanes', lanes.settled(signal));
    const holder = new Holder(100);
    lanes.join(holder);
    const second = await lanesOf(t, kafka, topic);
    await until('it is asked to close', () => holder.vacating, { ms: MS });
    await within(MS, 'the lanes are handed out anew', second.lanes.settled(signal));
    t.ok(holder.hurried);
    t.same(codes(log), ['LANE_LOST'], 'told, and that once', { lines: log.lines });
  });

  t.test('where nothing is under way nothing is told to be broken off', async (t) => {
    const { lanes, log } = await lanesOf(t, kafka, await kafka.topic(1), { revokeMs: 0 });
    await within(MS, 'lanes', lanes.settled(signal));
    const holder = new Holder();
    holder.isBusy = false;
    lanes.join(holder);
    await within(MS, 'the end', lanes.close());
    t.ok(holder.hurried, 'closing took its time');
    t.same(warnings(log), []);
  });

  t.test('while the broker is away the lease runs out, and comes back with it', async (t) => {
    const { control } = kafka;
    if (!control) return t.comment('the broker was offered; it is not ours to stop');
    const topic = await kafka.topic(3);
    const { lanes, log } = await lanesOf(t, kafka, topic);
    await within(MS, 'lanes', lanes.settled(signal));
    const holder = new Holder();
    lanes.join(holder);
    await control.signal('SIGSTOP');
    t.teardown(() => control.signal('SIGCONT'));
    t.notOk(lanes.refusal(), 'a while it may go on');
    await until('the lease has run out', () => lanes.refusal() !== undefined, { ms: SESSION_MS });
    t.match(lanes.refusal(), { code: 'LANE_LOST', message: /lease on the lanes has run out/ });
    await until('what is under way is broken off', () => holder.hurried, { ms: MS });
    t.equal(lanes.held.size, 0);
    // the client may notice first, and let the lanes go
    const known = /^the (lease on the lanes|time to let the lanes go) has run out/;
    t.match(warnings(log), [{ message: known, fields: { code: 'LANE_LOST' } }]);
    t.equal(warnings(log).length, 1, 'told, and that once', { lines: log.lines });
    const waiting = lanes.settled(signal);
    await control.signal('SIGCONT');
    t.equal((await within(MS, 'lanes again', waiting)).size, 3);
  });

  t.test('a topic that is not there, or has too many partitions, is waited for and told', async (t) => {
    const topic = `later-${randomUUID()}`;
    const { lanes } = await lanesOf(t, kafka, topic);
    const waiting = lanes.settled(signal);
    await kafka.topic(2, topic);
    t.equal((await within(MS, 'lanes', waiting)).size, 2);
    const stopped = await lanesOf(t, kafka, await kafka.topic(21));
    const waitsInVain = stopped.lanes.settled(signal);
    waitsInVain.catch(() => undefined);
    await stopped.lanes.close();
    await t.rejects(waitsInVain, { code: 'STOPPED' });
  });

  t.test('more processes than lanes: who holds none knows it', async (t) => {
    const topic = await kafka.topic(1);
    const both = [await lanesOf(t, kafka, topic), await lanesOf(t, kafka, topic)];
    const told = ({ log }: { log: ReturnType<typeof keptLog> }) =>
      log.lines
        .filter(({ message }) => message === 'lanes assigned')
        .map(({ fields }) => (fields as { lanes: number[] }).lanes.length);
    const handedOut = () => both.map((one) => told(one).at(-1) ?? Number.NaN).reduce((sum, size) => sum + size, 0);
    await until('one of them has it', () => handedOut() === 1, { ms: MS });
    const found = await within(MS, 'both know', Promise.all(both.map(({ lanes }) => lanes.settled(signal))));
    t.same(found.map(({ size }) => size).sort(), [0, 1]);
  });
});

t.test('times that cannot keep the promise are refused', async (t) => {
  const broken = (changes: object) => spec.check?.(optionsOf(spec, { on: 'bus', ...changes }) as never) ?? [];
  t.same(broken({}), []);
  t.match(broken({ guardMs: 20_000 }), [{ field: 'guardMs' }]);
  t.match(broken({ renewMs: 20_000 }), [{ field: 'renewMs' }, { field: 'revokeMs' }]);
  t.match(broken({ marginMs: 20_000 }), [{ field: 'marginMs' }, { field: 'revokeMs' }]);
});
