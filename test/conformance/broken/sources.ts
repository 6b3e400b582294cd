import { createReadStream } from 'node:fs';
import type { Source } from '../../../contract/component.js';
import type { Item } from '../../../contract/item.js';
import { Receipt } from '../../../contract/receipt.js';

const item = (value: unknown): Item => ({
  value,
  tags: {},
  origin: String(value),
  receipt: new Receipt(() => undefined),
  effects: [],
});

/** Cannot be closed before it was opened. */
export function closesOpenOnly(): Source {
  let handle: { release(): void } | undefined;
  return {
    async open() {
      handle = { release: () => undefined };
    },
    async *read() {},
    async close() {
      handle!.release();
    },
  };
}

/** Cannot be closed twice. */
export function closesOnce(): Source {
  let closed = false;
  return {
    async *read() {},
    async close() {
      if (closed) throw new Error('closed already');
      closed = true;
    },
  };
}

/** Waits for its next item whatever happens around it, as a listener that nobody calls any more. */
export function waitsForEver(): Source {
  return {
    async *read() {
      yield item(1);
      await new Promise(() => undefined);
    },
  };
}

/** Goes on with what it has, although it was asked to stop. */
export function hearsNoStop(): Source {
  return {
    async *read() {
      for (let number = 0; number < 50; number += 1) yield item(number);
    },
  };
}

/** Has a bound, and reads on beyond it. */
export function readsOn(): Source {
  return {
    async *read() {
      for (let number = 0; number < 20; number += 1) yield item(number);
      await new Promise(() => undefined);
    },
  };
}

/** Takes each chunk for whole lines. */
export function takesChunksForLines(path: string): Source {
  return {
    async *read() {
      for await (const chunk of createReadStream(path)) {
        for (const line of String(chunk).split('\n')) if (line) yield item(JSON.parse(line));
      }
    },
  };
}

/** Sound, for comparison: takes from its world what it is asked for, and no more. */
export function endless() {
  let taken = 0;
  const source: Source = {
    async *read() {
      for (;;) {
        taken += 1;
        yield item(taken);
      }
    },
  };
  return { source, given: () => taken };
}

/** Takes a hundred from its world whenever it is asked for one. */
export function readsAhead() {
  let taken = 0;
  const source: Source = {
    async *read() {
      for (;;) {
        const ahead = Array.from({ length: 100 }, () => item(taken++));
        yield* ahead;
      }
    },
  };
  return { source, given: () => taken };
}
