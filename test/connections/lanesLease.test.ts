import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { cleanEnvironment } from '../support/cleanEnvironment.js';
import { type Kafka, startKafka } from '../support/kafka.js';
import { lanesOf } from '../support/lanes.js';
import { until } from '../support/until.js';
import { within } from '../support/within.js';

// What the lease on lanes rests on, asked of a real broker with a bare member of a group: nothing of ours is tested here.
const SESSION_MS = 10_000;
const UNKNOWN_MEMBER = 25;
const MS = 60_000;
const MEMBER = fileURLToPath(new URL('../support/groupMember.js', import.meta.url));

const kafka = await startKafka();
if (kafka) t.teardown(() => kafka.stop());
const skip = kafka ? false : 'no Kafka';

/** A member of a group in a process of its own that gives no sign of life but its commits. */
async function member(t: Test, { brokers }: Kafka, topic: string) {
  const child = spawn(process.execPath, [MEMBER, brokers, topic, String(SESSION_MS)], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const told = async () => (await within(MS, 'a word', once(child, 'message')))[0] as unknown;
  t.equal(await told(), 'assigned');
  const commit = () => {
    const answer = told();
    child.send('commit');
    return answer;
  };
  return { commit, signal: (name: NodeJS.Signals) => child.kill(name) };
}

const passed = (ms: number, sinceMs = performance.now()) =>
  until('it has passed', () => performance.now() - sinceMs >= ms);

t.setTimeout(240_000);

t.test('a broker counts a commit as a sign of life', { skip }, async (t) => {
  if (!kafka) return;
  const topic = await kafka.topic(2);
  const { commit, signal } = await member(t, kafka, topic);
  await passed(0.6 * SESSION_MS);
  const committedAt = performance.now();
  t.equal(await commit(), 0, 'taken');
  signal('SIGSTOP');
  const { lanes } = await lanesOf(t, kafka, topic, { takeOverMs: 0 });
  await until('another gets what it had', () => lanes.held.size === 2, { ms: MS });
  t.ok(performance.now() - committedAt > 0.9 * SESSION_MS, 'not before the whole time has passed since the commit');
});

t.test('a member that was evicted gets an error for its commit', { skip }, async (t) => {
  if (!kafka) return;
  const topic = await kafka.topic(2);
  const { commit, signal } = await member(t, kafka, topic);
  t.equal(await commit(), 0, 'taken');
  signal('SIGSTOP');
  const { lanes } = await lanesOf(t, kafka, topic);
  await until('another has what it had', () => lanes.held.size === 2, { ms: MS });
  signal('SIGCONT');
  t.equal(await commit(), UNKNOWN_MEMBER);
});
