import { resolve } from 'node:path';
import type { Connection } from '../../contract/connection.js';
import type { Context, Log } from '../../contract/context.js';
import type { Store } from '../../contract/store.js';

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields: object;
}

/** A log that keeps its lines. */
export function keptLog(): Log & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: LogLine['level']) => (fields: object, message: string) =>
    void lines.push({ level, message, fields });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** A component's context with no more than a test needs; what is not given, and asked for, fails loudly. */
export function bareContext(given: {
  directory: string;
  log?: Log;
  store?: Partial<Store>;
  connections?: Record<string, Connection>;
}): Context {
  return {
    pipeline: 'test',
    place: 'test.component',
    clock: { now: () => Date.now(), until: () => Promise.reject(new Error('no clock here')) },
    log: given.log ?? keptLog(),
    store: (given.store ?? {}) as Store,
    peers: {},
    site: { codes: {}, tables: {} },
    resolve: (path) => resolve(given.directory, path),
    connection: <Kind extends Connection>(name: string) => given.connections?.[name] as Kind,
  };
}
