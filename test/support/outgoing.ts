import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import type { Source } from '../../contract/component.js';
import type { Item } from '../../contract/item.js';
import { spec } from '../../sources/file.js';
import { bareContext } from './bareContext.js';
import { drive, keepingSink } from './drive.js';
import { optionsOf } from './options.js';
import { withReadStream } from './readStream.js';
import { testStore } from './testStore.js';
import { within } from './within.js';

export const POLL_MS = 20;
type Files = Readonly<Record<string, string | Buffer>>;

export const linesOf = (file: string, count: number) =>
  Array.from({ length: count }, (_, index) => `{"ICCID":"${file} ${index + 1}"}\n`).join('');
export const originsOf = (items: readonly Item[]) => items.map(({ origin }) => origin);
export const originsIn = (file: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${file}.ndjson:${index + 1}`);

/** A directory of files and a real ledger; what is started on it again finds what was noted. */
export async function outgoing(t: Test, files: Files = {}) {
  const opened = await testStore(t);
  const { store, log, clock } = opened;
  const folder = dirname(opened.path);
  const directory = join(folder, 'outgoing');
  mkdirSync(directory);
  const put = (name: string, content: string | Buffer) => {
    writeFileSync(join(directory, `${name}.tmp`), content);
    renameSync(join(directory, `${name}.tmp`), join(directory, name));
  };
  for (const [name, content] of Object.entries(files)) put(name, content);
  const context = { ...bareContext({ directory: folder, store, log }), clock };
  const source = (options: object = {}) =>
    spec.create(optionsOf(spec, { path: 'outgoing/*', pollMs: POLL_MS, ...options }), context) as Source;
  const run = async (options: object = {}) => {
    const sink = keepingSink();
    await drive(source(options), [], sink);
    return originsOf(sink.items);
  };
  const alarms = () => log.lines.filter(({ fields }) => 'alarm' in fields);
  return { ...opened, directory, put, context, source, run, alarms };
}

/** A source that is read until it is stopped; each item arrives at once. */
export async function following(source: Source) {
  await source.open?.();
  const stop = new AbortController();
  const items = source.read(stop.signal)[Symbol.asyncIterator]();
  return {
    async take(count: number): Promise<string[]> {
      const taken: Item[] = [];
      while (taken.length < count) {
        const { value, done } = await within(30_000, `item ${taken.length + 1}`, items.next());
        if (done) throw new Error('the source has ended');
        (value as Item).receipt.arrived();
        taken.push(value as Item);
      }
      return originsOf(taken);
    },
    async stop(): Promise<void> {
      stop.abort();
      const { done } = await within(30_000, 'the end', items.next());
      if (!done) throw new Error('the source goes on after it was asked to stop');
      await source.close?.();
    },
  };
}

/** While `work` runs, files with this name cannot be opened, whoever runs the test. */
export function locked<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  return withReadStream(
    (open) => (path, options) => open(String(path).endsWith(name) ? join(String(path), 'locked') : path, options),
    work,
  );
}
