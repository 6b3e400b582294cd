import { type Dirent, lstatSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { IovError } from '../contract/error.js';
import type { AsideFile } from '../contract/purge.js';
import type { Store } from '../contract/store.js';
import { entriesOf, realBelow } from '../files/directory.js';
import { baseNameOf } from '../notice/fileName.js';

/** Files of one transaction, and that are removed before others have their turn. */
const TOGETHER = 20;

export interface AsideOrder {
  /** Absolute; `*` is one folder of any name. */
  folders: readonly string[];
  beforeMs: number;
  signal: AbortSignal | undefined;
  /** Told why files could not be looked at, or removed. */
  failed(thrown: IovError): void;
}

/**
 * Purges files that were put aside, and for which nobody has asked for the term: refused ones, pictures without a registration.
 * They count as there since their inode last changed, which is when they were put there, and which no sender can set.
 * @param purge undefined for a dry run
 * @returns how many have gone, or would go
 */
export async function purgeAside(store: Store, purge: number | undefined, order: AsideOrder): Promise<number> {
  const { beforeMs, signal, failed } = order;
  let gone = 0;
  for await (const folder of foldersOf(order)) {
    const attempt = (work: () => boolean) => {
      try {
        return work();
      } catch (thrown) {
        const { code } = thrown as NodeJS.ErrnoException;
        if (code !== 'ENOENT') failed(unreadable(folder, thrown)); // somebody was quicker
        return false;
      }
    };
    const isOver = (name: string) => {
      const stats = lstatSync(join(folder, name));
      return stats.isFile() && stats.ctimeMs < beforeMs;
    };
    const remove = ({ name }: AsideFile) =>
      attempt(() => {
        rmSync(join(folder, name));
        return true;
      });
    for await (const names of groupsOf(folder, failed)) {
      if (signal?.aborted) return gone;
      const over = names
        .filter((name) => attempt(() => isOver(name)))
        .map((name) => ({ name, baseName: baseNameOf(name) }));
      if (over.length > 0) gone += await store.purges.aside(purge, over, { beforeMs, remove });
      await new Promise<void>((resolve) => void setImmediate(resolve)); // others have their turn
    }
  }
  return gone;
}

/** Those that are there, each once. A sender may write there: what a link leads to is not looked at. */
async function* foldersOf({ folders, failed }: AsideOrder): AsyncGenerator<string> {
  const done = new Set<string>();
  for (const folder of folders) {
    const [parent = '', below] = folder.split('/*/');
    const base = below === undefined ? dirname(folder) : parent;
    for await (const rest of below === undefined ? [folder.slice(base.length)] : loginsOf(base, below, failed)) {
      const real = await realBelow(base, rest).catch(() => undefined);
      if (real === undefined || done.has(real)) continue;
      done.add(real);
      yield join(base, rest);
    }
  }
}

async function* loginsOf(parent: string, below: string, failed: AsideOrder['failed']): AsyncGenerator<string> {
  for await (const entry of found(parent, failed)) if (entry.isDirectory()) yield join(entry.name, below);
}

async function* groupsOf(folder: string, failed: AsideOrder['failed']): AsyncGenerator<string[]> {
  let names: string[] = [];
  for await (const entry of found(folder, failed)) {
    if (entry.isFile()) names.push(entry.name);
    if (names.length < TOGETHER) continue;
    yield names;
    names = [];
  }
  yield names;
}

/** What lies there. */
async function* found(folder: string, failed: AsideOrder['failed']): AsyncGenerator<Dirent> {
  try {
    yield* entriesOf(folder);
  } catch (thrown) {
    const { cause } = thrown as IovError;
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') failed(unreadable(folder, cause)); // nobody has come yet
  }
}

/** The message of the system has a name in it, and that may hold a card's number. */
function unreadable(folder: string, thrown: unknown): IovError {
  const { code = 'unknown' } = thrown as NodeJS.ErrnoException;
  return new IovError('FILE_UNREADABLE', `${folder}: files that lie aside cannot be removed (${code})`);
}
