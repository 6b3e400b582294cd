import { once } from 'node:events';
import { systemClock } from '../../engine/clock.js';
import { openSqliteStore } from '../../stores/sqlite/store.js';
import { keptLog } from './bareContext.js';

// A process of its own that works on a store: `node storeProcess.js write|read PATH`. It says on stdout, line by line, what
// it has been promised, so that a test may kill it at any moment and hold the store to its word.

const [what, path = ''] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Commits records without end, eight callers at a time, and says each number once it has been acknowledged. */
async function write(): Promise<void> {
  const store = await openSqliteStore({ path, clock: systemClock, log: keptLog() });
  const filler = 'x'.repeat(1_000);
  for (let number = 0; ; number += 8) {
    const group = [0, 1, 2, 3, 4, 5, 6, 7].map(async (offset) => {
      const requestId = `R${number + offset}`;
      try {
        await store.commit([
          (transaction) => transaction.rememberRequest({ platformId: 'p', requestId, kind: 'KH', code: '0002' }),
          (transaction) =>
            void transaction.append({
              kind: 'KH',
              code: '0002',
              requestId,
              bytes: Buffer.from(`${requestId} ${filler}`),
            }),
        ]);
        say(requestId);
      } catch (thrown) {
        say(`failed ${requestId} ${thrown instanceof Error ? thrown.message : thrown}`);
        return false;
      }
      return true;
    });
    const done = await Promise.all(group);
    if (done.includes(false)) await once(process.stdin, 'data');
  }
}

/** Reads what there is, over and over, until told to stop; says how many records it saw each time. */
async function read(): Promise<void> {
  let stopped = false;
  process.stdin.once('data', () => {
    stopped = true;
  });
  const store = await openSqliteStore({ path, clock: systemClock, log: keptLog(), readOnly: true });
  while (!stopped) {
    const total = store.status().records.reduce((sum, { count }) => sum + count, 0);
    const steps = store.trace('R0').length;
    say(`${total} ${steps} ${store.deadLetters().length}`);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  await store.close();
  process.stdin.destroy();
}

await (what === 'write' ? write() : read());
