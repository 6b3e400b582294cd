/** What is told in the log, from everything to nothing. */
export const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LEVELS)[number];

/** For machines, and for people. */
export const FORMATS = ['json', 'pretty'] as const;
export type LogFormat = (typeof FORMATS)[number];
