import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Effect } from '../../contract/store.js';
import { seededRandom } from '../support/seededRandom.js';
import { append, newRecord, testStore } from '../support/testStore.js';

const script = fileURLToPath(new URL('../support/storeProcess.js', import.meta.url));
const SEED = 2022;

/** A process that works on the store; its words are kept as they come. */
class StoreProcess {
  readonly acknowledged = new Set<string>();
  readonly failed: string[] = [];
  readonly child: ChildProcess;
  readonly ended: Promise<unknown[]>;
  readonly #lines: Interface;

  /** @param limitKib the kernel lets no file of that process grow above this, as if the disk were full */
  constructor(what: 'write' | 'read', path: string, limitKib?: number) {
    // without the test runner's hooks: they would turn the kernel's SIGXFSZ, which Node ignores, into an end
    const limit = limitKib === undefined ? '' : `ulimit -S -f ${limitKib}`;
    const command = `unset NODE_OPTIONS\n${limit}\nexec "$0" "$@"`;
    const child = spawn('bash', ['-c', command, process.execPath, script, what, path], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.child = child;
    this.#lines = createInterface(child.stdout);
    this.#lines.on('line', (line) => {
      if (line.startsWith('failed')) this.failed.push(line);
      else this.acknowledged.add(line);
    });
    this.ended = Promise.all([once(child, 'exit'), once(this.#lines, 'close')]);
  }

  /** Calls for each line that it says until `enough`. */
  hears(enough: (line: string) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const listener = (line: string) => {
        if (!enough(line)) return;
        this.#lines.off('line', listener);
        resolve();
      };
      this.#lines.on('line', listener);
    });
  }

  /** Everything it has said by its end has been heard when this resolves. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

t.test('whatever was acknowledged before kill -9 is there, and nothing half done', async (t) => {
  const random = seededRandom(SEED);
  const path = `${t.testdir({})}/archive.db`;
  let acknowledgedTotal = 0;
  for (let round = 0; round < 8; round += 1) {
    const writer = new StoreProcess('write', `${path}.${round}`);
    const moment = 1 + Math.floor(random() * 2_000);
    await writer.hears(() => writer.acknowledged.size === moment);
    await writer.kill();
    const { store } = await testStore(t, { path: `${path}.${round}` });
    const lost = [...writer.acknowledged].filter((requestId) => !store.read((state) => state.request('p', requestId)));
    t.same(lost, [], `killed after ${moment} acknowledgements`);
    const halfDone = [...writer.acknowledged].filter((requestId) => store.trace(requestId).length !== 2);
    t.same(halfDone, [], 'each has its request and its record');
    const [total] = store.status().records;
    const row = {
      id: 0,
      kind: 'KH',
      code: '0002',
      cutoff: '',
      type: 'F',
      fromPosition: 0,
      toPosition: 1e9,
      pipeline: '',
      state: 'open',
      plannedAt: 0,
      options: '',
    } as const;
    t.equal(total?.count, [...store.records(row, 0, 1e9)].length, 'totals agree with the records');
    acknowledgedTotal += writer.acknowledged.size;
    await store.close();
  }
  t.comment(`seed ${SEED}: 8 kills, ${acknowledgedTotal} acknowledged commits, none lost`);
});

t.test('a full disk refuses every caller, undoes all, and is no trouble once there is room', async (t) => {
  const path = `${t.testdir({})}/archive.db`;
  const writer = new StoreProcess('write', path, 3_000);
  await writer.hears(() => writer.failed.length === 8);
  t.match(writer.failed[0], /committing to the archive: the disk (is full|failed)/);
  const before = writer.acknowledged.size;
  t.ok(before > 100, `${before} commits fitted`);
  const raise = spawn('prlimit', ['--pid', `${writer.child.pid}`, '--fsize=unlimited:'], { stdio: 'inherit' });
  t.same(await once(raise, 'exit'), [0, null]);
  const goesOn = writer.hears(() => writer.acknowledged.size >= before + 500);
  writer.child.stdin?.write('go on\n');
  await goesOn;
  await writer.kill();
  const { store } = await testStore(t, { path });
  for (const line of writer.failed) {
    const [, requestId = ''] = line.split(' ');
    t.same(store.trace(requestId), [], `${requestId} was refused and not done`);
  }
  const lost = [...writer.acknowledged].filter((requestId) => store.trace(requestId).length !== 2);
  t.same(lost, []);
});

t.test('two processes read while one writes, each seeing the past grow and never half a commit', async (t) => {
  const { store, path } = await testStore(t);
  await append(store, newRecord('first'));
  const readers = [new StoreProcess('read', path), new StoreProcess('read', path)];
  const counts: number[][] = [[], []];
  let isWriting = true;
  const writing = (async () => {
    const pair = ['one', 'and two'].map(
      (text): Effect =>
        (transaction) =>
          void transaction.append(newRecord(text)),
    );
    while (isWriting) await store.commit(pair);
  })();
  await Promise.all(
    readers.map((reader, index) =>
      reader.hears((line) => {
        counts[index]?.push(Number(line.split(' ')[0]));
        const seen = counts[index] ?? [];
        return seen.length >= 100 && new Set(seen).size >= 10;
      }),
    ),
  );
  isWriting = false;
  await writing;
  for (const reader of readers) {
    reader.child.stdin?.end('stop\n');
    await reader.ended;
    t.equal(reader.child.exitCode, 0);
  }
  for (const seen of counts) {
    t.ok(
      seen.every((count, index) => index === 0 || count >= (seen[index - 1] ?? 0)),
      'never less than before',
    );
    t.ok(
      seen.every((count) => count % 2 === 1),
      'one, and pairs',
    );
  }
});
