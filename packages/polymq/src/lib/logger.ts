/**
 * Structured logging as every layer sees it: fields for machines, one sentence for people.
 *
 * Fields must hold no payloads and no secrets. Text that came from a peer goes into fields, never
 * into the message: the writer escapes fields, so that nobody can forge a line.
 */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger whose lines carry these fields as well. */
  child(fields: LogFields): Logger;
}

/** An error goes under the key `error`: its message, code, stack and causes are written. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes nothing. For tests and for embedders that bring no logger. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
