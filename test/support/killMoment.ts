import type { EventEmitter } from 'node:events';
import { mkdirSync, watch } from 'node:fs';
import type { FaultProxy } from './faultProxy.js';
import type { IovpipeProcess } from './iovpipeProcess.js';

/** Something that happens again and again; `tick` counts, and what comes back ends the watching. */
export type Happening = (tick: (count: number) => void) => () => void;

/** Each change in a directory: a file made, written to, renamed or removed. */
export function changesIn(directory: string, onName: (name: string) => void = () => undefined): Happening {
  return (tick) => {
    mkdirSync(directory, { recursive: true });
    const watcher = watch(directory, (_event, name) => {
      if (name !== null) onName(name);
      tick(1);
    });
    return () => watcher.close();
  };
}

/** Each event of an emitter. */
export function eventsOf(emitter: EventEmitter, event: string): Happening {
  return (tick) => {
    const listener = () => tick(1);
    emitter.on(event, listener);
    return () => emitter.off(event, listener);
  };
}

/** Bytes that go through a proxy to its server. */
export function bytesThrough(proxy: FaultProxy): Happening {
  return (tick) => {
    let before = proxy.bytes;
    const listener = (total: number) => {
      tick(total - before);
      before = total;
    };
    proxy.on('bytes', listener);
    return () => proxy.off('bytes', listener);
  };
}

/**
 * Sends a signal when something has happened so many times, and waits for the end.
 * @returns whether it came to that before the process ended by itself
 */
export async function signalAfter(
  count: number,
  happening: Happening,
  running: IovpipeProcess,
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<boolean> {
  const { sentAtMs } = await signalled(count, happening, running, signal);
  return signal === 'SIGKILL' ? (await running.ended).signal === 'SIGKILL' : sentAtMs !== undefined;
}

/** Asks it to stop when something has happened so many times; how long it then took, undefined where it ended by itself. */
export async function stopAfter(
  count: number,
  happening: Happening,
  running: IovpipeProcess,
): Promise<number | undefined> {
  const { sentAtMs, endedAtMs } = await signalled(count, happening, running, 'SIGTERM');
  return sentAtMs === undefined ? undefined : endedAtMs - sentAtMs;
}

async function signalled(count: number, happening: Happening, running: IovpipeProcess, signal: NodeJS.Signals) {
  let seen = 0;
  let sentAtMs: number | undefined;
  const leave = happening((more) => {
    seen += more;
    if (sentAtMs !== undefined || seen < count) return;
    sentAtMs = performance.now();
    running.signal(signal);
  });
  await running.ended;
  leave();
  return { sentAtMs, endedAtMs: performance.now() };
}
