import pino from 'pino';
import type { Log } from '../contract/context.js';
import { systemClock } from './clock.js';
import { isColoured } from './isColoured.js';
import { LEVELS, type LogFormat, type LogLevel } from './logWords.js';
import { prettyLine } from './prettyLine.js';

export interface LogOptions {
  level: LogLevel;
  /** `json` by default. */
  format?: LogFormat;
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
  const coloured = isColoured(process.stderr);
  const at = (level: LogLevel) => (fields: object, message: string) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return;
    process.stderr.write(prettyLine({ level, atMs: systemClock.now(), message, fields }, coloured));
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
