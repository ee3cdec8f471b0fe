import pino, { type Logger } from 'pino';

export type { Logger };

/** Structured lines on standard error; `TILTH_LOG` sets the level (default `info`). */
export const createLogger = (name: string, level = process.env['TILTH_LOG'] ?? 'info'): Logger =>
  pino({ name, level, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
