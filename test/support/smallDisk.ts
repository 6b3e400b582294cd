import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

const mount = (directory: string, sizeKib: number) =>
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeKib}k`, 'iovpipe-test', directory], { stdio: 'ignore' });

/** Whether this user may mount a disk of a test's own. */
export function mayMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'iovpipe-mount-'));
  try {
    mount(directory, 64);
    execFileSync('umount', [directory]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A folder with a part that is a disk of that size; both go with the test. */
export function folderOnSmallDisk(
  t: Test,
  part: string,
  sizeKib: number,
): { folder: string; grow(sizeKib: number): void } {
  const folder = mkdtempSync(join(tmpdir(), 'iovpipe-full-'));
  const directory = join(folder, part);
  mkdirSync(directory, { recursive: true });
  mount(directory, sizeKib);
  t.teardown(() => {
    execFileSync('umount', [directory]);
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, grow: (sizeKib) => void execFileSync('mount', ['-o', `remount,size=${sizeKib}k`, directory]) };
}
