import pino from 'pino';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LEVELS)[number];

export interface LogOptions {
  level: LogLevel;
}

/** @throws IovError USAGE for another word */
export function levelOf(text: string): LogLevel {
  const level = LEVELS.find((candidate) => candidate === text);
  if (level) return level;
  throw new IovError('USAGE', `--log: expected ${LEVELS.join(', ')}, got ${JSON.stringify(text)}`);
}

/** JSON lines on stderr, where journald and people find them; stdout stays free for data. */
export function openLog({ level }: LogOptions): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
