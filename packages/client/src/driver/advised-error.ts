import { type ClientErrorCode, PolymqError } from '../errors.ts';

/** What to do about errors of an engine, by their codes. */
export type Advice = Readonly<Partial<Record<ClientErrorCode, string>>>;

/** An error of an engine, and what to do about it where that is known. `text`: what failed and why. */
export function advisedError(
  code: ClientErrorCode,
  text: string,
  { advice, cause }: { readonly advice: Advice; readonly cause: unknown },
): PolymqError {
  const known = advice[code];
  return new PolymqError(code, known === undefined ? text : `${text}; ${known}`, { cause });
}
