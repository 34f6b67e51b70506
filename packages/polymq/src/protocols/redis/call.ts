import type { CommandRow } from './command-row.ts';
import { textOf } from './errors.ts';
import type { RedisSession } from './session.ts';

/** Runs a handler. Expected errors are replies; anything else is a bug. */
export function call(session: RedisSession, row: CommandRow, args: readonly Buffer[]): void {
  try {
    row.handler(session, args);
  } catch (error: unknown) {
    session.reply.error(expectedText(error));
  }
}

/** What the client is told; a bug is thrown again. */
export function expectedText(error: unknown): string {
  const text = textOf(error);
  if (text === undefined) throw error;
  return text;
}
