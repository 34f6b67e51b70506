import { PolymqError } from '../errors.ts';

/** `error`, or if it says that a table is missing, in the words of PostgreSQL or a SQLite library: `not-found` with `advice`. */
export function explainMissingTable(error: unknown, table: string, advice: string): unknown {
  const { code, message } = error as { code?: string; message?: string };
  if (code !== '42P01' && !/no such table/i.test(message ?? '')) return error;
  return new PolymqError('not-found', `the table ${table} does not exist; ${advice}`, {
    cause: error,
  });
}
