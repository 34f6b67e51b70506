/**
 * Log lines on standard error: one JSON object each through pino, or text for people on a terminal.
 *
 * What came from a peer stands in fields, and fields are always written as JSON values: no line break in them
 * reaches the output, so nobody can forge a line.
 */
import type { LogFields, Logger } from '../lib/logger.ts';
import type { LogConfig } from './config/settings.ts';

/** Where finished lines go. Standard output is for what programs read: ports and `ready`. */
export interface LineSink {
  write(line: string): unknown;
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

type Level = (typeof LEVELS)[number];

export async function createLogger(config: LogConfig, isTerminal: boolean): Promise<Logger> {
  const text = config.format === 'text' || (config.format === 'auto' && isTerminal);
  // Whoever reads the log may go away; that is no reason to stop serving.
  process.stderr.on('error', () => undefined);
  if (text) return new TextLogger(config.level, process.stderr);
  // Loaded late: a start that logs text does not wait for it.
  const { default: pino } = await import('pino');
  const destination = pino.destination({ fd: 2, sync: true });
  destination.on('error', () => undefined);
  return jsonLogger(pino, config.level, destination);
}

/** JSON lines through pino, which escapes what would break a line. */
export function jsonLogger(
  pino: typeof import('pino').default,
  level: Level,
  sink: LineSink & { write(line: string): void },
): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.errWithCause },
  };
  return adapt(pino(options, sink));
}

type PinoLogger = ReturnType<typeof import('pino').default>;

function adapt(pino: PinoLogger): Logger {
  return {
    debug: (fields, message) => pino.debug(fields, message),
    info: (fields, message) => pino.info(fields, message),
    warn: (fields, message) => pino.warn(fields, message),
    error: (fields, message) => pino.error(fields, message),
    child: (fields) => adapt(pino.child(fields)),
  };
}

/** `2026-11-21T20:15:00.123Z warn  closed a connection  peer="10.0.0.7:4000"` */
export class TextLogger implements Logger {
  readonly #level: Level;
  readonly #sink: LineSink;
  readonly #fields: LogFields;

  constructor(level: Level, sink: LineSink, fields: LogFields = {}) {
    this.#level = level;
    this.#sink = sink;
    this.#fields = fields;
  }

  debug(fields: LogFields, message: string): void {
    this.#write('debug', fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.#write('info', fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.#write('warn', fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.#write('error', fields, message);
  }

  child(fields: LogFields): Logger {
    return new TextLogger(this.#level, this.#sink, { ...this.#fields, ...fields });
  }

  #write(level: Level, fields: LogFields, message: string): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#level)) return;
    const parts = [new Date().toISOString(), level.padEnd(5), oneLine(message)];
    for (const [key, value] of Object.entries({ ...this.#fields, ...fields })) {
      if (value !== undefined) parts.push(`${key}=${formatField(value)}`);
    }
    this.#sink.write(`${parts.join(' ')}\n`);
  }
}

function formatField(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(errorText(value));
  if (typeof value === 'string') return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? String(value);
}

/** The stack of an error and of what caused it; JSON keeps it on one line. */
function errorText(error: Error): string {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? `${own}\ncaused by ${errorText(error.cause)}` : own;
}

/** Messages are ours, but an error's text that slipped into one must not forge a second line. */
function oneLine(text: string): string {
  return /[\r\n]/.test(text) ? JSON.stringify(text) : text;
}
