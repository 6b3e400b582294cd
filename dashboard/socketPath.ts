import { closeSync, openSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What a Unix socket's address holds (unix(7)). */
const PATH_BYTES_MAX = 107;

/** Where a daemon is asked and watched: beside its ledger. */
export const controlSocket = (archivePath: string): string => join(dirname(archivePath), 'control.sock');

/** Gives a path that is short enough for a socket's address: a long one goes by an open handle of its folder. */
export function withShortPath<Result>(
  path: string,
  use: (path: string) => Result,
): { result: Result; release(): void } {
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return { result: use(path), release: () => undefined };
  const folder = openSync(dirname(path), 'r');
  const release = () => closeSync(folder);
  try {
    return { result: use(`/proc/self/fd/${folder}/${basename(path)}`), release };
  } catch (thrown) {
    release();
    throw thrown;
  }
}
