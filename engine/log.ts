import pino from 'pino';
import type { Log } from '../contract/context.js';

export interface LogOptions {
  level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** JSON lines on stderr, where journald and people find them; stdout stays free for data. */
export function openLog({ level }: LogOptions): Log {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    pino.destination({ fd: 2, sync: true }),
  );
}
