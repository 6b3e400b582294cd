import pino from 'pino';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import { systemClock } from './clock.js';
import { prettyLine } from './prettyLine.js';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LEVELS)[number];

const FORMATS = ['json', 'pretty'] as const;
export type LogFormat = (typeof FORMATS)[number];

export interface LogOptions {
  level: LogLevel;
  /** `json` by default. */
  format?: LogFormat;
}

/** @throws IovError USAGE for another word */
export function levelOf(text: string): LogLevel {
  const level = LEVELS.find((candidate) => candidate === text);
  if (level) return level;
  throw new IovError('USAGE', `--log: expected ${LEVELS.join(', ')}, got ${JSON.stringify(text)}`);
}

/** @throws IovError USAGE for another word */
export function formatOf(text: string): LogFormat {
  const format = FORMATS.find((candidate) => candidate === text);
  if (format) return format;
  throw new IovError('USAGE', `--log-format: expected ${FORMATS.join(' or ')}, got ${JSON.stringify(text)}`);
}

/** Lines on stderr, where journald and people find them; stdout stays free for data. */
export function openLog({ level, format = 'json' }: LogOptions): Log {
  return format === 'pretty' ? prettyLog(level) : jsonLog(level);
}

function jsonLog(level: LogLevel): Log {
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

function prettyLog(least: LogLevel): Log {
  const at = (level: LogLevel) => (fields: object, message: string) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return;
    process.stderr.write(prettyLine({ level, atMs: systemClock.now(), message, fields }, process.stderr.isTTY));
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
