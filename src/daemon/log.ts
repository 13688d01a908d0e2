import { pino, type Logger } from 'pino';
import type { LogConfig } from './config.js';

/** What colours a pretty line needs; picocolors has them. */
export interface LogColors {
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly green: (text: string) => string;
}

export type Log = Logger;

/** Lines for people: time, level where it matters, sentence, then the fields. */
export function prettyLine(line: string, colors: LogColors): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const paint =
    level === 'error' || level === 'fatal'
      ? colors.red
      : level === 'warn'
        ? colors.yellow
        : (text: string): string => text;
  const rest = Object.entries(fields).map(([key, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return ` ${colors.dim(`${key}=`)}${text.replace(/\p{Cc}/gu, '?')}`;
  });
  return `${colors.dim(clock)} ${paint(String(msg ?? ''))}${rest.join('')}\n`;
}

/**
 * Structured lines, one JSON object each, or lines for people on a terminal.
 * @param write takes finished lines.
 */
export function createLog(
  config: LogConfig,
  tty: boolean,
  colors: LogColors,
  write: (text: string) => void,
): Log {
  const pretty = config.format === 'pretty' || (config.format === 'auto' && tty);
  return pino(
    {
      level: config.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => write(pretty ? prettyLine(line, colors) : line) },
  );
}
