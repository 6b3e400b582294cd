import t from 'tap';
import type { Kernel, Sink } from '../../contract/component.js';
import { IovError } from '../../contract/error.js';
import type { Item } from '../../contract/item.js';
import { Receipt } from '../../contract/receipt.js';
import { runChain, type Stage } from '../../engine/stream.js';

interface Trial {
  read: number;
  destroyed: boolean;
  written: unknown[];
  failed: { value: unknown; message: string }[];
  settled: Map<number, boolean>;
}

/** Runs numbers 0… through stages into a sink and notes everything that happens. */
async function trial(wanted: {
  count: number;
  stages: Stage[];
  write?: (item: Item) => Promise<void>;
  concurrency?: number;
  signal?: AbortSignal;
}): Promise<Trial & { error?: unknown }> {
  const seen: Trial = { read: 0, destroyed: false, written: [], failed: [], settled: new Map() };
  async function* source(): AsyncGenerator<Item> {
    try {
      for (let value = 0; value < wanted.count; value += 1) {
        seen.read += 1;
        const receipt = new Receipt((error) => seen.settled.set(value, error === undefined));
        yield { value, tags: {}, origin: `item ${value}`, receipt, effects: [] };
      }
    } finally {
      seen.destroyed = true;
    }
  }
  const sink: Sink = {
    concurrency: wanted.concurrency ?? 1,
    write: async (item) => {
      await wanted.write?.(item);
      seen.written.push(item.value);
    },
  };
  try {
    await runChain({
      source: source(),
      stages: wanted.stages,
      sink,
      failed: async (item, error) => {
        seen.failed.push({ value: item.value, message: error.message });
        item.receipt.failed(error);
      },
      arrived: () => undefined,
      signal: wanted.signal ?? new AbortController().signal,
    });
    return seen;
  } catch (error) {
    return { ...seen, error };
  }
}

const map = (change: (value: number) => number): Kernel => ({
  transform: (item) => [{ ...item, value: change(item.value as number) }],
});
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

t.test('items come out in order, through kernels that answer at once and kernels that wait', async (t) => {
  const waits: Kernel = { transform: async (item) => [item] };
  const seen = await trial({ count: 500, stages: [{ kernels: [map((n) => n + 1), waits, map((n) => n - 1)] }] });
  t.same(seen.written, upTo(500));
  t.equal([...seen.settled.values()].filter(Boolean).length, 500);
});

t.test('a kernel that throws fails that item alone', async (t) => {
  const odd: Kernel = {
    transform: (item) => {
      if ((item.value as number) % 2) throw new IovError('RECORD_INVALID', 'odd');
      return [item];
    },
  };
  const late: Kernel = {
    transform: async (item) => {
      if ((item.value as number) % 4) throw new IovError('RECORD_INVALID', 'not by four');
      return [item];
    },
  };
  const seen = await trial({ count: 8, stages: [{ kernels: [odd, late] }] });
  t.same(seen.written, [0, 4]);
  t.same(
    seen.failed.map(({ value }) => value),
    [1, 2, 3, 5, 6, 7],
  );
  t.equal(seen.settled.size, 8);
});

t.test('what a kernel holds is flushed through the kernels after it, at the end', async (t) => {
  const held: Item[] = [];
  const hold: Kernel = {
    transform: (item) => {
      held.push(item);
      return [];
    },
    flush: () => held,
  };
  const seen = await trial({ count: 5, stages: [{ kernels: [hold, map((n) => n * 10)] }] });
  t.same(seen.written, [0, 10, 20, 30, 40]);
});

t.test('nothing is flushed when the run is broken, and the source is destroyed', async (t) => {
  let flushed = false;
  const hold: Kernel = {
    transform: () => [],
    flush: () => {
      flushed = true;
      return [];
    },
  };
  const breaker = new AbortController();
  const cut: Kernel = {
    transform: (item) => {
      if (item.value === 100) breaker.abort(new Error('cut'));
      return [item];
    },
  };
  const seen = await trial({ count: 100_000, stages: [{ kernels: [cut, hold] }], signal: breaker.signal });
  t.ok(seen.error);
  t.notOk(flushed);
  t.ok(seen.destroyed);
  t.ok(seen.read < 1_000, `read ${seen.read}`);
});

t.test('nothing is flushed when the source breaks: what it has given is not the whole', async (t) => {
  for (const count of [0, 1, 5, 50]) {
    let flushed = false;
    let closed = false;
    const hold: Kernel = {
      transform: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return [];
      },
      flush: () => {
        flushed = true;
        return [];
      },
    };
    async function* source(): AsyncGenerator<Item> {
      try {
        for (let value = 0; value < count; value += 1) {
          yield { value, tags: {}, origin: `item ${value}`, receipt: new Receipt(() => undefined), effects: [] };
        }
        throw new IovError('STOPPED', 'stopped before the end');
      } finally {
        closed = true;
      }
    }
    const run = runChain({
      source: source(),
      stages: [{ kernels: [map((n) => n)] }, { step: async (item) => item, atOnce: 2 }, { kernels: [hold] }],
      sink: { concurrency: 1, write: async () => undefined },
      failed: async () => undefined,
      arrived: () => undefined,
      signal: new AbortController().signal,
    });
    await t.rejects(run, { code: 'STOPPED' }, `after ${count} items`);
    await new Promise((resolve) => setImmediate(resolve));
    t.notOk(flushed, `nothing is flushed after ${count} items`);
    t.ok(closed);
  }
});

t.test('a source that breaks ends steps that wait for more of it', async (t) => {
  async function* source(): AsyncGenerator<Item> {
    for (let value = 0; value < 2; value += 1) {
      yield { value, tags: {}, origin: `item ${value}`, receipt: new Receipt(() => undefined), effects: [] };
    }
    throw new IovError('STOPPED', 'stopped before the end');
  }
  const run = runChain({
    source: source(),
    stages: [{ kernels: [map((n) => n)] }, { step: () => new Promise<Item>(() => undefined), atOnce: 2 }],
    sink: { concurrency: 1, write: async () => undefined },
    failed: async () => undefined,
    arrived: () => undefined,
    signal: new AbortController().signal,
  });
  await t.rejects(run, { code: 'STOPPED' });
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

const waits: Kernel = {
  transform: async (item) => {
    await turn();
    return [item];
  },
};
const passes: Kernel = map((n) => n);
const many = (step: (item: Item) => Promise<Item>): Stage => ({ step, atOnce: 3 });
const waitsBesides = many(async (item) => {
  await turn();
  return item;
});

for (const [name, stages] of Object.entries<Stage[]>({
  'a kernel': [{ kernels: [passes] }],
  'a kernel that waits': [{ kernels: [waits] }],
  'one that waits, and one for many': [{ kernels: [waits] }, waitsBesides],
  'one for many, and one that waits': [waitsBesides, { kernels: [passes, waits] }],
  'two for many': [waitsBesides, waitsBesides],
  'two for many, one between them, and one that waits': [
    waitsBesides,
    { kernels: [passes] },
    waitsBesides,
    { kernels: [waits] },
  ],
})) {
  t.test(`a slow sink bounds what is read by ${name}`, async (t) => {
    let release: () => void = () => undefined;
    const blocked = new Promise<void>((resolve) => {
      release = resolve;
    });
    let read = 0;
    const count: Kernel = {
      transform: (item) => {
        read += 1;
        return [item];
      },
    };
    const running = trial({
      count: 10_000,
      stages: [{ kernels: [count] }, ...stages],
      write: () => blocked,
      concurrency: 4,
    });
    // the event to wait for is that nothing happens any more: a thousand turns of the loop without a read
    for (let quiet = 0, before = -1; quiet < 1_000; quiet = read === before ? quiet + 1 : 0) {
      before = read;
      await turn();
    }
    t.ok(read <= 4 + 64, `read ${read} while nothing could be written`);
    release();
    const { written } = await running;
    t.same(
      [...written].sort((a, b) => Number(a) - Number(b)),
      upTo(10_000),
    );
  });
}

t.test('what is done after the source has broken is neither passed on nor failed', async (t) => {
  let done: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    done = resolve;
  });
  async function* source(): AsyncGenerator<Item> {
    for (let value = 0; value < 2; value += 1) {
      yield { value, tags: {}, origin: `item ${value}`, receipt: new Receipt(() => undefined), effects: [] };
    }
    throw new IovError('STOPPED', 'stopped before the end');
  }
  const seen: unknown[] = [];
  const note = async ({ value }: Item) => void seen.push(value);
  const step = async (item: Item) => {
    await held;
    return item;
  };
  const run = runChain({
    source: source(),
    stages: [many(step), { kernels: [passes] }],
    sink: { concurrency: 1, write: note },
    failed: note,
    arrived: () => undefined,
    signal: new AbortController().signal,
  });
  await t.rejects(run, { code: 'STOPPED' });
  done();
  for (let turns = 0; turns < 20; turns += 1) await turn();
  t.same(seen, []);
});

t.test('a step takes its time for so many items at once, and one that fails holds nobody up', async (t) => {
  let atOnce = 0;
  let most = 0;
  const step = async (item: Item): Promise<Item> => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    await new Promise((resolve) => setImmediate(resolve));
    atOnce -= 1;
    if (item.value === 7) throw new IovError('FILE_UNREADABLE', 'seven');
    return item;
  };
  const seen = await trial({ count: 50, stages: [{ step, atOnce: 3 }] });
  t.equal(most, 3);
  t.same(
    [...seen.written].sort((a, b) => Number(a) - Number(b)),
    upTo(50).filter((n) => n !== 7),
  );
  t.same(seen.failed, [{ value: 7, message: 'seven' }]);
});

t.test('a sink that throws fails that item; the end waits for writes under way', async (t) => {
  const write = async (item: Item) => {
    await new Promise((resolve) => setImmediate(resolve));
    if (item.value === 3) throw new IovError('SFTP_REFUSED', 'three');
  };
  const seen = await trial({ count: 10, stages: [], write, concurrency: 8 });
  t.same(
    seen.written,
    upTo(10).filter((n) => n !== 3),
  );
  t.same(seen.settled.get(3), false);
  t.equal(seen.settled.size, 10);
});

t.test('a source that breaks breaks the run', async (t) => {
  async function* source(): AsyncGenerator<Item> {
    yield { value: 1, tags: {}, origin: 'one', receipt: new Receipt(() => undefined), effects: [] };
    throw new IovError('FILE_UNREADABLE', 'gone');
  }
  const sink: Sink = { concurrency: 1, write: async () => undefined };
  const signal = new AbortController().signal;
  await t.rejects(
    runChain({ source: source(), stages: [], sink, failed: async () => undefined, arrived: () => undefined, signal }),
    { message: 'gone' },
  );
});
