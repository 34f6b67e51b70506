/**
 * Options that nobody knows are refused: who writes `retries` where it is `retry` must not learn it from a message that is lost.
 * TypeScript finds most of them; programs in JavaScript, and options that come out of a configuration, need this.
 */
import { PolymqError } from '../errors.ts';

/** The names of the options of `T`. The compiler sees to it that all are there. */
export type OptionNames<T> = Readonly<Record<keyof Required<T>, true>>;

/** Throws `invalid-argument` for an option that is not in the table. `place`: `queue "orders"`. */
export function checkOptions<T extends object>(
  options: T | undefined,
  names: OptionNames<T>,
  place: string,
): void {
  for (const name in options) {
    if (Object.hasOwn(names, name)) continue;
    throw new PolymqError(
      'invalid-argument',
      `${place} has no option "${name}"; there are ${Object.keys(names).join(', ')}`,
    );
  }
}
